import type { StackConfig } from "../stack-config";
import type { Examine } from "./examine";

/**
 * Looks at Cloudflare for what creations have made, by listing and reading alone.
 *
 * @param config read at the first look, and kept
 * @param variables CLOUDFLARE_API_TOKEN and CLOUDFLARE_BASE_URL count where the settings say nothing
 */
export function examineAtCloudflare(
  config: () => Promise<StackConfig>,
  variables: Readonly<Record<string, string | undefined>>,
): Examine {
  let known: Promise<StackConfig | undefined> | undefined;
  return async (resource, recorded) => {
    if (!resource.type.startsWith("cloudflare:")) return undefined;
    // A program of one's own may have other settings.
    const { settings, secrets } = (await (known ??= config().catch(() => undefined))) ?? {};
    const apiUrl = settings?.cloudflare.apiUrl ?? variables["CLOUDFLARE_BASE_URL"];
    const apiToken =
      secrets?.[settings?.cloudflare.apiTokenSecret ?? ""] ?? variables["CLOUDFLARE_API_TOKEN"];
    if (apiToken === undefined || apiToken === "") return undefined;
    // Loaded here only: most runs have nothing to mend.
    const { findLeftovers } = await import("../../sandbox/providers/cloudflare/leftovers");
    return findLeftovers(resource, recorded, {
      ...(apiUrl === undefined ? {} : { CLOUDFLARE_BASE_URL: apiUrl }),
      CLOUDFLARE_API_TOKEN: apiToken,
    });
  };
}
