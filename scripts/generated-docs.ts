import { readFileSync } from "node:fs";
import { join } from "node:path";
import { jsonSchemaFiles } from "../cli/json/schemas";
import { generatedSettingsFiles } from "../platform/settings/generated-files";
import { reportJsonSchema } from "../report/schema";
import { withCommandTables } from "./command-table";
import { componentPages } from "./component-docs";

/** Folders that hold nothing but generated files: what is not among them is removed. */
export const generatedFolders = ["docs/components", "schemas/json"];

/** Every file that `npm run docs` writes: path below the project's root -> text. */
export function generatedDocs(root: string): Readonly<Record<string, string>> {
  const { pages } = componentPages(root);
  return {
    ...Object.fromEntries(Object.entries(pages).map(([name, text]) => [`docs/components/${name}`, text])),
    ...generatedSettingsFiles(),
    "schemas/report.schema.json": `${JSON.stringify(reportJsonSchema(), undefined, 2)}\n`,
    ...jsonSchemaFiles(),
    "docs/cli.md": withCommandTables(readFileSync(join(root, "docs", "cli.md"), "utf8")),
  };
}
