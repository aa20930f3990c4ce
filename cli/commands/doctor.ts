import colours from "picocolors";
import { examine } from "../../automation/doctor/examine";
import { type Finding, isWell } from "../../automation/doctor/finding";
import { UserError } from "../../common/user-error";
import { atHand, placeOption, type PlaceChoice } from "../at-hand";
import { type CommandDeclaration, stackOption } from "../command";
import { jsonAnswer } from "../json/answer";
import { type EnvironmentChoice, stackOf } from "../open";
import { type JsonChoice, jsonOption } from "../run-options";

export const doctor: CommandDeclaration<EnvironmentChoice & JsonChoice & PlaceChoice> = {
  name: "doctor",
  summary:
    "looks whether an environment is well: tokens, certificates, hosts, databases, backups and the proof that they restore",
  example: "npx groundwork doctor -s prod",
  options: [stackOption, placeOption, jsonOption],
  async run({ json = false, ...options }, context) {
    const stack = stackOf(options, "doctor");
    const findings = await atHand(stack, options, `look at ${stack}`, context, (environment) =>
      examine(environment),
    );
    if (json) context.print(jsonAnswer("doctor", findings));
    else for (const line of doctorLines(findings)) context.print(line);
    if (isWell(findings)) return;
    const ill = findings.filter(({ state }) => state === "bad" || state === "unknown");
    throw new UserError({
      what: ill.length === 1 ? "one thing is not well" : `${ill.length} things are not well`,
      value: [...new Set(ill.map(({ subject }) => subject))].join(", "),
      next: ill.find(({ next }) => next !== undefined)?.next,
    });
  },
};

const marks: Readonly<Record<Finding["state"], string>> = {
  well: colours.green("ok     "),
  look: colours.yellow("look   "),
  bad: colours.red("bad    "),
  unknown: colours.red("unknown"),
};

/** What is printed of the findings. */
export function doctorLines(findings: readonly Finding[]): string[] {
  return findings.flatMap(({ next, says, state, subject }) => [
    `${marks[state]}  ${subject}: ${says}`,
    ...(next === undefined || state === "well" ? [] : [colours.dim(`         next: ${next}`)]),
  ]);
}
