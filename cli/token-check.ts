import { CloudflareRefusal } from "../automation/cloudflare-api";
import type { StackConfig } from "../automation/stack-config";
import { UserError } from "../common/user-error";
import { assertAllowed, tokenCheckOf } from "../automation/token/check";
import type { CommandContext } from "./command";

/**
 * Refuses a token that is too narrow or not valid before anything is begun. Where that cannot be told, it is said, and
 * the run finds out.
 */
export async function checkTokenBefore(config: StackConfig, { say }: CommandContext): Promise<void> {
  const checked = await tokenCheckOf(config).catch((error: unknown) => {
    const isRefusal = error instanceof UserError && !/cannot be reached/.test(error.parts.what);
    if (isRefusal || !(error instanceof UserError || error instanceof CloudflareRefusal)) throw error;
    say(`what the API token may do could not be asked: ${error.message.split("\n")[0] ?? ""}`);
    return undefined;
  });
  if (checked !== undefined) assertAllowed(checked, config);
}
