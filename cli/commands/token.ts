import { join } from "node:path";
import { openProject } from "../../automation/project";
import { assertAllowed, tokenCheckOf } from "../../automation/token/check";
import { neededPermissions } from "../../automation/token/permissions";
import { assertPlan, planRemark } from "../../automation/token/zone-plan";
import { readSettings, type Settings } from "../../platform/settings";
import { type CommandDeclaration, stackOption } from "../command";
import { type Answer, jsonAnswer } from "../json/answer";
import { type EnvironmentChoice, openReal, stackOf } from "../open";
import { type JsonChoice, jsonOption } from "../run-options";

interface TokenChoice extends EnvironmentChoice, JsonChoice {
  readonly check?: boolean;
}

export const token: CommandDeclaration<TokenChoice> = {
  name: "token",
  summary: "prints what the API token of an environment must be allowed, and asks Cloudflare whether it is",
  example: "npx groundwork token -s prod",
  options: [
    stackOption,
    { flags: "--no-check", description: "only prints, for a token that is still to be made; asks nobody" },
    jsonOption,
  ],
  async run({ check = true, json = false, ...choice }, context) {
    const { print, say } = context;
    const stack = stackOf(choice, "token");
    const tell = (answer: Answer<"token">): void => {
      if (json) print(jsonAnswer("token", answer));
      else for (const line of tokenLines(answer)) print(line);
    };
    if (!check) {
      const settings = await readSettings(join(openProject().directory, `Pulumi.${stack}.yaml`), stack);
      tell({ ...zoneOf(settings), stack, permissions: neededPermissions(settings) });
      return;
    }
    const config = await (await openReal(stack, context)).config({ makeStack: true });
    const { expiresOn, by, missing, needed, plan } = await tokenCheckOf(config);
    const permissions = needed.map((each) => ({ ...each, allowed: !missing.includes(each) }));
    const remark = planRemark(plan, config.settings);
    tell({ ...zoneOf(config.settings), stack, permissions, by, expiresOn, remark });
    say(expiresOn === undefined ? "the token does not expire" : `the token expires on ${expiresOn}`);
    if (by === "requests") {
      say(
        "it may not read its own policies: that it may read these things was tried, not that it may change them",
      );
    }
    if (remark !== undefined) say(remark);
    assertAllowed({ missing }, config);
    assertPlan(plan, config);
  },
};

function zoneOf({ cloudflare, domain }: Settings): { readonly account: string; readonly domain: string } {
  return { account: cloudflare.accountId, domain };
}

/** What is printed of a token's permissions. */
export function tokenLines({ account, domain, permissions }: Answer<"token">): string[] {
  return [
    `on account ${account} and zone ${domain}:`,
    ...permissions.map(({ allowed, because, name, scope }) => {
      const state = allowed === undefined ? "" : allowed ? "ok       " : "missing  ";
      return `  ${state}${name} (${scope})  for ${because.join(", ")}`;
    }),
  ];
}
