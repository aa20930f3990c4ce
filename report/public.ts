/** What others import as `groundwork/report`: with the schema, which a run itself does without. */
export * from "./index";
export { parseReport, reportJsonSchema } from "./schema";
