import { UserError } from "../../common/user-error";
import type { Settings } from "../../platform/settings";
import { CloudflareApi, CloudflareRefusal } from "../cloudflare-api";
import { cloudflareAccess, type StackConfig } from "../stack-config";
import { missingPermissions, type TokenPolicy } from "./grants";
import { neededPermissions, type NeededPermission } from "./permissions";
import { type ZonePlan, zonePlanOf } from "./zone-plan";

/** What is known of a token. */
export interface TokenCheck {
  readonly needed: readonly NeededPermission[];
  readonly missing: readonly NeededPermission[];
  /** RFC 3339; undefined where it never ends. */
  readonly expiresOn: string | undefined;
  /**
   * `policies`: the token's own policies were read. `requests`: it may not read them, so each kind of thing was asked for;
   * that it may be changed as well is not shown by that.
   */
  readonly by: "policies" | "requests";
  /** Where the settings take the zone for a dearer plan than it has. */
  readonly plan: ZonePlan | undefined;
}

/**
 * Asks Cloudflare what the token may do, and compares it with what the settings need. Changes nothing.
 *
 * @throws UserError where the token is not valid, has expired or is disabled
 */
export async function checkToken(api: CloudflareApi, settings: Settings): Promise<TokenCheck> {
  const { accountId } = settings.cloudflare;
  const needed = neededPermissions(settings);
  // Beside each other, as a run waits for it; of two errors the token's own is told.
  const asking = zoneOf(api, settings);
  asking.catch(() => undefined);
  const verified = await verify(api, accountId);
  const { zoneId, plan } = await asking;
  const base = { needed, expiresOn: verified.expires_on, plan };
  const policies = await policiesOf(api, verified);
  if (policies !== undefined) {
    return { ...base, missing: missingPermissions(needed, policies, { accountId, zoneId }), by: "policies" };
  }
  const refused = await Promise.all(
    needed.map(async ({ name, scope }) => {
      const path = question(name, accountId, zoneId);
      // Without an id nobody could be asked: the zone is not seen.
      return path === undefined ? scope === "zone" && zoneId === undefined : isRefused(api, path);
    }),
  );
  return { ...base, missing: needed.filter((_permission, index) => refused[index]), by: "requests" };
}

async function zoneOf(
  api: CloudflareApi,
  settings: Settings,
): Promise<{ readonly zoneId: string | undefined; readonly plan: ZonePlan | undefined }> {
  const zoneId = settings.cloudflare.zoneId ?? (await zoneIdOf(api, settings));
  return { zoneId, plan: await zonePlanOf(api, settings, zoneId) };
}

/** Asks what a stack's own token may do. @throws UserError where there is none, or it is not valid */
export async function tokenCheckOf(config: StackConfig): Promise<TokenCheck> {
  return checkToken(new CloudflareApi(cloudflareAccess(config)), config.settings);
}

/** @throws UserError that names each permission that is missing, and what to do */
export function assertAllowed(
  { missing }: Pick<TokenCheck, "missing">,
  { stack, settings }: { readonly stack: string; readonly settings: Settings },
): void {
  if (missing.length === 0) return;
  const lines = missing.map(({ name, scope, because }) => `${name} (${scope}), for ${because.join(", ")}`);
  throw new UserError({
    what: missing.length === 1 ? "the API token lacks a permission" : "the API token lacks permissions",
    value: `\n    ${lines.join("\n    ")}`,
    allowed: `a token with what groundwork token -s ${stack} prints, on account ${settings.cloudflare.accountId} and zone ${settings.domain}`,
    next: "add them to the token in Cloudflare's dashboard (Manage Account, API Tokens), then run the same command again: nothing was changed",
  });
}

interface Verified {
  readonly id: string;
  readonly status: string;
  readonly expires_on?: string;
  /** Where the token is kept: with the account, or with a user. */
  readonly owner: string;
}

async function verify(api: CloudflareApi, accountId: string): Promise<Verified> {
  let refusal: CloudflareRefusal | undefined;
  for (const owner of [`/accounts/${accountId}`, "/user"]) {
    try {
      const found = await api.get<Omit<Verified, "owner">>(`${owner}/tokens/verify`);
      if (found.status === "active") return { ...found, owner };
      const since = found.expires_on === undefined ? "" : ` (${found.expires_on})`;
      throw new UserError({
        what: found.status === "expired" ? "the API token has expired" : `the API token is ${found.status}`,
        value: `token ${found.id}${found.status === "expired" ? since : ""}`,
        allowed: "an active token",
        next: "roll it or make a new one in Cloudflare's dashboard, and put its value where the old one stands (groundwork:secrets, or CLOUDFLARE_API_TOKEN)",
      });
    } catch (error) {
      if (!(error instanceof CloudflareRefusal)) throw error;
      refusal ??= error;
    }
  }
  throw new UserError({
    what: "Cloudflare refuses the API token",
    value: refusal?.message,
    allowed: `an active token of account ${accountId}, or of a user in it`,
    next: "put a valid one into groundwork:secrets.CLOUDFLARE_API_TOKEN, or into the environment's CLOUDFLARE_API_TOKEN",
    cause: refusal,
  });
}

async function zoneIdOf(api: CloudflareApi, { domain, cloudflare }: Settings): Promise<string | undefined> {
  const query = `name=${encodeURIComponent(domain)}&account.id=${cloudflare.accountId}`;
  try {
    return (await api.list<{ id: string }>(`/zones?${query}`))[0]?.id;
  } catch (error) {
    if (error instanceof CloudflareRefusal) return undefined;
    throw error;
  }
}

/** Undefined where the token may not read itself. */
async function policiesOf(api: CloudflareApi, { id, owner }: Verified): Promise<TokenPolicy[] | undefined> {
  try {
    return (await api.get<{ policies?: TokenPolicy[] } | null>(`${owner}/tokens/${id}`))?.policies;
  } catch (error) {
    if (error instanceof CloudflareRefusal) return undefined;
    throw error;
  }
}

/** Something that can only be read with the permission; undefined where there is nothing to ask. */
function question(name: string, accountId: string, zoneId: string | undefined): string | undefined {
  const account = `/accounts/${accountId}`;
  const inAccount: Readonly<Record<string, string>> = {
    "Pages Write": "/pages/projects",
    "Workers R2 Storage Write": "/r2/buckets",
    "Queues Write": "/queues",
    "Account API Tokens Write": "/tokens",
    "Cloudflare Tunnel Write": "/cfd_tunnel",
    "Access: Apps and Policies Write": "/access/apps",
    "Access: Service Tokens Write": "/access/service_tokens",
    "Access: Organizations, Identity Providers, and Groups Write": "/access/identity_providers",
  };
  const phase = (of: string) => `/rulesets/phases/${of}/entrypoint`;
  const inZone: Readonly<Record<string, string>> = {
    "Zone Read": "",
    "DNS Write": "/dns_records?per_page=5",
    "Zone Settings Write": "/settings",
    "Dynamic URL Redirects Write": phase("http_request_dynamic_redirect"),
    "Transform Rules Write": phase("http_response_headers_transform"),
    "Zone WAF Write": phase("http_request_firewall_custom"),
    "Cache Settings Write": phase("http_request_cache_settings"),
  };
  if (name === "SSL and Certificates Write") return zoneId && `/certificates?zone_id=${zoneId}`;
  const ofAccount = inAccount[name];
  if (ofAccount !== undefined) return `${account}${ofAccount}`;
  const ofZone = inZone[name];
  return ofZone === undefined || zoneId === undefined ? undefined : `/zones/${zoneId}${ofZone}`;
}

async function isRefused(api: CloudflareApi, path: string): Promise<boolean> {
  try {
    await api.get(path);
    return false;
  } catch (error) {
    if (!(error instanceof CloudflareRefusal)) throw error;
    // What is not there yet was not refused.
    return error.isOfToken;
  }
}
