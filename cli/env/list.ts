import Table from "cli-table3";
import { whyRemoved } from "../../automation/short-lived/lifetime";
import { listShortLived } from "../../automation/short-lived/manage";
import { placeOption } from "../at-hand";
import { type CommandDeclaration, directoryOption } from "../command";
import { jsonAnswer } from "../json/answer";
import { type JsonChoice, jsonOption } from "../run-options";
import { atPlace, type EnvChoice, fromOption } from "./place";

export const envList: CommandDeclaration<EnvChoice & JsonChoice> = {
  name: "env list",
  summary: "lists the environments of pull requests, and which of them are to go",
  example: "npx groundwork env list",
  options: [fromOption, jsonOption, placeOption, directoryOption],
  async run({ json = false, ...choice }, context) {
    await atPlace(choice, "list environments", context, async (place) => {
      const now = new Date();
      const all = (await listShortLived(place, choice.from)).map((each) => ({
        ...each,
        goes: whyRemoved(each, now),
      }));
      if (json) return context.print(jsonAnswer("env list", all));
      if (all.length === 0) return context.say("there is no environment of a pull request");
      const table = new Table({
        head: ["name", "made from", "expires", "to go"],
        style: { head: [], border: [] },
      });
      for (const { name, template = "?", expires = "?", goes = "no" } of all) {
        table.push([name, template, expires, goes]);
      }
      context.print(table.toString());
    });
  },
};
