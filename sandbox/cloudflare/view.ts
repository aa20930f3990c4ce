import type { EdgePages, EdgeRecord, EdgeRule, EdgeView, EdgeZone } from "../edge/view";
import type { Services } from "./call";
import type { DnsRow, Tables, ZoneRow } from "./model";
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
      return (ruleset?.rules ?? []).filter(({ enabled }) => enabled) as unknown as EdgeRule[];
    },
    pagesForHost: (_host): EdgePages | undefined => undefined,
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
