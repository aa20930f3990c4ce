import colours from "picocolors";
import type { Drift, DriftItem } from "../../automation/drift";
import { type DriftIssue, driftIssue } from "../../automation/drift-issue";
import { openProject } from "../../automation/project";
import { UserError } from "../../common/user-error";
import { exitCodes } from "../exit-codes";
import { type CommandDeclaration, stackOption } from "../command";
import { jsonAnswer } from "../json/answer";
import { openOwn } from "../at-hand";
import { type EnvironmentChoice, chosen, stackOf } from "../open";
import { knownSecrets } from "../known-secrets";
import { type JsonChoice, jsonOption } from "../run-options";

interface DriftChoice extends EnvironmentChoice, JsonChoice {
  readonly known?: string;
  readonly issue?: boolean;
}

export const drift: CommandDeclaration<DriftChoice> = {
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
    {
      flags: "--issue",
      description:
        "in a job of GitHub Actions or GitLab CI: keeps one issue open as long as something differs, and closes it then",
    },
    jsonOption,
  ],
  async run({ known, issue: wantsIssue = false, json = false, ...options }, context) {
    const stack = stackOf(options, "drift");
    const issue = wantsIssue ? issueOf(stack, context.say) : undefined;
    const environment = await openOwn(stack, context);
    context.say(colours.bold(`reading what is there of ${stack}; nothing is changed`));
    // Where the settings cannot be read, the check itself does not need them.
    const config = await environment.config().catch(() => undefined);
    const found = await environment.drift({
      signal: context.signal,
      log: context.say,
      secrets: [...knownSecrets(config), ...(issue?.secrets ?? [])],
      known: await issue?.known(),
      ...(known === undefined ? {} : { knownFile: known }),
    });
    const choice = { adopt: commandFor(found.adopt, stack), revert: commandFor(found.revert, stack) };
    if (json) context.print(jsonAnswer("drift", { ...found, ...choice }));
    else for (const line of driftLines({ ...found, ...choice })) context.print(line);
    if (issue !== undefined) {
      const [lastRun] = found.drifted ? await environment.history(1).catch(() => []) : [];
      const { what, url = "" } = await issue.keep(found, { ...choice, lastRun });
      if (what !== "none") context.say(`issue ${what}: ${url}`);
    }
    if (found.drifted) context.exitWith(exitCodes.drift);
  },
};

function issueOf(stack: string, say: (line: string) => void): DriftIssue {
  const issue = driftIssue(process.env, { project: openProject().name, stack }, say);
  if (issue !== undefined) return issue;
  throw new UserError({
    what: "where the issue is to be kept is not said",
    allowed:
      "a job of GitHub Actions (GITHUB_REPOSITORY and GITHUB_TOKEN lead to it) or of GitLab CI (CI_API_V4_URL, " +
      "CI_PROJECT_ID and GITLAB_TOKEN do)",
    next: `npx groundwork drift ${chosen(stack)}`,
  });
}

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
