import colours from "picocolors";
import type { Drift, DriftItem } from "../../automation/drift";
import { exitCodes } from "../exit-codes";
import { type CommandDeclaration, stackOption } from "../command";
import { type EnvironmentChoice, chosen, openOwn, stackOf } from "../open";
import { knownSecrets } from "../known-secrets";
import { type JsonChoice, jsonOption } from "../run-options";

export const drift: CommandDeclaration<EnvironmentChoice & JsonChoice & { readonly known?: string }> = {
  name: "drift",
  summary: "tells what was changed outside of the stack file, and since when that is known; changes nothing",
  example: "npx groundwork drift -s prod",
  options: [
    stackOption,
    {
      flags: "--known <file>",
      description:
        "keeps since when each difference is known, for the next check (default: .groundwork/drift/NAME.json)",
    },
    jsonOption,
  ],
  async run({ known, json = false, ...options }, context) {
    const stack = stackOf(options, "drift");
    const environment = await openOwn(stack, context);
    context.say(colours.bold(`reading what is there of ${stack}; nothing is changed`));
    // Where the settings cannot be read, the check itself does not need them.
    const config = await environment.config().catch(() => undefined);
    const found = await environment.drift({
      signal: context.signal,
      secrets: knownSecrets(config),
      ...(known === undefined ? {} : { knownFile: known }),
    });
    const choice = { adopt: commandFor(found.adopt, stack), revert: commandFor(found.revert, stack) };
    if (json) context.print(JSON.stringify({ ...found, ...choice }, undefined, 2));
    else for (const line of driftLines({ ...found, ...choice })) context.print(line);
    if (found.drifted) context.exitWith(exitCodes.drift);
  },
};

/** The command for the project at hand. */
function commandFor(command: string, stack: string): string {
  return command.replace(`-s ${stack}`, chosen(stack));
}

export function driftLines({ items, report, adopt, revert, checkedAt }: Drift): string[] {
  if (items.length === 0) return [`${report.stack}: nothing was changed outside (${checkedAt})`];
  return [
    `${report.stack}: ${items.length} ${items.length === 1 ? "thing is" : "things are"} otherwise than the state knows`,
    ...items.flatMap(itemLines),
    `make it as described:  ${revert}`,
    `take it as it is:      ${adopt}, and write the same into Pulumi.${report.stack}.yaml`,
  ];
}

function itemLines({ title, what, properties, knownSince, asRecordedAt }: DriftItem): string[] {
  const recorded = asRecordedAt === undefined ? "" : `; as recorded until ${asRecordedAt}`;
  return [
    `  ${what === "gone" ? colours.red("-") : colours.yellow("~")} ${title}${what === "gone" ? " is gone" : ""}`,
    ...(what === "gone" ? [] : properties).map(({ path, secret, before, after }) =>
      secret ? `      ${path}: [secret]` : `      ${path}: ${before ?? "none"} → ${after ?? "none"}`,
    ),
    colours.dim(`      known since ${knownSince}${recorded}`),
  ];
}
