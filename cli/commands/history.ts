import Table from "cli-table3";
import type { HistoryEntry } from "../../automation/history";
import { UserError } from "../../common/user-error";
import { type CommandDeclaration, stackOption } from "../command";
import { jsonAnswer } from "../json/answer";
import { openOwn } from "../at-hand";
import { type EnvironmentChoice, stackOf } from "../open";
import { countsLine } from "../progress";
import { type JsonChoice, jsonOption } from "../run-options";

export const history: CommandDeclaration<EnvironmentChoice & JsonChoice & { readonly limit: string }> = {
  name: "history",
  summary: "lists the runs of the past: when, by whom, from which commit, and what they changed",
  example: "npx groundwork history -s prod",
  options: [
    stackOption,
    { flags: "--limit <count>", description: "at most so many, the newest first", default: "20" },
    jsonOption,
  ],
  async run({ limit, json = false, ...options }, context) {
    const stack = stackOf(options, "history");
    const count = Number(limit);
    if (!Number.isInteger(count) || count < 1 || count > 1000) {
      throw new UserError({
        what: "--limit is no count",
        value: limit,
        allowed: "a whole number from 1 to 1000",
        next: `npx groundwork history -s ${stack} --limit 20`,
      });
    }
    const entries = await (await openOwn(stack, context)).history(count);
    if (json) context.print(jsonAnswer("history", entries));
    else if (entries.length === 0) context.say(`${stack} has had no run yet`);
    else context.print(historyTable(entries));
  },
};

export function historyTable(entries: readonly HistoryEntry[]): string {
  const table = new Table({
    head: ["when", "what", "came to", "took", "by", "commit", "changed"],
    style: { head: [], border: [] },
  });
  for (const { startedAt, kind, result, seconds, by, changes } of entries) {
    const { author = "-", commit, dirty = false, ci } = by;
    table.push([
      startedAt.replace("T", " ").replace(/\.\d+Z$/, "Z"),
      kind,
      result,
      seconds === undefined ? "-" : `${seconds.toFixed(1)} s`,
      ci?.url ?? (ci === undefined ? author : `${author}, ${ci.system}`),
      commit === undefined ? "-" : `${commit.slice(0, 9)}${dirty ? " with changes" : ""}`,
      Object.keys(changes).length === 0 ? "-" : countsLine(changes, true),
    ]);
  }
  return table.toString();
}
