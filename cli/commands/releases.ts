import Table from "cli-table3";
import type { OriginReleases, ReleaseRecord } from "../../automation/releases";
import { type CommandDeclaration, type OptionDeclaration, stackOption } from "../command";
import { jsonAnswer } from "../json/answer";
import { openOwn } from "../at-hand";
import { type EnvironmentChoice, chosen, stackOf } from "../open";
import { type JsonChoice, jsonOption } from "../run-options";

/** Options of the commands on releases. */
export interface OriginChoice extends EnvironmentChoice {
  readonly origin?: string;
}

export const originOption: OptionDeclaration = {
  flags: "--origin <name>",
  description: "the entry of groundwork:origins (default: all, or the only one)",
};

export const releases: CommandDeclaration<OriginChoice & JsonChoice> = {
  name: "releases",
  summary: "lists the releases that the hosts keep: images, schema, and what each rollout lost",
  example: "npx groundwork releases -s prod",
  options: [stackOption, originOption, jsonOption],
  async run(options, context) {
    const stack = stackOf(options, "releases");
    const environment = await openOwn(stack, context);
    const found = await environment.releases(options.origin);
    if (options.json === true) {
      context.print(jsonAnswer("releases", found));
      return;
    }
    for (const each of found) for (const line of releaseLines(each, chosen(stack))) context.print(line);
    if (found.length === 0) context.say(`no origin of ${stack} is deployed to a host`);
  },
};

/** What is printed of one origin. */
export function releaseLines({ origin, running, releases: all }: OriginReleases, choice: string): string[] {
  if (all.length === 0) return [`${origin}: no release yet; npx groundwork up ${choice} makes the first`];
  const table = new Table({
    head: ["id", "number", "when", "images", "schema", "state", "lost requests", "longest gap", "sockets"],
    style: { head: [], border: [] },
  });
  for (const release of all) table.push(cells(release));
  return [
    `${origin}:`,
    ...table.toString().split("\n"),
    ...(running === undefined ? [] : [`release ${running} is under way`]),
    ...(all.some(({ state }) => state === "previous")
      ? [`back to the previous one: npx groundwork rollback ${choice} --origin ${origin}`]
      : []),
  ];
}

function cells({ id, number, at, images, schema, state, breaking, ledger }: ReleaseRecord): string[] {
  const counted = ledger !== undefined && ledger.armed && ledger.switchedAt !== undefined;
  const { opened = 0, dropped = 0 } = ledger?.sockets ?? {};
  return [
    id,
    String(number),
    at.replace("T", " ").replace(/\.\d+Z$/, "Z"),
    Object.entries(images)
      .map(([service, reference]) => `${service} ${shortReference(reference)}`)
      .join("\n") || "-",
    `${schema ?? "-"}${breaking ? " (breaking)" : ""}`,
    state === "kept" ? "" : state,
    counted ? `${ledger.lost} of ${ledger.after.requests}${ledger.aborted ? ", switched back" : ""}` : "-",
    counted ? `${ledger.after.longestGap} ms` : "-",
    opened === 0 ? "-" : `${opened} opened, ${dropped} dropped`,
  ];
}

/** A digest by its first twelve digits. */
function shortReference(reference: string): string {
  return reference.replace(/(@?sha256:[0-9a-f]{12})[0-9a-f]{52}$/, "$1");
}
