import { join } from "node:path";
import { openProject } from "../../automation/project";
import { assertAllowed, tokenCheckOf } from "../../automation/token/check";
import { type NeededPermission, neededPermissions } from "../../automation/token/permissions";
import { assertPlan, planRemark } from "../../automation/token/zone-plan";
import { readSettings } from "../../platform/settings";
import { type CommandDeclaration, stackOption } from "../command";
import { type EnvironmentChoice, openOwn, stackOf } from "../open";

interface TokenChoice extends EnvironmentChoice {
  readonly check?: boolean;
}

export const token: CommandDeclaration<TokenChoice> = {
  name: "token",
  summary: "prints what the API token of an environment must be allowed, and asks Cloudflare whether it is",
  example: "npx groundwork token -s prod",
  options: [
    stackOption,
    { flags: "--no-check", description: "only prints, for a token that is still to be made; asks nobody" },
  ],
  async run({ check = true, ...choice }, context) {
    const { print, say } = context;
    const stack = stackOf(choice, "token");
    if (!check) {
      const settings = await readSettings(join(openProject().directory, `Pulumi.${stack}.yaml`), stack);
      print(`on account ${settings.cloudflare.accountId} and zone ${settings.domain}:`);
      for (const each of neededPermissions(settings)) print(`  ${line(each)}`);
      return;
    }
    const config = await (await openOwn(stack, context)).config({ makeStack: true });
    const { expiresOn, by, missing, needed, plan } = await tokenCheckOf(config);
    print(`on account ${config.settings.cloudflare.accountId} and zone ${config.settings.domain}:`);
    for (const each of needed) print(`  ${missing.includes(each) ? "missing" : "ok     "}  ${line(each)}`);
    say(expiresOn === undefined ? "the token does not expire" : `the token expires on ${expiresOn}`);
    if (by === "requests") {
      say(
        "it may not read its own policies: that it may read these things was tried, not that it may change them",
      );
    }
    const remark = planRemark(plan, config.settings);
    if (remark !== undefined) say(remark);
    assertAllowed({ missing }, config);
    assertPlan(plan, config);
  },
};

function line({ name, scope, because }: NeededPermission): string {
  return `${name} (${scope})  for ${because.join(", ")}`;
}
