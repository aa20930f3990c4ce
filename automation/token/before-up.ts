import { type Log, silent } from "../../common/log";
import { UserError } from "../../common/user-error";
import { CloudflareRefusal } from "../cloudflare-api";
import type { StackConfig } from "../stack-config";
import { assertAllowed, tokenCheckOf } from "./check";
import { neededPermissions } from "./permissions";
import { assertPlan, planRemark } from "./zone-plan";

/**
 * Refuses a token that is too narrow or not valid, and a plan of the zone that lacks what the stack asks for, before
 * anything is changed. Where that cannot be told, it is said, and the run finds out. A stack with nothing at Cloudflare is
 * not asked about.
 *
 * @param log told what could not be asked, and a plan that is named too dear. @default nobody
 * @throws UserError with each permission, or each part of the zone's settings
 */
export async function checkTokenBefore(config: StackConfig, log: Log = silent): Promise<void> {
  if (neededPermissions(config.settings).length === 0) return;
  const checked = await tokenCheckOf(config).catch((error: unknown) => {
    const isRefusal = error instanceof UserError && !/cannot be reached/.test(error.parts.what);
    if (isRefusal || !(error instanceof UserError || error instanceof CloudflareRefusal)) throw error;
    log(`what the API token may do could not be asked: ${error.message.split("\n")[0] ?? ""}`);
    return undefined;
  });
  if (checked === undefined) return;
  assertAllowed(checked, config);
  assertPlan(checked.plan, config);
  const remark = planRemark(checked.plan, config.settings);
  if (remark !== undefined) log(remark);
}
