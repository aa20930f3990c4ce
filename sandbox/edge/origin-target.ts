import { isIP } from "node:net";
import type { EdgeError } from "./error-pages";
import { edgeErrors, fail } from "./error-pages";
import type { Exchange, OriginTarget, Outcome } from "./exchange";
import { settingOf } from "./exchange";
import type { EdgeRecord, EdgeView } from "./view";

/**
 * Where an address and port of a DNS record really are, as in curl's `--resolve`: the edge never connects to
 * anything that this does not name.
 */
export type ResolveOrigin = (address: string, port: number) => { host: string; port: number } | undefined;

/** What the DNS of the account says about a host. */
export type Lookup =
  | { readonly kind: "none" }
  | { readonly kind: "address"; readonly record: EdgeRecord; readonly names: readonly string[] }
  | { readonly kind: "tunnel"; readonly record: EdgeRecord; readonly tunnel: string }
  | { readonly kind: "pages"; readonly record: EdgeRecord; readonly project: string }
  | { readonly kind: "name"; readonly record: EdgeRecord; readonly names: readonly string[] };

const maxHops = 8;

/** Follows the host's records as long as they stay in zones of the account. `record` is the first one. */
export function lookup(view: EdgeView, host: string): Lookup {
  let first: EdgeRecord | undefined;
  const names: string[] = [];
  let name = host;
  for (let hop = 0; hop < maxHops; hop++) {
    const zone = view.zoneForHost(name);
    const records = zone === undefined ? [] : view.records(zone.id, name);
    const address = records.find(({ type }) => type === "A") ?? records.find(({ type }) => type === "AAAA");
    const next = address ?? records.find(({ type }) => type === "CNAME");
    if (next === undefined)
      return first === undefined ? { kind: "none" } : { kind: "name", record: first, names };
    first ??= next;
    if (address !== undefined)
      return { kind: "address", record: { ...first, content: address.content }, names };
    name = next.content.toLowerCase().replace(/\.$/, "");
    names.push(name);
    if (name.endsWith(".cfargotunnel.com"))
      return { kind: "tunnel", record: first, tunnel: name.split(".")[0] ?? "" };
    if (name.endsWith(".pages.dev") || view.pagesForHost(name) !== undefined) {
      return { kind: "pages", record: first, project: name };
    }
  }
  return first === undefined ? { kind: "none" } : { kind: "name", record: first, names };
}

/** The last step: a proxied record's origin by the zone's `ssl` setting. */
export function originStep(resolveOrigin: ResolveOrigin): (exchange: Exchange) => Outcome {
  return (exchange) => {
    const found = lookup(exchange.view, exchange.host);
    if (found.kind !== "address" && found.kind !== "name") {
      return fail(edgeErrors.noRecord(exchange.host, exchange.zone?.name ?? ""), exchange);
    }
    const ssl = exchange.sslOverride ?? settingOf(exchange, "ssl", "full");
    if (ssl === "off" && exchange.scheme === "https") return fail(edgeErrors.sslOff(), exchange);
    const target = chooseTarget(exchange, String(ssl), found, resolveOrigin);
    return "status" in target ? fail(target, exchange) : { kind: "origin", target };
  };
}

function chooseTarget(
  exchange: Exchange,
  ssl: string,
  found: Extract<Lookup, { kind: "address" | "name" }>,
  resolveOrigin: ResolveOrigin,
): OriginTarget | EdgeError {
  const scheme = originScheme(ssl, exchange.scheme);
  const port = exchange.originPort ?? (scheme === "https" ? 443 : 80);
  const candidates = found.kind === "address" ? [found.record.content, ...found.names] : found.names;
  for (const candidate of candidates) {
    const connect = resolveOrigin(candidate, port);
    if (connect === undefined) continue;
    return {
      scheme,
      recordContent: candidate,
      port,
      connect,
      verify: ssl === "strict" || ssl === "origin_pull",
      acceptedNames: found.names,
    };
  }
  const last = candidates.at(-1) ?? exchange.host;
  if (found.kind === "name" && isIP(last) === 0) return edgeErrors.noOriginDns(last);
  return edgeErrors.unreachable(
    `${candidates[0] ?? exchange.host}:${port}`,
    "the sandbox does not know where this address and port are",
  );
}

/** `full` and `strict` keep the visitor's scheme; `flexible` and `off` always speak plain HTTP to the origin. */
export function originScheme(ssl: string, visitor: "http" | "https"): "http" | "https" {
  if (ssl === "origin_pull") return "https";
  return ssl === "full" || ssl === "strict" ? visitor : "http";
}
