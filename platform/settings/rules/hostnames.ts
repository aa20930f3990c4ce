import { isWithin } from "../hostnames";
import { configPath, type Keys } from "../paths";
import type { StackValues } from "../schema/stack";
import type { Rule, RuleContext } from "./context";

/** A host name that the stack serves, and where that is said. */
export interface ServedName {
  readonly hostname: string;
  readonly keys: Keys;
  readonly by: "site" | "origin" | "tunnel" | "bucket" | "redirect";
  readonly proxied: boolean;
}

/** Every host name that gets a record of this stack, in the order of the file. */
export function servedNames(values: StackValues): ServedName[] {
  const names: ServedName[] = [];
  for (const [name, { hostnames }] of Object.entries(values.sites)) {
    hostnames.forEach((hostname, index) =>
      names.push({ hostname, keys: ["sites", name, "hostnames", index], by: "site", proxied: true }),
    );
  }
  for (const [name, origin] of Object.entries(values.origins)) {
    if (origin.kind === "tunnel") continue;
    origin.hostnames.forEach((hostname, index) =>
      names.push({
        hostname,
        keys: ["origins", name, "hostnames", index],
        by: "origin",
        proxied: origin.proxied,
      }),
    );
  }
  for (const [name, { ingress }] of Object.entries(values.tunnels)) {
    for (const hostname of Object.keys(ingress)) {
      names.push({ hostname, keys: ["tunnels", name, "ingress", hostname], by: "tunnel", proxied: true });
    }
  }
  for (const [name, { customDomain }] of Object.entries(values.buckets)) {
    if (customDomain === undefined) continue;
    names.push({
      hostname: customDomain,
      keys: ["buckets", name, "customDomain"],
      by: "bucket",
      proxied: true,
    });
  }
  values.zone?.redirects.forEach(({ from }, index) =>
    names.push({ hostname: from, keys: ["zone", "redirects", index, "from"], by: "redirect", proxied: true }),
  );
  return names;
}

const withinZone: Rule = (context) => {
  const { values } = context;
  if (context.isTouched(["domain"])) return;
  const elsewhere: { hostname: string; keys: Keys }[] = [
    ...servedNames(values),
    ...(values.access?.hostnames ?? []).map((hostname, index) => ({
      hostname,
      keys: ["access", "hostnames", index],
    })),
    ...(values.zone?.records ?? []).map(({ name }, index) => ({
      hostname: name,
      keys: ["zone", "records", index, "name"],
    })),
  ];
  for (const { hostname, keys } of elsewhere) {
    if (isWithin(hostname, values.domain)) continue;
    const label = hostname.split(".")[0] ?? hostname;
    context.report({
      keys,
      what: `the host name is outside the zone ${values.domain}`,
      value: true,
      allowed: `${values.domain} or a name that ends with .${values.domain}`,
      fix: `write ${label}.${values.domain}, or move it to the stack of its own zone`,
    });
  }
};

const onlyOnce: Rule = (context) => {
  const seen = new Map<string, ServedName>();
  for (const name of servedNames(context.values)) {
    const first = seen.get(name.hostname);
    if (first === undefined) {
      seen.set(name.hostname, name);
      continue;
    }
    context.report({
      keys: name.keys,
      what: `two parts want the same host name: ${configPath(first.keys)} has it already`,
      value: name.hostname,
      allowed: "each host name in one place",
      fix: `remove it here, or from groundwork:${configPath(first.keys)}`,
      atKey: name.by === "tunnel",
    });
  }
};

/** Cloudflare's free certificate covers the domain and one level below it. */
const coveredByCertificate: Rule = (context) => {
  const { domain, cloudflare } = context.values;
  if (cloudflare.advancedCertificates || context.isTouched(["domain"]) || context.isTouched(["cloudflare"]))
    return;
  for (const { hostname, keys, by, proxied } of servedNames(context.values)) {
    // Pages and R2 get a certificate for each of their names.
    if (!proxied || by === "site" || by === "bucket" || !hostname.endsWith(`.${domain}`)) continue;
    const below = hostname.slice(0, -domain.length - 1).split(".");
    if (below.length < 2) continue;
    context.report({
      keys,
      what: `no free certificate covers a name ${below.length} levels below ${domain}: browsers would refuse it`,
      value: hostname,
      allowed: `${domain} or one level below it (limit of the free Universal SSL certificate)`,
      fix: `write ${below.join("-")}.${domain}, or set groundwork:cloudflare.advancedCertificates to true where it is paid for`,
      atKey: by === "tunnel",
    });
  }
};

/** A record of the zone's own serves as well: what it leads to is nobody's business here. */
export function isServed(
  context: RuleContext,
  hostname: string,
): Pick<ServedName, "keys" | "proxied"> | undefined {
  const served = servedNames(context.values).find((name) => name.hostname === hostname);
  const records = context.values.zone?.records ?? [];
  const index = records.findIndex(
    ({ name, type }) => name === hostname && (type === "A" || type === "AAAA" || type === "CNAME"),
  );
  if (served !== undefined || index === -1) return served;
  return { keys: ["zone", "records", index], proxied: records[index]?.proxied === true };
}

/** Were parts refused that could have served host names? Then nobody can tell what is served. */
export function servedIsUnsure(context: RuleContext): boolean {
  return (["sites", "origins", "tunnels", "buckets"] as const).some((part) => context.isTouched([part]));
}

export const hostnameRules: readonly Rule[] = [withinZone, onlyOnce, coveredByCertificate];
