import type { EdgePages, EdgeRecord, EdgeView, EdgeZone } from "../edge/view";
import type { TunnelConfiguration } from "../tunnel/messages";
import { accessApplications, accessView } from "./access-view";
import type { Services } from "./call";
import type { DnsRow, Tables, ZoneRow } from "./model";
import { servedAt } from "./pages-model";
import { publicDomain } from "./storage-view";
import { settingValue } from "./routes/settings";
import type { Store } from "./store";

/** The edge's view, answered from the store; look-ups are kept until one of the tables they read changes. */
export function edgeView(services: Services): EdgeView {
  const { store, originCa } = services;
  const zonesByName = derived(
    store,
    ["zones"],
    () => new Map(store.list("zones").map((zone) => [zone.name, zone])),
  );
  const recordsByName = derived(store, ["dns"], () => {
    const byName = new Map<string, EdgeRecord[]>();
    for (const row of store.list("dns")) {
      const key = `${row.zoneId}/${row.name}`;
      byName.set(key, [...(byName.get(key) ?? []), edgeRecord(row)]);
    }
    return byName;
  });
  const applications = derived(store, ["accessApps", "accessPolicies"], () => accessApplications(store));
  return {
    originCaCertificate: originCa.certificatePem,
    zoneForHost: (host) => nearest(host, (name) => zoneOf(zonesByName().get(name))),
    records(zoneId, host) {
      const name = host.toLowerCase();
      const byName = recordsByName();
      return (
        byName.get(`${zoneId}/${name}`) ??
        nearest(name.slice(name.indexOf(".") + 1), (parent) => byName.get(`${zoneId}/*.${parent}`)) ??
        []
      );
    },
    setting: (zoneId, settingId) => settingValue(store, zoneId, settingId),
    rules: (zoneId, phase) => {
      const ruleset = store.find(
        "rulesets",
        (row) => row.scope === `zones/${zoneId}` && row.phase === phase && row.kind === "zone",
      );
      return (ruleset?.rules ?? []).filter(({ enabled }) => enabled);
    },
    tunnel(id) {
      const row = store.get("tunnels", id);
      if (row === undefined || row.deletedAt !== null) return undefined;
      const { name, secret, config } = row;
      const body = (config?.body ?? {}) as Partial<TunnelConfiguration>;
      return {
        id,
        accountId: services.account.id,
        name,
        secret,
        configuration: {
          version: config?.version ?? 0,
          ingress: body.ingress ?? [],
          ...(body.originRequest === undefined ? {} : { originRequest: body.originRequest }),
        },
      };
    },
    publicBucket: (host) => publicDomain(services, host.toLowerCase()),
    pagesForHost: (host) => pagesAt(services, host),
    access: accessView(services, applications),
  };
}

function pagesAt(services: Services, host: string): EdgePages | undefined {
  const served = servedAt(services, host);
  if (served === undefined) return undefined;
  const { project, deployment } = served;
  const headersFile = deployment?.files["_headers"];
  const redirectsFile = deployment?.files["_redirects"];
  return {
    project: project.name,
    ...(deployment === undefined
      ? {}
      : {
          deployment: {
            id: deployment.id,
            manifest: deployment.manifest,
            ...(headersFile === undefined ? {} : { headersFile }),
            ...(redirectsFile === undefined ? {} : { redirectsFile }),
          },
        }),
    asset(hash) {
      const row = services.store.get("assets", hash);
      const body = row === undefined ? undefined : services.assets.read(row.sha256);
      return row === undefined || body === undefined ? undefined : { body, contentType: row.contentType };
    },
  };
}

/** What `find` gives for the host name or the nearest name above it. */
function nearest<T>(host: string, find: (name: string) => T | undefined): T | undefined {
  let name = host.toLowerCase();
  for (;;) {
    const hit = find(name);
    if (hit !== undefined) return hit;
    const dot = name.indexOf(".");
    if (dot < 0) return undefined;
    name = name.slice(dot + 1);
  }
}

function zoneOf(zone: ZoneRow | undefined): EdgeZone | undefined {
  return zone === undefined ? undefined : { id: zone.id, name: zone.name };
}

function edgeRecord({ id, type, name, content, proxied }: DnsRow): EdgeRecord {
  return { id, type, name, content, proxied };
}

function derived<T>(store: Store, tables: readonly (keyof Tables)[], make: () => T): () => T {
  let kept: { stamp: string; value: T } | undefined;
  return () => {
    const stamp = tables.map((table) => store.version(table)).join();
    if (kept?.stamp !== stamp) kept = { stamp, value: make() };
    return kept.value;
  };
}
