import { endOld, isDue, rotate, type RotationState, rotationState } from "../../automation/database/rotate";
import { stackOption } from "../command";
import { chosen, stackOf } from "../open";
import { atHand } from "../at-hand";
import { ProgressLines } from "../progress";
import { type Answer, jsonAnswer } from "../json/answer";
import { type JsonChoice, jsonOption } from "../run-options";
import { type DatabaseChoice, databaseOptions, type DbCommand } from "./options";

interface RotateChoice extends DatabaseChoice, JsonChoice {
  readonly ifDue?: boolean;
  readonly finish?: boolean;
  readonly force?: boolean;
}

type Did = Answer<"db rotate">["did"];

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
    jsonOption,
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
      const tell = (did: Did, { active, idle, overlap, since }: RotationState, lines: string[]): void => {
        if (options.json === true) print(jsonAnswer("db rotate", { did, active, idle, overlap, since }));
        else for (const line of lines) print(line);
      };
      if (options.finish === true) {
        const state = await endOld(environment, { ...common, force: options.force === true });
        tell("finished", state, [`${state.idle} cannot log in any more; the application is ${state.active}`]);
        return;
      }
      if (options.ifDue === true) {
        const database = await environment.database(options.database);
        try {
          const state = await rotationState(environment, database);
          if (state.deployed === state.wanted && !isDue(database, state)) {
            const since = state.since?.slice(0, 10) ?? "?";
            tell("nothing", state, [`not due: the password of ${state.active} was made on ${since}`]);
            return;
          }
        } finally {
          await database.close();
        }
      }
      const state = await rotate(environment, common);
      tell("rotated", state, [
        `the application is ${state.active} now; ${state.idle} still works, for a rollback`,
        `end it with: npx groundwork db rotate ${chosen(stack)} --finish`,
      ]);
    });
  },
};
