/** What `--json` prints, command by command: schemas/json has a JSON Schema of each, made from these. */
import { z } from "zod";
import { reportSchema } from "../report/model";

const time = z.string().describe("ISO 8601.");
const urn = z.string();

const ci = z
  .strictObject({
    system: z.string().describe("Such as `GitHub Actions`."),
    url: z.string().optional().describe("Where somebody can look at it."),
  })
  .describe("A run of a pipeline.");

const doubt = z
  .strictObject({
    urn,
    type: z.string(),
    name: z.string(),
    operation: z.string().describe("`creating`, `updating`, `deleting`, `reading`, `importing`."),
    what: z.string().describe("What may be."),
    next: z.string().describe("What comes of it."),
    repaired: z.boolean().describe("True where the next `up` makes it right by itself."),
  })
  .describe("An operation that was begun and not ended.");

const holder = z
  .strictObject({
    id: z.string().describe("Name of the lock."),
    pid: z.number().int().describe("Process of the engine; 0 where it is not known."),
    user: z.string(),
    host: z.string(),
    since: time,
    state: z
      .enum(["lives", "gone", "unknown"])
      .describe("`unknown`: it runs on another machine, of which nothing is known here."),
    why: z.string().describe("How that is known."),
    ending: z
      .boolean()
      .describe("True where its command is gone and its engine still ends what it had begun."),
    ci: ci.optional(),
  })
  .describe("Who holds the lock.");

const lockState = z.strictObject({
  backend: z.strictObject({ kind: z.enum(["file", "bucket", "cloud", "none"]), url: z.string() }),
  held: z.boolean().optional().describe("Left out where the backend tells it only to a run that it refuses."),
  holders: z.array(holder),
  doubts: z.array(doubt),
});

const unlocked = z.strictObject({
  removed: z.array(holder).describe("Whose locks were taken off."),
  doubts: z.array(doubt).describe("Every operation that was cut short, as it was found."),
  adopted: z.array(urn).describe("What was taken into the state."),
  forgotten: z.array(urn).describe("Creations that the next run begins anew."),
});

const { properties, ...driftChange } = reportSchema.shape.changes.element.shape;

const drift = z.strictObject({
  checkedAt: time,
  drifted: z.boolean(),
  items: z.array(
    z.strictObject({
      urn,
      type: driftChange.type,
      name: driftChange.name,
      title: driftChange.title,
      what: z.enum(["changed", "gone"]),
      properties: properties.describe("What differs: before as the state has it, after as it is."),
      knownSince: time.describe("The check that found it first, ISO 8601."),
      asRecordedAt: time.optional().describe("When it was still as recorded, ISO 8601."),
    }),
  ),
  adopt: z.string().describe("Command that takes what is there into the state."),
  revert: z.string().describe("Command that makes it what the stack file says."),
  report: reportSchema,
});

const history = z.array(
  z.strictObject({
    version: z.number().int().optional().describe("Number of the run; a file backend counts none."),
    kind: z.string().describe("`update`, `refresh`, `destroy` …"),
    result: z.enum(["succeeded", "failed", "in-progress", "not-started"]),
    startedAt: time,
    endedAt: time.optional(),
    seconds: z.number().optional(),
    message: z.string().optional(),
    changes: z.record(z.string(), z.number()).describe("Resources by operation."),
    by: z.strictObject({
      author: z.string().optional(),
      commit: z.string().optional(),
      branch: z.string().optional(),
      dirty: z.boolean().optional().describe("The checkout had changes that were not committed."),
      ci: ci.optional(),
    }),
  }),
);

const releases = z.array(
  z.strictObject({
    origin: z.string(),
    project: z.string(),
    running: z.string().optional().describe("A release that is under way now."),
    releases: z
      .array(
        z.strictObject({
          id: z.string(),
          number: z.number().int(),
          at: time.describe("When it last took over, by the host's clock, ISO 8601."),
          state: z.enum(["active", "previous", "kept"]),
          images: z.record(z.string(), z.string()).describe("References by service."),
          schema: z.string().optional(),
          breaking: z.boolean(),
          ledger: z
            .looseObject({ version: z.literal(1) })
            .optional()
            .describe("What its rollout lost."),
        }),
      )
      .describe("The one that was entered last first."),
  }),
);

const outputs = z.record(z.string(), z.unknown()).describe("By name; a secret one is the text `[secret]`.");

const rehearsal = z.strictObject({
  version: z.literal(1),
  stack: z.string(),
  database: z.string(),
  origin: z.string().describe("Whose migrations ran."),
  at: time.describe("When it began, ISO 8601."),
  source: z.enum(["backup", "live"]).describe("What was copied: a backup, or the database as it was."),
  backup: z.string().optional(),
  copyAt: z.string().describe("Of when the copy is, ISO 8601."),
  image: z.string().optional(),
  imageId: z.string().optional(),
  limitMs: z.number().describe("Milliseconds that ACCESS EXCLUSIVE may be held."),
  exact: z
    .boolean()
    .describe(
      "Whether every commit's locks were seen. False: those of statements that are no DDL may be missing.",
    ),
  statements: z.array(
    z.strictObject({
      statement: z.string().describe("Without secrets, cut where it is long."),
      milliseconds: z.number(),
      locks: z
        .array(
          z.strictObject({
            relation: z.string(),
            mode: z.string().describe("As SQL has it, such as `ACCESS EXCLUSIVE`."),
            heldMs: z.number().describe("From the beginning of the statement to the end of its transaction."),
          }),
        )
        .describe("On what was there before the migrations."),
      rewrites: z.array(z.strictObject({ relation: z.string(), rows: z.number(), bytes: z.number() })),
      error: z.string().optional(),
    }),
  ),
  statementsLeftOut: z.number().int(),
  dropped: z.array(z.string()).describe("Tables that are not there any more."),
  previous: z.string().optional().describe("The release that serves, tried on the new schema."),
  checks: z.array(
    z.strictObject({
      what: z.enum(["health", "smoke"]),
      service: z.string(),
      ok: z.boolean(),
      detail: z.string(),
    }),
  ),
  seconds: z.strictObject({
    start: z.number(),
    restore: z.number(),
    migrate: z.number(),
    previous: z.number(),
  }),
  problems: z.array(z.string()).describe("Why it is red."),
  warnings: z.array(z.string()),
  passed: z.boolean(),
});

const findings = z.array(
  z.strictObject({
    subject: z.string().describe("What was looked at, such as `host web`."),
    state: z
      .enum(["well", "look", "bad", "unknown"])
      .describe("`look`: nothing is broken yet; `unknown`: it could not be asked."),
    says: z.string(),
    next: z.string().optional().describe("The next command, or what to do."),
  }),
);

/** By the command's name. What `unlock` prints with `--look` stands beside it. */
export const jsonSchemas = {
  preview: reportSchema,
  up: reportSchema,
  refresh: reportSchema,
  destroy: reportSchema,
  drift,
  outputs,
  releases,
  history,
  unlock: unlocked,
  "unlock --look": lockState,
  doctor: findings,
  "db rehearse": rehearsal,
} as const;

/** File name -> JSON Schema of what a command prints; those of reports are schemas/report.schema.json. */
export function jsonSchemaFiles(): Readonly<Record<string, string>> {
  const own = Object.entries(jsonSchemas).filter(([, schema]) => schema !== reportSchema);
  return Object.fromEntries(
    own.map(([command, schema]) => {
      const title = `Answer of groundwork ${command} --json`;
      const text = JSON.stringify({ ...z.toJSONSchema(schema), title }, undefined, 2);
      return [`schemas/json/${command.replace(/ (--)?/, "-")}.schema.json`, `${text}\n`];
    }),
  );
}
