import { cloudflareAccess, type StackConfig } from "../stack-config";
import type { Examine, LookBefore } from "./examine";

/** The looks at Cloudflare of one run, by listing and reading alone. */
export interface LooksAtCloudflare {
  /** What creations have made. */
  readonly examine: Examine;
  /** What is there before. What is listed is listed once. */
  readonly lookBefore: LookBefore;
}

/**
 * Looks at Cloudflare with the stack's own token.
 *
 * @param config read at the first look, and kept
 * @param variables CLOUDFLARE_API_TOKEN and CLOUDFLARE_BASE_URL count where the settings say nothing
 */
export function looksAtCloudflare(
  config: () => Promise<StackConfig>,
  variables: Readonly<Record<string, string | undefined>>,
): LooksAtCloudflare {
  let known: Promise<StackConfig | undefined> | undefined;
  const placeOf = async ({ type }: { readonly type: string }) => {
    if (!type.startsWith("cloudflare:")) return undefined;
    // A program of one's own may have other settings.
    const own = await (known ??= config().catch(() => undefined));
    const settings = own?.settings;
    const access = own === undefined ? undefined : cloudflareAccess(own);
    const apiUrl = access?.apiUrl ?? variables["CLOUDFLARE_BASE_URL"];
    const apiToken = access?.apiToken || variables["CLOUDFLARE_API_TOKEN"];
    if (apiToken === undefined || apiToken === "") return undefined;
    const id = settings?.cloudflare.zoneId;
    return {
      environment: {
        ...(apiUrl === undefined ? {} : { CLOUDFLARE_BASE_URL: apiUrl }),
        CLOUDFLARE_API_TOKEN: apiToken,
      },
      ...(settings === undefined || id === undefined ? {} : { zone: { id, name: settings.domain } }),
    };
  };
  // Loaded where it is needed only: most runs have nothing to mend.
  const load = () => import("../../sandbox/providers/cloudflare/leftovers");
  const lists = new Map<string, Promise<readonly string[] | undefined>>();
  return {
    async examine(resource, recorded) {
      const place = await placeOf(resource);
      return place === undefined ? undefined : (await load()).findLeftovers(resource, recorded, place);
    },
    async lookBefore(resource) {
      const place = await placeOf(resource);
      return place === undefined ? undefined : (await load()).findPresent(resource, place, lists);
    },
  };
}
