import type { Environment } from "../automation/environment";
import type { Examine } from "../automation/locks/examine";

/** Clocks here and at Cloudflare may differ by that. Milliseconds. */
const clockDifference = 120_000;

/**
 * Looks at Cloudflare whether a creation that was cut short has made its thing: by listing and reading alone. What is
 * there, and was there before that run, is nobody's to take in.
 */
export function examineAtCloudflare(environment: Environment): Examine {
  return async ({ resource }, { resources = [] }, since) => {
    if (!resource.type.startsWith("cloudflare:")) return undefined;
    const { settings, secrets } = await environment.config();
    const { apiUrl, apiTokenSecret } = settings.cloudflare;
    // Loaded here only: most runs have nothing to mend.
    const { findLeftover } = await import("../sandbox/providers/cloudflare/leftovers");
    const found = await findLeftover(resource, resources, {
      ...(apiUrl === undefined ? {} : { CLOUDFLARE_BASE_URL: apiUrl }),
      CLOUDFLARE_API_TOKEN: secrets[apiTokenSecret] ?? "",
    });
    if (found === undefined || found === "absent") return found;
    const { id, madeAt } = found;
    if (madeAt !== undefined && Date.parse(madeAt) + clockDifference < Date.parse(since)) return undefined;
    return { id };
  };
}
