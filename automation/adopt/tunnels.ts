/** Tunnels as `groundwork:tunnels` says them. Pure. */
import { tunnelPath } from "../../platform/tunnel-path";
import { type Described, entryNames, isBelow } from "./described";
import type { Live, LiveIngress, LiveTunnel } from "./live";

/** Members of an ingress rule's options that settings have words for. */
const spoken = ["connectTimeout", "httpHostHeader", "noTLSVerify"];

export function describeTunnels(live: Live): Described<Record<string, unknown>> {
  const remarks: string[] = [];
  const records: string[] = [];
  const leave: string[] = [];
  const name = entryNames();
  const part: Record<string, unknown> = {};
  for (const tunnel of live.tunnels) {
    const said = tunnelOf(tunnel, live);
    if (typeof said === "string") {
      remarks.push(`tunnel ${tunnel.name}: ${said}`);
      continue;
    }
    const key = name(tunnel.name);
    part[key] = said.settings;
    records.push(...said.records);
    leave.push(`tunnels.${key}.secret`);
    remarks.push(
      `secret of tunnel ${tunnel.name}: nobody can read it; it stays, and its token is asked of the API`,
    );
  }
  return { part, remarks, leave, records };
}

/** Settings, or why there are none. */
function tunnelOf(tunnel: LiveTunnel, live: Live): string | { settings: unknown; records: string[] } {
  if (tunnel.config_src === "local") return "it is configured by a file on its host";
  const rules = tunnel.ingress.filter(({ hostname = "" }) => hostname !== "");
  const rest = tunnel.ingress.filter(({ hostname = "" }) => hostname === "");
  const hostnames = rules.map(({ hostname }) => hostname ?? "");
  if (hostnames.length === 0) return "it has no host names";
  const outside = hostnames.find((hostname) => !isBelow(hostname, live.zone.name));
  if (outside !== undefined) return `${outside} is outside ${live.zone.name}`;
  if (new Set(hostnames).size < hostnames.length) return "it has several rules for one host name";
  const [catchAll = { service: "http_status:404" }] = rest;
  if (rest.length > 1 || !/^http_status:\d{3}$/.test(catchAll.service))
    return `its rule for all other names is ${catchAll.service}`;
  const found: string[] = [];
  for (const hostname of hostnames) {
    const record = live.records.find(
      ({ name, type, content }) =>
        name === hostname && type === "CNAME" && content === `${tunnel.id}.cfargotunnel.com`,
    );
    if (record === undefined) return `no CNAME record leads ${hostname} to it`;
    found.push(record.id);
  }
  const ingress: Record<string, unknown> = {};
  for (const rule of rules) {
    const said = ruleOf(rule);
    if (typeof said === "string" && said.startsWith("!")) return `${rule.hostname ?? ""}: ${said.slice(1)}`;
    ingress[rule.hostname ?? ""] = said;
  }
  return {
    settings: {
      name: tunnel.name,
      ingress,
      ...(catchAll.service === "http_status:404" ? {} : { catchAll: catchAll.service }),
    },
    records: found,
  };
}

/** An ingress rule's settings; a text with `!` in front says why there are none. */
function ruleOf({ path: pattern = "", service, originRequest = {} }: LiveIngress): unknown {
  const path = pattern === "" ? "" : tunnelPath(pattern);
  if (path === undefined) return `!a stack file says a path and what is below it, not the pattern ${pattern}`;
  const options = Object.entries(originRequest).filter(
    ([, value]) => value !== undefined && value !== null && value !== false && value !== "",
  );
  const strange = options.find(([option]) => !spoken.includes(option));
  if (strange !== undefined) return `!a stack file has no words for originRequest.${strange[0]}`;
  if (path === "" && options.length === 0) return service;
  const { connectTimeout, httpHostHeader, noTLSVerify } = Object.fromEntries(options);
  return {
    service,
    ...(path === "" ? {} : { path }),
    ...(httpHostHeader === undefined ? {} : { httpHostHeader }),
    ...(noTLSVerify === undefined ? {} : { noTlsVerify: noTLSVerify }),
    ...(connectTimeout === undefined ? {} : { connectTimeoutSeconds: connectTimeout }),
  };
}
