/** Which planned resource is which thing that stands at Cloudflare already. Pure. */
import type { ImportedResource } from "../../platform/imports";
import type { Description } from "./describe";
import type { Live, LiveRecord } from "./live";

/** A resource as a preview plans it. */
export interface PlannedResource {
  readonly type: string;
  readonly name: string;
  /** As the engine tells them: what is not known yet stands there as a marker. */
  readonly inputs: Readonly<Record<string, unknown>>;
}

/** The engine's marker of a value that is not known before the update. */
const unknown = "04da6b54-80e4-46f7-96ec-b56ff0331ba9";

/** What was found, and what is nowhere at Cloudflare. */
export interface Identified {
  readonly resources: readonly ImportedResource[];
  readonly missing: readonly PlannedResource[];
}

export function identify(
  planned: readonly PlannedResource[],
  live: Live,
  { access, config }: Pick<Description, "access" | "config">,
): Identified {
  const resources: ImportedResource[] = [];
  const missing: PlannedResource[] = [];
  const taken = new Set<string>();
  for (const resource of planned) {
    const id = finders[kindOf(resource.type)]?.(resource, { live, access, config });
    const key = `${resource.type} ${id ?? ""}`;
    if (id === undefined || taken.has(key)) {
      missing.push(resource);
      continue;
    }
    taken.add(key);
    resources.push({ type: resource.type, name: resource.name, id, keep: [] });
  }
  return { resources, missing };
}

interface Known extends Pick<Description, "access" | "config"> {
  readonly live: Live;
}

type Finder = (resource: PlannedResource, known: Known) => string | undefined;

/** The id to import by; undefined where there is no such thing. */
const finders: Readonly<Record<string, Finder>> = {
  DnsRecord: ({ inputs }, { live }) => below(live.zone.id, recordOf(inputs, live.records)?.id),
  ZoneSetting: ({ inputs }, { live }) => {
    const id = text(inputs["settingId"]);
    return id in live.settings ? `${live.zone.id}/${id}` : undefined;
  },
  ZoneDnssec: (_resource, { live }) => live.zone.id,
  Ruleset: ({ inputs }, { live }) => {
    const found = live.rulesets.find(({ phase }) => phase === inputs["phase"]);
    return found && `zones/${live.zone.id}/${found.id}`;
  },
  PagesProject: ({ inputs }, { live }) => {
    const found = live.projects.find(({ name }) => name === inputs["name"]);
    return below(live.zone.accountId, found?.name);
  },
  PagesDomain: ({ inputs }, { live }) => {
    const domain = text(inputs["name"]);
    const found = live.projects.find(({ domains }) => domains.includes(domain));
    return found && `${live.zone.accountId}/${found.name}/${domain}`;
  },
  R2Bucket: ({ inputs }, { live }) => {
    const { name, jurisdiction = "default" } = inputs;
    const found = live.buckets.find((bucket) => bucket.name === name && bucket.jurisdiction === jurisdiction);
    return found && `${live.zone.accountId}/${found.name}/${found.jurisdiction}`;
  },
  ZeroTrustTunnelCloudflared: ({ inputs }, { live }) =>
    below(live.zone.accountId, live.tunnels.find(({ name }) => name === inputs["name"])?.id),
  ZeroTrustTunnelCloudflaredConfig: ({ name }, { live, config }) => {
    const tunnels = (config["tunnels"] ?? {}) as Record<string, { name?: string }>;
    const wanted = tunnels[name.replace(/-config$/, "")]?.name;
    return below(live.zone.accountId, live.tunnels.find((tunnel) => tunnel.name === wanted)?.id);
  },
  ZeroTrustAccessApplication: ({ inputs }, known) =>
    below(`accounts/${known.live.zone.accountId}`, applicationOf(inputs, known)?.id),
  ZeroTrustAccessPolicy: ({ inputs }, { live, access }) => {
    const wanted = inputs["decision"] === "bypass" ? access?.publicIds[0] : access?.protectedId;
    const app = live.applications.find(({ id }) => id === wanted);
    const policy = app?.policies?.find(({ decision }) => decision === inputs["decision"]);
    return below(live.zone.accountId, policy?.id);
  },
};

function applicationOf({ destinations }: PlannedResource["inputs"], { live, access }: Known) {
  const planned = urisOf(destinations);
  const ids = access === undefined ? [] : [access.protectedId, ...access.publicIds];
  return live.applications.find(
    (app) =>
      ids.includes(app.id) && urisOf(app.destinations ?? [{ type: "public", uri: app.domain }]) === planned,
  );
}

function urisOf(destinations: unknown): string {
  return ((destinations ?? []) as { uri?: string }[])
    .map(({ uri }) => uri ?? "")
    .sort()
    .join(" ");
}

/** By name and type; by content as well where it is known, or where there are several. */
function recordOf(inputs: PlannedResource["inputs"], records: readonly LiveRecord[]): LiveRecord | undefined {
  const all = records.filter(({ name, type }) => name === inputs["name"] && type === inputs["type"]);
  const { content, data } = inputs;
  if (inputs["type"] === "CAA") {
    const wanted = data as Record<string, unknown> | undefined;
    return all.find(
      ({ data: found }) => found?.["tag"] === wanted?.["tag"] && found?.["value"] === wanted?.["value"],
    );
  }
  const same = all.find((record) => record.content === content);
  if (same !== undefined) return same;
  return content === unknown && all.length === 1 ? all[0] : undefined;
}

function kindOf(type: string): string {
  return type.split(":").at(-1) ?? type;
}

function below(owner: string, id: string | undefined): string | undefined {
  return id === undefined ? undefined : `${owner}/${id}`;
}

function text(value: unknown): string {
  return typeof value === "string" ? value : "";
}
