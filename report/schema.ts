/** The report's schema: that of `--json` too, from which schemas/report.schema.json is made. Apart, as a run does without it. */
import { z } from "zod";
import { operations, type Report, reportVersion, riskKinds, riskLevels } from "./model";

const risk = z
  .strictObject({
    kind: z.enum(riskKinds).describe("What is at risk."),
    level: z
      .enum(riskLevels)
      .describe("`danger` needs a human's yes, `warning` a look, `notice` is good to know."),
    text: z.string().describe("One clause that says what would happen."),
  })
  .describe("What a change may do to those who use the environment.");

const property = z
  .strictObject({
    path: z.string().describe("Such as `policies[0].decision`. Never below a secret."),
    kind: z.enum(["add", "update", "delete"]).describe("What becomes of it."),
    secret: z.boolean().describe("True: before and after are left out."),
    before: z
      .string()
      .optional()
      .describe("Cut at 200 characters; `(known after)` where it is not known yet."),
    after: z.string().optional().describe("As before; left out where it is removed."),
    replaces: z.boolean().describe("True where this property cannot be changed in place."),
  })
  .describe("One input that differs; for drift, one value that is otherwise than the state knows it.");

const change = z
  .strictObject({
    urn: z.string().describe("The resource's URN."),
    type: z.string().describe("Such as `cloudflare:index/dnsRecord:DnsRecord`."),
    name: z.string().describe("The logical name, the last part of the URN."),
    component: z.string().describe("Key of the component it belongs to; empty: none."),
    isComponent: z.boolean().describe("True for a component itself, which only groups."),
    operation: z.enum(operations).describe("What is done with it."),
    title: z.string().describe("What it is, in words: `DNS record A api.example.com → 203.0.113.10`."),
    cause: z.string().optional().describe("Why it is replaced or deleted."),
    note: z
      .string()
      .optional()
      .describe("What else to know, such as that a deletion leaves things on the host."),
    risks: z.array(risk).describe("What it may do; often nothing."),
    properties: z.array(property).describe("Which inputs differ."),
    moreProperties: z.number().int().describe("How many differing properties are left out of the list."),
    outcome: z
      .enum(["planned", "done", "failed", "unfinished"])
      .describe("`unfinished`: it had begun when the run ended."),
    seconds: z.number().optional().describe("How long it took."),
  })
  .describe("What happens to one resource.");

const component = z
  .strictObject({
    key: z.string().describe("Such as `AppOrigin/api`; empty for what belongs to no component."),
    type: z.string().describe("Such as `AppOrigin`."),
    name: z.string().describe("Its name, such as `api`."),
    title: z.string().describe("In words: `Origin api`."),
    state: z.enum(["new", "removed", "changed", "same"]).describe("What becomes of it as a whole."),
    unchanged: z.number().int().describe("Resources of it that stay as they are."),
  })
  .describe("A part of the environment. Its changes are those with its key.");

const message = z.strictObject({
  severity: z.enum(["info", "warning", "error"]).describe("`error`: the run fails by it."),
  text: z.string().describe("Without secrets."),
  urn: z.string().optional().describe("The resource that it is about."),
});

export const policyResult = z.strictObject({
  policy: z.string().describe("The rule's name."),
  pack: z.string().optional().describe("The policy pack that it is of."),
  level: z.enum(["mandatory", "advisory"]).describe("`mandatory`: the run is refused by it."),
  text: z.string().describe("What is wrong."),
  urn: z.string().optional().describe("The resource that breaks it."),
});

const costLine = z.strictObject({
  what: z.string().describe("What is paid for."),
  before: z.number().optional().describe("A month; left out where there was nothing."),
  after: z.number().optional().describe("A month; left out where there is nothing."),
  note: z.string().optional().describe("What else to know, such as that it is priced by use."),
});

/** Sections that others fill in: each may be missing. */
export const sections = {
  policies: z
    .strictObject({
      checked: z.number().int().optional().describe("How many rules were asked."),
      results: z.array(policyResult).describe("Those that were broken."),
    })
    .optional()
    .describe("What policies say."),
  cost: z
    .strictObject({
      currency: z.string().describe("Such as `USD`."),
      before: z.number().describe("A month."),
      after: z.number().describe("A month."),
      lines: z.array(costLine).describe("What it is made of."),
    })
    .optional()
    .describe("What the environment costs, before and after."),
  rehearsal: z
    .strictObject({
      state: z.enum(["passed", "failed", "skipped"]).describe("`skipped`: nothing was rehearsed."),
      notes: z.array(z.string()).describe("What is known of it, a sentence each."),
      seconds: z.number().optional().describe("How long it took."),
    })
    .optional()
    .describe("Whether the migrations were rehearsed."),
  drift: z
    .strictObject({
      checkedAt: z.string().describe("ISO 8601."),
      items: z
        .array(
          z.strictObject({
            urn: z.string().describe("The resource's URN."),
            title: z.string().describe("What it is, in words."),
            what: z.string().describe("What differs."),
            knownSince: z.string().optional().describe("The check that found it first, ISO 8601."),
          }),
        )
        .describe("What differs."),
    })
    .optional()
    .describe("What was changed outside of the code."),
  plan: z
    .strictObject({
      digest: z.string().describe("The plan's digest."),
      command: z.string().describe("Releases exactly this plan."),
    })
    .optional()
    .describe("The plan that `up --plan` takes."),
};

export const reportSchema = z
  .strictObject({
    version: z.literal(reportVersion).describe("Raised when a reader has to be changed."),
    kind: z.enum(["preview", "up", "refresh", "destroy", "drift"]).describe("What was run."),
    project: z.string().describe("The Pulumi project."),
    stack: z.string().describe("The environment's name."),
    result: z
      .enum(["planned", "succeeded", "failed", "cancelled"])
      .describe("What it came to; `planned`: a preview went well."),
    seconds: z.number().optional().describe("How long it took."),
    counts: z
      .record(z.string(), z.number())
      .describe("Resources by operation, as the engine counts them: with components and the stack itself."),
    components: z.array(component).describe("The parts of the environment."),
    changes: z
      .array(change)
      .describe("Deletions and replacements first, the worst at the top; what stays the same is left out."),
    messages: z.array(message).describe("What the engine and the providers said."),
    ...sections,
  })
  .describe("What a run of groundwork changes, or would change.");

/** A JSON Schema of the report, for readers in any language. */
export function reportJsonSchema(): Readonly<Record<string, unknown>> {
  return {
    ...z.toJSONSchema(reportSchema),
    title: "Groundwork report",
  };
}

/** @throws Error where the text is no report of this version */
export function parseReport(text: string): Report {
  return reportSchema.parse(JSON.parse(text));
}
