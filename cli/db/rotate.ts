import { endOld, isDue, rotate, rotationState } from "../../automation/database/rotate";
import { stackOption } from "../command";
import { chosen, stackOf } from "../open";
import { atHand } from "../at-hand";
import { ProgressLines } from "../progress";
import { type DatabaseChoice, databaseOptions, type DbCommand } from "./options";

interface RotateChoice extends DatabaseChoice {
  readonly ifDue?: boolean;
  readonly finish?: boolean;
  readonly force?: boolean;
}

export const dbRotate: DbCommand<RotateChoice> = {
  name: "db rotate",
  summary:
    "gives the application its other database login with a new password, by a release; cut short, it goes on where it was",
  example: "npx groundwork db rotate -s prod",
  options: [
    stackOption,
    ...databaseOptions,
    {
      flags: "--if-due",
      description: "only where the password is older than rotateAfterDays: for a schedule",
    },
    {
      flags: "--finish",
      description: "ends the login of before, once nobody uses it: a rollback across it is over then",
    },
    { flags: "--force", description: "with --finish: also where somebody still uses it" },
  ],
  async run(options, context) {
    const stack = stackOf(options, "db rotate");
    const doing = `rotate the passwords of ${stack}`;
    await atHand(stack, options, doing, context, async (environment) => {
      const { print, say, signal } = context;
      const common = {
        database: options.database,
        log: say,
        signal,
        onProgress: new ProgressLines(say).tell,
      };
      if (options.finish === true) {
        const { active, idle } = await endOld(environment, { ...common, force: options.force === true });
        print(`${idle} cannot log in any more; the application is ${active}`);
        return;
      }
      if (options.ifDue === true) {
        const database = await environment.database(options.database);
        try {
          const state = await rotationState(environment, database);
          if (state.deployed === state.wanted && !isDue(database, state)) {
            print(`not due: the password of ${state.active} was made on ${state.since?.slice(0, 10) ?? "?"}`);
            return;
          }
        } finally {
          await database.close();
        }
      }
      const { active, idle } = await rotate(environment, common);
      print(`the application is ${active} now; ${idle} still works, for a rollback`);
      print(`end it with: npx groundwork db rotate ${chosen(stack)} --finish`);
    });
  },
};
