import { assertShortLived } from "../../automation/short-lived/lifetime";
import { listShortLived, removeShortLived, toRemove } from "../../automation/short-lived/manage";
import { UserError } from "../../common/user-error";
import { placeOption } from "../at-hand";
import { type CommandDeclaration, directoryOption } from "../command";
import { type Answer, jsonAnswer } from "../json/answer";
import { runAndTell } from "../run";
import { type JsonChoice, jsonOption } from "../run-options";
import { atPlace, type EnvChoice, fromOption } from "./place";

type Gone = Answer<"env gc">["environments"][number];

export const envGc: CommandDeclaration<EnvChoice & JsonChoice & { readonly dryRun?: boolean }> = {
  name: "env gc",
  summary:
    "removes environments of pull requests that expired or were forgotten, and proves that nothing is left",
  example: "npx groundwork env gc",
  arguments: [
    { name: "[names...]", description: "these, whether expired or not (default: all that are to go)" },
  ],
  options: [
    fromOption,
    { flags: "--dry-run", description: "says which would go, and removes nothing" },
    jsonOption,
    placeOption,
    directoryOption,
  ],
  async run({ dryRun = false, json = false, ...choice }, context, names) {
    for (const name of names) assertShortLived(name);
    const { say, print, signal } = context;
    await atPlace(choice, "remove environments", context, async (place) => {
      const all = await listShortLived(place, choice.from);
      const missing = names.filter((name) => !all.some((each) => each.name === name));
      for (const name of missing) say(`${name} is not there: nothing to remove`);
      const going =
        names.length === 0
          ? toRemove(all, new Date())
          : all
              .filter(({ name }) => names.includes(name))
              .map((environment) => ({ environment, why: "asked for" }));
      if (going.length === 0) say("no environment is to go");
      const environments: Gone[] = [];
      const tell = (gone: Gone, line: string): void => {
        environments.push(gone);
        if (!json) print(line);
      };
      for (const { environment, why } of going) {
        signal.throwIfAborted();
        const { name, template = choice.from } = environment;
        if (dryRun) {
          tell({ name, why, state: "would go" }, `${name} would go: ${why}`);
          continue;
        }
        say(`${name} goes: ${why}`);
        // One that cannot be removed does not keep the others.
        await removeShortLived(place, { name, template }, say, (it) =>
          runAndTell(it, "destroy", context),
        ).then(
          () => tell({ name, why, state: "removed" }, `${name} is removed`),
          (error: unknown) => {
            if (!(error instanceof UserError)) throw error;
            say(`${name}: ${error.message}`);
            environments.push({ name, why, state: "left", problem: error.message });
          },
        );
      }
      if (json) print(jsonAnswer("env gc", { environments, missing }));
      const failed = environments.filter(({ state }) => state === "left").map(({ name }) => name);
      if (failed.length === 0) return;
      throw new UserError({
        what: "not all could be removed",
        value: failed.join(", "),
        next: `mend what is said above and run npx groundwork env gc ${failed.join(" ")}`,
      });
    });
  },
};
