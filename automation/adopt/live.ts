/** What stands at Cloudflare, as the API tells it: the members that are used here. */
import type { CloudflareApi } from "../cloudflare-api";
import { CloudflareRefusal } from "../cloudflare-api";

export interface LiveRecord {
  readonly id: string;
  readonly type: string;
  readonly name: string;
  readonly content?: string;
  readonly ttl: number;
  readonly proxied?: boolean;
  readonly priority?: number;
  readonly data?: Readonly<Record<string, unknown>>;
  readonly meta?: Readonly<Record<string, unknown>>;
}

export interface LiveRule {
  readonly id?: string;
  readonly ref?: string;
  readonly expression?: string;
  readonly action?: string;
  readonly description?: string;
  readonly enabled?: boolean;
  readonly action_parameters?: Readonly<Record<string, unknown>>;
  readonly ratelimit?: Readonly<Record<string, unknown>>;
}

export interface LiveRuleset {
  readonly id: string;
  readonly name: string;
  readonly kind: string;
  readonly phase: string;
  readonly rules?: readonly LiveRule[];
}

export interface LiveDeploymentConfig {
  readonly env_vars?: Readonly<Record<string, { type?: string; value?: string } | null>> | null;
  readonly compatibility_date?: string;
  readonly compatibility_flags?: readonly string[];
}

export interface LiveProject {
  readonly name: string;
  readonly subdomain: string;
  readonly production_branch?: string;
  readonly build_config?: Readonly<Record<string, unknown>> | null;
  readonly source?: {
    readonly type: string;
    readonly config: Readonly<Record<string, unknown>>;
  } | null;
  readonly deployment_configs?: {
    readonly production?: LiveDeploymentConfig;
    readonly preview?: LiveDeploymentConfig;
  };
  /** Custom domains. */
  readonly domains: readonly string[];
}

export interface LiveBucket {
  readonly name: string;
  readonly jurisdiction: string;
  readonly storage_class?: string;
  readonly cors: number;
  readonly lifecycle: number;
  readonly customDomains: readonly string[];
  readonly open: boolean;
  readonly notifications: number;
}

export type LiveSelector = Readonly<Record<string, Readonly<Record<string, unknown>>>>;

export interface LivePolicy {
  readonly id: string;
  readonly name: string;
  readonly decision: string;
  readonly reusable?: boolean;
  readonly include?: readonly LiveSelector[];
  readonly exclude?: readonly LiveSelector[];
  readonly require?: readonly LiveSelector[];
}

export interface LiveApplication {
  readonly id: string;
  readonly name: string;
  readonly type: string;
  readonly domain?: string;
  readonly destinations?: readonly { readonly type: string; readonly uri?: string }[];
  readonly policies?: readonly (LivePolicy & { readonly precedence?: number })[];
  readonly allowed_idps?: readonly string[];
  readonly session_duration?: string;
}

export interface LiveProvider {
  readonly id: string;
  readonly name: string;
  readonly type: string;
}

export interface LiveIngress {
  readonly hostname?: string;
  readonly path?: string;
  readonly service: string;
  readonly originRequest?: Readonly<Record<string, unknown>>;
}

export interface LiveTunnel {
  readonly id: string;
  readonly name: string;
  readonly config_src?: string;
  readonly ingress: readonly LiveIngress[];
}

export interface LiveZone {
  readonly id: string;
  readonly name: string;
  readonly plan: string;
  readonly accountId: string;
}

/** Everything that was read. What could not be read stands in `unread`, with the reason. */
export interface Live {
  readonly zone: LiveZone;
  /** Settings of the zone by the API's ids; those that cannot be changed are left out. */
  readonly settings: Readonly<Record<string, unknown>>;
  readonly dnssec: string;
  readonly records: readonly LiveRecord[];
  readonly rulesets: readonly LiveRuleset[];
  readonly projects: readonly LiveProject[];
  readonly buckets: readonly LiveBucket[];
  readonly applications: readonly LiveApplication[];
  readonly policies: readonly LivePolicy[];
  readonly providers: readonly LiveProvider[];
  readonly serviceTokens: readonly { readonly id: string; readonly name: string }[];
  readonly tunnels: readonly LiveTunnel[];
  readonly unread: readonly string[];
}

/** Reads a zone and its account. Nothing is changed. @throws CloudflareRefusal where the zone itself cannot be read */
export async function readLive(api: CloudflareApi, zone: LiveZone): Promise<Live> {
  const unread: string[] = [];
  const at = { zone: `/zones/${zone.id}`, account: `/accounts/${zone.accountId}` };
  /** A part that the token may not read must not end everything: it is told instead. */
  const part = async <T>(what: string, none: T, read: () => Promise<T>): Promise<T> => {
    try {
      return await read();
    } catch (error) {
      if (!(error instanceof CloudflareRefusal)) throw error;
      unread.push(`${what}: ${error.message}`);
      return none;
    }
  };
  const settings = await part("settings of the zone", {}, () => readSettings(api, at.zone));
  const dnssec = await part("DNSSEC", "disabled", async () => {
    return (await api.get<{ status?: string } | null>(`${at.zone}/dnssec`))?.status ?? "disabled";
  });
  const records = await part("DNS records", [], () =>
    api.list<LiveRecord>(`${at.zone}/dns_records?per_page=1000`),
  );
  const rulesets = await part("rules of the zone", [], () => readRulesets(api, at.zone));
  const projects = await part("Pages projects", [], () =>
    api.list<LiveProject>(`${at.account}/pages/projects`).then((all) => withDomains(api, at.account, all)),
  );
  const buckets = await readBuckets(api, at.account, part);
  const access = `${at.account}/access`;
  return {
    zone,
    settings,
    dnssec,
    records,
    rulesets,
    projects,
    buckets,
    applications: await part("Access applications", [], () => api.list<LiveApplication>(`${access}/apps`)),
    policies: await part("Access policies", [], () => api.list<LivePolicy>(`${access}/policies`)),
    providers: await part("identity providers", [], () =>
      api.list<LiveProvider>(`${access}/identity_providers`),
    ),
    serviceTokens: await part("service tokens", [], () =>
      api.list<{ id: string; name: string }>(`${access}/service_tokens`),
    ),
    tunnels: await part("tunnels", [], () => readTunnels(api, at.account)),
    unread,
  };
}

async function readSettings(api: CloudflareApi, zone: string): Promise<Record<string, unknown>> {
  const all = await api.get<{ id: string; value?: unknown; editable?: boolean }[]>(`${zone}/settings`);
  return Object.fromEntries(
    all.filter(({ editable }) => editable !== false).map(({ id, value }) => [id, value]),
  );
}

async function readRulesets(api: CloudflareApi, zone: string): Promise<LiveRuleset[]> {
  const all = await api.list<LiveRuleset>(`${zone}/rulesets`);
  const own = all.filter(({ kind }) => kind === "zone");
  return Promise.all(own.map(({ id }) => api.get<LiveRuleset>(`${zone}/rulesets/${id}`)));
}

async function withDomains(api: CloudflareApi, account: string, all: readonly LiveProject[]) {
  return Promise.all(
    all.map(async (project) => {
      const path = `${account}/pages/projects/${encodeURIComponent(project.name)}/domains`;
      const domains = (await api.list<{ name: string }>(path)).map(({ name }) => name);
      return { ...project, domains };
    }),
  );
}

async function readBuckets(
  api: CloudflareApi,
  account: string,
  part: <T>(what: string, none: T, read: () => Promise<T>) => Promise<T>,
): Promise<LiveBucket[]> {
  const found: LiveBucket[] = [];
  for (const jurisdiction of ["default", "eu", "fedramp", "us"]) {
    const headers = { "cf-r2-jurisdiction": jurisdiction };
    const path = `${account}/r2/buckets`;
    const read = () => api.listByCursor<LiveBucket>(`${path}?per_page=1000`, "buckets", headers);
    // Most accounts have the default one only, and may be refused the others.
    const listed =
      jurisdiction === "default"
        ? await part("R2 buckets", [], read)
        : await read().catch((error: unknown) => {
            if (error instanceof CloudflareRefusal) return [];
            throw error;
          });
    for (const { name, storage_class } of listed) {
      const own = `${path}/${name}`;
      const rules = async (of: string) =>
        (await api.find<{ rules?: unknown[] } | null>(`${own}/${of}`, headers))?.rules?.length ?? 0;
      const more = await part(`what is around bucket ${name}`, undefined, async () => ({
        cors: await rules("cors"),
        lifecycle: await lifecycleRules(api, own, headers),
        customDomains: (
          (await api.find<{ domains?: { domain: string }[] } | null>(`${own}/domains/custom`, headers))
            ?.domains ?? []
        ).map(({ domain }) => domain),
        open:
          (await api.find<{ enabled?: boolean } | null>(`${own}/domains/managed`, headers))?.enabled === true,
        notifications:
          (
            await api.find<{ queues?: unknown[] } | null>(
              `${account}/event_notifications/r2/${name}/configuration`,
              headers,
            )
          )?.queues?.length ?? 0,
      }));
      const none = { cors: 0, lifecycle: 0, customDomains: [], open: false, notifications: 0 };
      found.push({
        name,
        jurisdiction,
        ...(storage_class === undefined ? {} : { storage_class }),
        ...(more ?? none),
      });
    }
  }
  return found;
}

/** How many there are, but for the one about unfinished uploads that every bucket has by itself. */
async function lifecycleRules(
  api: CloudflareApi,
  bucket: string,
  headers: Readonly<Record<string, string>>,
): Promise<number> {
  const found = await api.find<{ rules?: { id?: string }[] } | null>(`${bucket}/lifecycle`, headers);
  return (found?.rules ?? []).filter(({ id }) => id !== "Default Multipart Abort Rule").length;
}

async function readTunnels(api: CloudflareApi, account: string): Promise<LiveTunnel[]> {
  const path = `${account}/cfd_tunnel`;
  const all = await api.list<LiveTunnel>(`${path}?is_deleted=false`);
  return Promise.all(
    all.map(async (tunnel) => {
      const found =
        tunnel.config_src === "local"
          ? undefined
          : await api.find<{ config?: { ingress?: LiveIngress[] } | null } | null>(
              `${path}/${tunnel.id}/configurations`,
            );
      return { ...tunnel, ingress: found?.config?.ingress ?? [] };
    }),
  );
}
