/** Looks whether anything of a removed environment is left at Cloudflare. */
import { UserError } from "../../common/user-error";

/** What of Cloudflare an environment had, by its state. */
export interface HadResource {
  /** `cloudflare:index/dnsRecord:DnsRecord` */
  readonly type: string;
  readonly id: string;
}

/** Where and as whom to look. */
export interface Looking {
  readonly apiUrl: string;
  /** A secret. */
  readonly token: string;
  readonly accountId: string;
  readonly zoneId: string | undefined;
}

/** How each kind is asked for by its id; of others nothing stays that could be asked for. */
const paths: Readonly<Record<string, (at: Looking, id: string) => string | undefined>> = {
  DnsRecord: ({ zoneId }, id) => (zoneId === undefined ? undefined : `/zones/${zoneId}/dns_records/${id}`),
  ZeroTrustAccessApplication: account("access/apps"),
  ZeroTrustAccessPolicy: account("access/policies"),
  ZeroTrustAccessServiceToken: account("access/service_tokens"),
  ZeroTrustTunnelCloudflared: account("cfd_tunnel"),
  PagesProject: account("pages/projects"),
  R2Bucket: account("r2/buckets"),
  AccountToken: account("tokens"),
};

function account(path: string): (at: Looking, id: string) => string {
  return ({ accountId }, id) => `/accounts/${accountId}/${path}/${encodeURIComponent(id)}`;
}

const patience = 30_000;

/**
 * Asks for each thing that there was, and for records of the host names.
 *
 * @returns what is left, one line each; empty: nothing
 * @throws UserError where the API does not answer, so that nothing is known
 */
export async function leftAtCloudflare(
  at: Looking,
  had: readonly HadResource[],
  hostnames: readonly string[],
): Promise<string[]> {
  const left: string[] = [];
  for (const { type, id } of had) {
    const kind = type.split(":").at(-1) ?? "";
    const path = paths[kind]?.(at, id);
    if (path === undefined) continue;
    const { status, result } = await ask(at, path);
    // A deleted tunnel can still be asked for, and says when it was deleted.
    const deleted = (result as { deleted_at?: unknown } | null)?.deleted_at;
    if (status === 200 && (deleted === undefined || deleted === null)) left.push(`${kind} ${id}`);
  }
  for (const name of at.zoneId === undefined ? [] : hostnames) {
    const { result } = await ask(
      at,
      `/zones/${at.zoneId ?? ""}/dns_records?name=${encodeURIComponent(name)}`,
    );
    const records = (Array.isArray(result) ? result : []) as readonly { type?: string; name?: string }[];
    for (const record of records) {
      if (record.name === name) left.push(`${record.type ?? ""} record of ${name}`);
    }
  }
  return left;
}

async function ask(at: Looking, path: string): Promise<{ status: number; result: unknown }> {
  let status = 0;
  try {
    const answer = await fetch(at.apiUrl.replace(/\/$/, "") + path, {
      headers: { authorization: `Bearer ${at.token}` },
      signal: AbortSignal.timeout(patience),
    });
    status = answer.status;
    const body = (await answer.json()) as { result?: unknown };
    if (status === 200 || status === 404) return { status, result: body.result };
  } catch (cause) {
    if (status === 404) return { status, result: null };
    throw unknown(path, cause instanceof Error ? cause.message : String(cause));
  }
  throw unknown(path, `status ${status}`);
}

function unknown(path: string, value: string): UserError {
  return new UserError({
    what: `it is not known whether something is left: Cloudflare did not answer GET ${path.split("?")[0] ?? ""}`,
    value,
    allowed: "a token that may read what it has removed",
    next: "npx groundwork env gc, which looks again",
  });
}
