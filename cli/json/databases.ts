/** Answers of commands on databases. */
import { z } from "zod";
import { stack, time } from "./shared";

const backup = z.string().describe("Name of the backup.");
const tables = z.number().int().describe("How many tables.");
const rows = z.number().int().describe("Rows of all tables.");
const verdict = z
  .enum(["as it must be", "surprise", "open", "nothing to try"])
  .describe(
    "`surprise`: allowed and must be refused, or the other way round; `open`: only a superuser could close it.",
  );

export const attack = z
  .strictObject({
    database: z.string().describe("Its name on the server."),
    user: z.string().describe("As whom it was tried."),
    server: z.string().describe("Version of PostgreSQL, such as `18.4`."),
    rows: z
      .array(
        z.strictObject({
          table: z.enum(["attack", "work"]).describe("`attack`: must be refused; `work`: must succeed."),
          number: z.number().int().describe("Its number in the table."),
          title: z.string().describe("What is tried."),
          verdict,
          attempts: z
            .array(
              z.strictObject({
                what: z.string().describe("What was done."),
                wanted: z.string().describe("What it must come to."),
                got: z.string().describe("What it came to."),
                verdict,
              }),
            )
            .describe("Every attempt of the row."),
        }),
      )
      .describe("Both tables, row by row."),
    surprises: z.number().int().describe("Rows with a surprise; more than 0: the exit code is 1."),
    seconds: z.number().describe("How long it took."),
  })
  .describe("What the application's user may and may not do, attempt by attempt.");

export const rotate = z
  .strictObject({
    did: z
      .enum(["rotated", "finished", "nothing"])
      .describe("`finished`: the login of before was ended; `nothing`: with --if-due, and it is not due."),
    active: z.string().describe("The login that the application has now."),
    idle: z.string().describe("The other one."),
    overlap: z.boolean().describe("Whether the other one can still log in, for a rollback."),
    since: time.optional().describe("When the active password was made, ISO 8601."),
  })
  .describe("Which login the application has now.");

export const backupMade = z
  .strictObject({
    backup: z.string().describe("Its name, eight hexadecimal digits."),
    tables,
    rows,
    bytes: z.number().int().describe("Size of the dump."),
    added: z.number().int().describe("Bytes that the repository has grown by."),
    seconds: z.number().describe("How long it took."),
    made: z.boolean().describe("Whether the repository was made with it."),
  })
  .describe("The backup that was made.");

export const drill = z
  .strictObject({
    version: z.literal(1).describe("Raised when a reader has to be changed."),
    stack,
    database: z.string().describe("The entry of groundwork:databases."),
    repository: z.string().describe("Where the backups are."),
    backup,
    backupAt: time.describe("When the backup was made, ISO 8601."),
    at: time.describe("When the drill began, ISO 8601."),
    server: z
      .enum(["own", "same"])
      .describe("Where it was restored: a server of its own, or beside the database on the same one."),
    tables,
    rows,
    differences: z.array(z.string()).describe("What was not as recorded, one sentence each."),
    rpoSeconds: z
      .number()
      .describe("Age of the newest backup when the drill began: what a loss then would have cost."),
    rtoSeconds: z.number().describe("From the command to a database that is restored and compared."),
    seconds: z
      .strictObject({
        start: z.number().describe("Until the server was there."),
        restore: z.number().describe("Of the restore."),
        compare: z.number().describe("Of the comparison."),
      })
      .describe("Parts of it on the host."),
    failure: z.string().optional().describe("Why it was not restored at all."),
    passed: z.boolean().describe("False: the exit code is 1."),
  })
  .describe("The record of a restore that was tried.");

export const backups = z
  .strictObject({
    repository: z.string().describe("Where they are."),
    backups: z
      .array(
        z.strictObject({
          backup,
          at: time.describe("When it was made, ISO 8601."),
          bytes: z.number().int().describe("Size of the dump."),
          tables,
          rows,
        }),
      )
      .describe("The newest first."),
    kept: z.array(z.string()).describe("Databases that a restore has replaced and kept."),
    late: z.string().optional().describe("Why the newest one is late; the exit code is 1 then."),
    restore: z
      .strictObject({
        state: z
          .enum(["fresh", "old", "failed", "unsigned", "none"])
          .describe(
            "`failed`: none ever passed; `unsigned`: there are records alone that this stack has not signed.",
          ),
        says: z.string().describe("The state in a sentence."),
        proof: drill.optional().describe("The newest one that brought everything back, and is signed."),
        failedSince: drill.optional().describe("One that was tried after it and failed."),
      })
      .describe("Whether a restore was proved lately enough."),
    warnings: z.array(z.string()).describe("What else somebody should look at, one sentence each."),
  })
  .describe("What there is of a database's backups.");

export const rehearsal = z
  .strictObject({
    version: z.literal(1).describe("Raised when a reader has to be changed."),
    stack,
    database: z.string().describe("The entry of groundwork:databases."),
    origin: z.string().describe("Whose migrations ran."),
    at: time.describe("When it began, ISO 8601."),
    source: z.enum(["backup", "live"]).describe("What was copied: a backup, or the database as it was."),
    backup: backup.optional(),
    copyAt: z.string().describe("Of when the copy is, ISO 8601."),
    image: z.string().optional().describe("Whose migrations ran, as it is written."),
    imageId: z.string().optional().describe("What that was on the host."),
    limitMs: z.number().describe("Milliseconds that ACCESS EXCLUSIVE may be held."),
    exact: z
      .boolean()
      .describe(
        "Whether every commit's locks were seen. False: those of statements that are no DDL may be missing.",
      ),
    statements: z
      .array(
        z.strictObject({
          statement: z.string().describe("Without secrets, cut where it is long."),
          milliseconds: z.number().describe("How long it took."),
          locks: z
            .array(
              z.strictObject({
                relation: z.string().describe("The table or index."),
                mode: z.string().describe("As SQL has it, such as `ACCESS EXCLUSIVE`."),
                heldMs: z
                  .number()
                  .describe("Milliseconds from the statement's begin to the end of its transaction."),
              }),
            )
            .describe("On what was there before the migrations."),
          rewrites: z
            .array(
              z.strictObject({
                relation: z.string().describe("The table."),
                rows: z.number().describe("As the planner estimates them."),
                bytes: z.number().describe("Its size."),
              }),
            )
            .describe("Tables whose every row was written anew."),
          error: z.string().optional().describe("What PostgreSQL refused it with."),
        }),
      )
      .describe("In their order."),
    statementsLeftOut: z.number().int().describe("Further ones, which the record has no room for."),
    dropped: z.array(z.string()).describe("Tables that are not there any more."),
    previous: z.string().optional().describe("The release that serves, tried on the new schema."),
    checks: z
      .array(
        z.strictObject({
          what: z
            .enum(["health", "smoke"])
            .describe("`health`: started until it is healthy; `smoke`: the smoke command was run."),
          service: z.string().describe("The compose service."),
          ok: z.boolean().describe("Whether it is well."),
          detail: z.string().describe("What it came to."),
        }),
      )
      .describe("What was tried of the release that serves."),
    seconds: z
      .strictObject({
        start: z.number().describe("Until the server was there."),
        restore: z.number().describe("Of the copy."),
        migrate: z.number().describe("Of the migrations."),
        previous: z.number().describe("Of the checks."),
      })
      .describe("Parts of it."),
    problems: z.array(z.string()).describe("Why it is red."),
    warnings: z.array(z.string()).describe("What somebody should know, one sentence each."),
    passed: z.boolean().describe("False: the exit code is 1."),
  })
  .describe("What the migrations did to a copy of the database.");

export const restore = z
  .strictObject({
    backup,
    at: time.describe("When the backup was made, ISO 8601."),
    database: z.string().describe("The database that holds it now."),
    kept: z
      .string()
      .optional()
      .describe("The name of what was there before; left out where nothing was replaced."),
    tables,
    rows,
  })
  .describe("The backup that was restored, each table as it was saved.");

export const droppedKept = z
  .strictObject({ dropped: z.string().describe("The database that is gone.") })
  .describe("The database that a restore had kept.");

const slot = z.strictObject({
  name: z.string().describe("Its name."),
  plugin: z.string().nullable().describe("Null: it is a physical one."),
  active: z.boolean().describe("Whether somebody reads it."),
  retained: z.number().describe("Bytes of the write-ahead log that it keeps on the disk."),
  inactiveSince: time
    .optional()
    .describe("Since when nobody reads it, ISO 8601; left out where it is read or the server cannot tell."),
});

export const slots = z.array(slot).describe("The replication slots, after what was dropped.");

export const status = z
  .strictObject({
    database: z.string().describe("Its name on the server."),
    server: z.string().describe("Version of PostgreSQL, such as `18.4`."),
    size: z.number().describe("Bytes."),
    disk: z
      .strictObject({ size: z.number().describe("KiB."), free: z.number().describe("KiB.") })
      .optional()
      .describe("The host's disk; left out where the server is somebody else's."),
    maxConnections: z.number().int().describe("How many the server takes."),
    connections: z
      .array(
        z.strictObject({
          role: z.string().describe("Whose they are."),
          active: z.number().int().describe("At work."),
          idle: z.number().int().describe("Waiting for work."),
          idleInTransaction: z.number().int().describe("Waiting within a transaction."),
          limit: z.number().int().describe("How many it may hold; -1: any number."),
        }),
      )
      .describe("By role."),
    tables: z
      .array(
        z.strictObject({
          table: z.string().describe("Its name."),
          size: z.number().describe("Bytes, with its indexes."),
          rows: z.number().nullable().describe("By the statistics; null before they are made."),
        }),
      )
      .describe("The largest five."),
    slots: z.array(slot).describe("Replication slots."),
    warnings: z.array(z.string()).describe("What somebody should look at, one sentence each."),
  })
  .describe("What a database is like now.");

export const tunnel = z
  .strictObject({
    host: z.string().describe("Where to connect to on this machine."),
    port: z.number().int().describe("The port that was opened."),
    database: z.string().describe("Its name on the server."),
    user: z.string().describe("As whom to log in."),
  })
  .describe("The port that leads to the database, as one line once it is open; it is open until Ctrl-C.");

export const reset = z
  .strictObject({ stack, database: z.string().describe("The entry of groundwork:databases.") })
  .describe("The database that is empty and has been migrated anew.");
