import { rehearse } from "../../automation/database/rehearsal/rehearse";
import { UserError } from "../../common/user-error";
import { stackOption } from "../command";
import { chosen } from "../open";
import { jsonAnswer } from "../json/answer";
import { type JsonChoice, jsonOption } from "../run-options";
import { type DatabaseChoice, databaseOptions, type DbCommand } from "./options";
import { rehearsalLines } from "./rehearsal-lines";
import { withDatabase } from "./with-database";

interface RehearseChoice extends DatabaseChoice, JsonChoice {
  readonly origin?: string;
  readonly image?: string;
  readonly backup?: string;
  readonly live?: boolean;
  readonly limit?: string;
}

export const dbRehearse: DbCommand<RehearseChoice> = {
  name: "db rehearse",
  summary:
    "runs the next release's migrations on a copy of the database: each statement timed, its locks told, and a rollback tried",
  example: "npx groundwork db rehearse -s prod --image ghcr.io/acme/shop:v42",
  options: [
    stackOption,
    ...databaseOptions,
    { flags: "--image <reference>", description: "whose migrations run (default: as the stack file says)" },
    {
      flags: "--origin <name>",
      description: "the entry of groundwork:origins that migrates (default: the only one)",
    },
    { flags: "--backup <name>", description: "which one, as db backups lists them (default: the newest)" },
    {
      flags: "--live",
      description: "copies the database as it is now, by a dump, although there are backups",
    },
    {
      flags: "--limit <milliseconds>",
      description: "how long ACCESS EXCLUSIVE may be held on what was there before (default: 1000)",
    },
    jsonOption,
  ],
  async run({ limit, ...options }, context) {
    const limitMs = limit === undefined ? undefined : millisecondsOf(limit);
    if (options.image !== undefined) refuseImage(options.image);
    await withDatabase(
      "db rehearse",
      options,
      "rehearse migrations",
      context,
      async (database, environment) => {
        const { backup, image, live, origin } = options;
        const { kept, record } = await rehearse(environment, database, {
          ...{ backup, image, limitMs, live, origin },
          log: context.say,
        });
        if (options.json === true) context.print(jsonAnswer("db rehearse", record));
        else for (const line of rehearsalLines(record)) context.print(line);
        if (!kept) {
          context.say(
            `no record is kept: its key comes with backups (groundwork:databases.${database.name}.backups)`,
          );
        }
        if (record.passed) return;
        throw new UserError({
          what: "these migrations should not be released as they are",
          value: `${record.problems.length} ${record.problems.length === 1 ? "problem" : "problems"}`,
          next: `change the migrations, then npx groundwork db rehearse ${chosen(environment.name)}`,
        });
      },
      { backups: true },
    );
  },
};

function millisecondsOf(text: string): number {
  if (/^\d{1,8}$/.test(text)) return Number(text);
  throw new UserError({
    what: "--limit is no number of milliseconds",
    value: text,
    allowed: "a whole number from 0",
    next: "--limit 1000",
  });
}

function refuseImage(image: string): void {
  if (/^[A-Za-z0-9][A-Za-z0-9.:/@_-]{0,500}$/.test(image)) return;
  throw new UserError({
    what: "--image is no name of an image",
    value: image,
    allowed: "a reference such as ghcr.io/acme/shop:v42",
    next: "npx groundwork db rehearse -s dev --image ghcr.io/acme/shop:v42",
  });
}
