/** Answers of commands that run, look at or remove an environment, its sandbox, or those of pull requests. */
import { z } from "zod";
import { reportSchema } from "../../report/schema";
import { ci, stack, time, urn } from "./shared";

const { properties, ...driftChange } = reportSchema.shape.changes.element.shape;

export const drift = z
  .strictObject({
    checkedAt: time.describe("When it was looked, ISO 8601."),
    drifted: z.boolean().describe("True where something differs; the exit code is 3 then."),
    items: z
      .array(
        z.strictObject({
          urn,
          type: driftChange.type,
          name: driftChange.name,
          title: driftChange.title,
          what: z.enum(["changed", "gone"]).describe("`gone`: it is not there any more."),
          properties: properties.describe("What differs: before as the state has it, after as it is."),
          knownSince: time.describe("The check that found it first, ISO 8601."),
          asRecordedAt: time.optional().describe("When it was still as recorded, ISO 8601."),
        }),
      )
      .describe("What is otherwise than the state knows it."),
    adopt: z.string().describe("Command that takes what is there into the state."),
    revert: z.string().describe("Command that makes it what the stack file says."),
    report: reportSchema.describe("The same as a report, with what else it says."),
  })
  .describe("What was changed outside of the stack file.");

export const outputs = z
  .record(z.string(), z.unknown())
  .describe("What the environment gives, by name; a secret one is the text `[secret]`.");

export const history = z
  .array(
    z.strictObject({
      version: z.number().int().optional().describe("Number of the run; a file backend counts none."),
      kind: z.string().describe("`update`, `refresh`, `destroy` …"),
      result: z.enum(["succeeded", "failed", "in-progress", "not-started"]).describe("What it came to."),
      startedAt: time,
      endedAt: time.optional(),
      seconds: z.number().optional().describe("How long it took."),
      message: z.string().optional().describe("What was said of it when it was begun."),
      changes: z.record(z.string(), z.number()).describe("Resources by operation."),
      by: z
        .strictObject({
          author: z.string().optional().describe("Who began it."),
          commit: z.string().optional().describe("The checkout's commit."),
          branch: z.string().optional().describe("The checkout's branch."),
          dirty: z.boolean().optional().describe("The checkout had changes that were not committed."),
          ci: ci.optional(),
        })
        .describe("What it came from, as far as that was known there."),
    }),
  )
  .describe("The runs of the past, the newest first.");

const doubt = z
  .strictObject({
    urn,
    type: z.string().describe("The resource's type."),
    name: z.string().describe("The last part of the URN."),
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
    user: z.string().describe("Who started it."),
    host: z.string().describe("The machine that it runs on."),
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

export const lockState = z
  .strictObject({
    backend: z
      .strictObject({
        kind: z.enum(["file", "bucket", "cloud", "none"]).describe("What keeps the state."),
        url: z.string().describe("Its address, without credentials."),
      })
      .describe("Where the state is."),
    held: z
      .boolean()
      .optional()
      .describe("Left out where the backend tells it only to a run that it refuses."),
    holders: z.array(holder).describe("As far as the backend names them."),
    doubts: z.array(doubt).describe("What had been begun and not ended when the state was written last."),
  })
  .describe("Who holds the lock, and what was not ended.");

export const unlocked = z
  .strictObject({
    removed: z.array(holder).describe("Whose locks were taken off."),
    doubts: z.array(doubt).describe("Every operation that was cut short, as it was found."),
    adopted: z.array(urn).describe("What was taken into the state."),
    forgotten: z.array(urn).describe("Creations that the next run begins anew."),
  })
  .describe("Which locks were taken off, and what became of what was not ended.");

const expires = time.describe("From when on it may be removed, ISO 8601.");

export const envUp = z
  .strictObject({
    name: stack,
    template: z.string().describe("The stack that it is made from."),
    expires,
    addresses: z.array(z.string()).describe("The URLs of its sites and health paths."),
  })
  .describe("An environment of a pull request that was brought up.");

export const envExtend = z
  .strictObject({ name: stack, template: z.string().describe("The stack that it is made from."), expires })
  .describe("An environment of a pull request that stays for longer.");

export const envList = z
  .array(
    z.strictObject({
      name: stack,
      template: z.string().optional().describe("The stack that it is made from, where that is known."),
      expires: expires.optional().describe("Left out where neither state nor stack file says it, ISO 8601."),
      updated: time.optional().describe("When its state was changed last; left out where nothing was made."),
      open: z.boolean().optional().describe("Whether its pull request is open, where that could be asked."),
      goes: z.string().optional().describe("Why it is to be removed; left out where it stays."),
    }),
  )
  .describe("The environments of pull requests.");

export const envGc = z
  .strictObject({
    environments: z
      .array(
        z.strictObject({
          name: stack,
          why: z.string().describe("Why it is to go."),
          state: z
            .enum(["would go", "removed", "left"])
            .describe(
              "`would go`: with --dry-run. `left`: it could not be removed; the exit code is 1 then.",
            ),
          problem: z.string().optional().describe("Why it could not be removed."),
        }),
      )
      .describe("Those that are to go."),
    missing: z.array(z.string()).describe("Names that were given and are not there."),
  })
  .describe("Which environments of pull requests were removed, or would be.");

export const started = z
  .strictObject({
    stack,
    changed: z.boolean().describe("False where everything was as described already."),
    addresses: z
      .array(
        z.strictObject({
          url: z.string().describe("As the stack file has it."),
          typed: z.string().describe("As it can be typed on this machine."),
          status: z.number().int().optional().describe("HTTP status; left out where nothing answered."),
          milliseconds: z.number().describe("How long the answer took."),
          problem: z.string().optional().describe("Why nothing answered."),
        }),
      )
      .describe("What was asked as a visitor would."),
    databases: z
      .array(
        z.strictObject({
          database: z.string().describe("Its name on the server."),
          migrator: z.string().describe("The role that owns the schema."),
          app: z.string().describe("The role that the application's logins have."),
        }),
      )
      .describe("The databases and their roles."),
    drawing: z.string().describe("URL of the environment's drawing."),
    next: z
      .array(
        z.strictObject({
          what: z.string().describe("What it is for."),
          command: z.string().describe("What to type, or where to go."),
          note: z.string().optional().describe("What else to know of it."),
        }),
      )
      .describe("What one may do next."),
  })
  .describe("An environment that was brought up on this machine.");

export const sandboxDestroyed = z
  .strictObject({
    stack,
    removed: z.boolean().describe("False where there was no sandbox of that name."),
  })
  .describe("Whether there was something to remove.");

export const sandboxEnv = z
  .strictObject({
    stack,
    variables: z
      .record(z.string(), z.string())
      .describe(
        "Environment variables that lead a plain `pulumi` to the sandbox; a secret one is `[secret]`.",
      ),
    secretFiles: z
      .record(z.string(), z.string())
      .describe("By name of a secret variable: the file that holds its value."),
  })
  .describe("What leads a plain `pulumi` to the sandbox.");

export const sandboxStatus = z
  .strictObject({
    stack,
    runs: z.boolean().describe("Whether it runs."),
    sandbox: z
      .strictObject({
        pid: z.number().int().describe("Its process."),
        startedAt: time,
        api: z.string().describe("URL of Cloudflare's API."),
        edge: z
          .strictObject({
            httpPort: z.number().int().describe("Port of HTTP on this machine."),
            httpsPort: z.number().int().describe("Port of HTTPS on this machine."),
            caFile: z.string().describe("File with the authority that its certificates are of."),
          })
          .describe("Where the edge answers."),
        host: z
          .strictObject({
            mode: z.enum(["docker", "process"]).describe("What containers run as."),
            address: z.string().describe("Its address on this machine."),
            port: z.number().int().describe("Port of SSH."),
            user: z.string().describe("Who may log in."),
          })
          .describe("The machine that is deployed to."),
        storage: z.string().describe("URL of the buckets' S3 interface."),
        drawing: z.string().describe("URL of the environment's drawing."),
        pins: z
          .strictObject({
            file: z.string().describe("The file that holds the PINs themselves."),
            pending: z
              .array(
                z.strictObject({
                  email: z.string().describe("Who is to log in."),
                  application: z.string().describe("What to."),
                  until: time.describe("How long the PIN is good for, ISO 8601."),
                }),
              )
              .describe("Logins that wait for a PIN."),
          })
          .describe("One-time PINs, as there is no mail here."),
      })
      .optional()
      .describe("Where its parts answer; left out where it does not run."),
  })
  .describe("Whether a sandbox runs, and where its parts answer.");

export const sandboxStopped = z
  .strictObject({ stack, ran: z.boolean().describe("Whether it ran before.") })
  .describe("A sandbox that does not run any more.");
