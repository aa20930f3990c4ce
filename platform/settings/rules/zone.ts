import { complainAboutHostname } from "../hostnames";
import { isAddress } from "../addresses";
import { isIPv4, isIPv6 } from "node:net";
import type { Rule } from "./context";
import { beyondPlan } from "./plan";

const A_YEAR = 31_536_000;

const redirects: Rule = (context) => {
  context.values.zone?.redirects.forEach(({ from, to }, index) => {
    if (from !== to) return;
    context.report({
      keys: ["zone", "redirects", index, "to"],
      what: "this redirects to itself, again and again",
      value: true,
      allowed: "another host name than `from`",
      fix: "write the host name that answers, or remove the redirect",
    });
  });
};

const settings: Rule = (context) => {
  const { zone } = context.values;
  if (zone === undefined) return;
  const { hsts } = zone;
  if (hsts?.preload === true && (!hsts.includeSubdomains || hsts.maxAgeSeconds < A_YEAR)) {
    context.report({
      keys: ["zone", "hsts", "preload"],
      what: "browsers put a domain on their preload list only with includeSubdomains and a year or more",
      value: true,
      allowed: `preload with includeSubdomains: true and maxAgeSeconds of ${A_YEAR} or more`,
      fix: "remove preload, or set the other two",
    });
  }
  if (hsts !== undefined && zone.ssl === "off") {
    context.report({
      keys: ["zone", "hsts"],
      atKey: true,
      what: "with ssl: off there is no HTTPS, but HSTS forbids visitors everything else",
      allowed: "hsts with ssl: strict, full or flexible",
      fix: "write ssl: strict, or remove hsts",
    });
  }
  if (zone.tls13 === "off" && zone.minTlsVersion === "1.3") {
    context.report({
      keys: ["zone", "tls13"],
      what: "with minTlsVersion 1.3 and without TLS 1.3 nobody can connect",
      value: true,
      allowed: '"on" or "zrt" with minTlsVersion "1.3"',
      fix: 'write "on"',
    });
  }
  if (zone.tls13 === "off" && zone.http3) {
    context.report({
      keys: ["zone", "tls13"],
      what: "HTTP/3 needs TLS 1.3",
      value: true,
      allowed: '"on" or "zrt" with http3',
      fix: 'write "on", or set http3 to false',
    });
  }
};

const plan: Rule = (context) => {
  const { zone } = context.values;
  if (zone === undefined) return;
  for (const finding of beyondPlan(zone, zone.plan)) context.report(finding);
};

const rules: Rule = (context) => {
  const { zone } = context.values;
  if (zone === undefined) return;
  for (const key of ["firewallRules", "cacheRules"] as const) {
    const seen = new Set<string>();
    zone[key].forEach(({ ref }, index) => {
      if (seen.has(ref)) {
        context.report({
          keys: ["zone", key, index, "ref"],
          what: "two rules have this ref",
          value: true,
          allowed: "a ref of its own for each rule of a list",
          fix: "write another one",
        });
      }
      seen.add(ref);
    });
  }
  const places = new Map<string, number>();
  zone.records.forEach(({ name, type, content, proxied, ttl }, index) => {
    if (proxied && ttl !== 1) {
      context.report({
        keys: ["zone", "records", index, "ttl"],
        what: "resolvers get Cloudflare's own addresses for a proxied record, for as long as Cloudflare says",
        value: true,
        allowed: "1 with proxied: true",
        fix: "remove the line",
      });
    }
    // A name has one CNAME record; of the others it may have several that differ.
    const record = `${type} ${name} ${type === "CNAME" ? "" : content}`;
    const first = places.get(record);
    if (first === undefined) places.set(record, index);
    else {
      context.report({
        keys: ["zone", "records", index],
        what:
          type === "CNAME"
            ? `groundwork:zone.records[${first}] is a CNAME record of this name already`
            : `this is groundwork:zone.records[${first}] once more`,
        allowed: "each record once, and one CNAME record for a name",
        fix: "remove one of the two",
      });
    }
    const keys = ["zone", "records", index, "content"];
    if (proxied && !["A", "AAAA", "CNAME"].includes(type)) {
      context.report({
        keys: ["zone", "records", index, "proxied"],
        what: `a record of type ${type} cannot be proxied`,
        value: true,
        allowed: "proxied: true with A, AAAA and CNAME",
        fix: "remove the line",
      });
    }
    if ((type === "A" && !isIPv4(content)) || (type === "AAAA" && !isIPv6(content))) {
      context.report({
        keys,
        what: `this is not an ${type === "A" ? "IPv4" : "IPv6"} address`,
        value: true,
        allowed: type === "A" ? "an IPv4 address" : "an IPv6 address",
        fix: isAddress(content) ? `write type: ${type === "A" ? "AAAA" : "A"}` : "write the address",
      });
    }
    if (type === "CAA" && !isCaa(content)) {
      context.report({
        keys,
        what: "a record of type CAA has three parts: flags, a tag and a value",
        value: true,
        allowed: "0 issue letsencrypt.org, with flags from 0 to 255",
        fix: "write 0 issue and the authority's domain",
      });
    }
    if (
      (type === "CNAME" || type === "MX") &&
      complainAboutHostname(content.replace(/(^|\.)_/g, "$1")) !== undefined
    ) {
      context.report({
        keys,
        what: `a record of type ${type} points to a host name`,
        value: true,
        allowed: "a full host name without a dot at the end",
        fix: "write the host name",
      });
    }
  });
};

function isCaa(content: string): boolean {
  const flags = /^(\d{1,3}) [A-Za-z0-9]+ \S.*$/.exec(content)?.[1];
  return flags !== undefined && Number(flags) <= 255;
}

export const zoneRules: readonly Rule[] = [settings, redirects, plan, rules];
