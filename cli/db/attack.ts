import type { Environment } from "../../automation/environment";
import { UserError } from "../../common/user-error";
import type { Settings } from "../../platform/settings";
import { type CommandContext, stackOption } from "../command";
import { atHand } from "../at-hand";
import { chosen, stackOf } from "../open";
import { attackLines, surprisesText } from "./attack-table";
import { jsonAnswer } from "../json/answer";
import { type JsonChoice, jsonOption } from "../run-options";
import { type DatabaseChoice, databaseOptions, type DbCommand } from "./options";

export const dbAttack: DbCommand<DatabaseChoice & JsonChoice> = {
  name: "db attack",
  summary: "tries, as the application's database user, what it must not be able to do, and what it must",
  example: "npx groundwork db attack -s staging",
  options: [stackOption, ...databaseOptions, jsonOption],
  async run(options, context) {
    const stack = stackOf(options, "db attack");
    await atHand(stack, options, `attack the database of ${stack}`, context, (environment) =>
      attackAndTell(environment, options, context),
    );
  },
};

/**
 * Attacks a database and prints what it came to.
 *
 * @throws UserError where something came otherwise than it must
 */
export async function attackAndTell(
  environment: Environment,
  { database: name, json = false }: JsonChoice & { readonly database?: string },
  { print, say }: CommandContext,
): Promise<void> {
  const database = await environment.database(name);
  try {
    say(`attacking ${database.name} of ${environment.name} as ${database.login("app").user}`);
    const report = await database.attack();
    if (json) print(jsonAnswer("db attack", report));
    else for (const line of attackLines(report)) print(line);
    if (report.surprises === 0) return;
    throw new UserError({
      what: "the application's database user may more than it must, or less",
      value: `${surprisesText(report.surprises)} on ${database.name}`,
      next: `npx groundwork up ${chosen(environment.name)} makes roles and grants what they should be; what stays is somebody's own doing`,
    });
  } finally {
    await database.close();
  }
}

/** Attacks every database that is to be attacked after each `up`. */
export async function attackAfterUp(
  environment: Environment,
  { databases }: Pick<Settings, "databases">,
  context: CommandContext,
): Promise<void> {
  for (const [name, { attackAfterUp: wanted }] of Object.entries(databases)) {
    if (wanted) await attackAndTell(environment, { database: name }, context);
  }
}
