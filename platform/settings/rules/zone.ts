import { complainAboutHostname } from "../hostnames";
import { isAddress } from "../addresses";
import { isIPv4, isIPv6 } from "node:net";
import type { Rule } from "./context";

const A_YEAR = 31_536_000;

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

/** What expressions of rules may hold on dearer plans only. */
const paidWords: readonly (readonly [pattern: RegExp, what: string, plans: readonly string[]])[] = [
  [/ (?:matches|~) /, "a regular expression (matches)", ["business", "enterprise"]],
  [/\bcf\.bot_management\./, "Bot Management (cf.bot_management)", ["enterprise"]],
  [/\bcf\.waf\.score\b/, "the WAF attack score (cf.waf.score)", ["business", "enterprise"]],
  [/\bhttp\.request\.body\./, "the content of request bodies (http.request.body)", ["enterprise"]],
];

const paidExpressions: Rule = (context) => {
  const { zone } = context.values;
  if (zone === undefined) return;
  for (const key of ["firewallRules", "cacheRules"] as const) {
    zone[key].forEach(({ expression }, index) => {
      const outsideTexts = expression.replace(/"(?:[^"\\]|\\.)*"/g, '""');
      const found = paidWords.find(
        ([pattern, , plans]) => pattern.test(outsideTexts) && !plans.includes(zone.plan),
      );
      if (found === undefined) return;
      const [, what, plans] = found;
      context.report({
        keys: ["zone", key, index, "expression"],
        what: `the ${zone.plan} plan does not have ${what}`,
        value: true,
        allowed: `${what} on the plan ${plans.join(" or ")}`,
        fix: "write the rule without it (contains, starts_with, wildcard), or say which plan it is in groundwork:zone.plan",
      });
    });
  }
};

const freePlan: Rule = (context) => {
  const { zone } = context.values;
  if (zone?.plan !== "free") return;
  const limits = [
    ["firewallRules", zone.firewallRules.length, 5, "WAF custom rules"],
    ["cacheRules", zone.cacheRules.length, 10, "cache rules"],
    ["redirects", zone.redirects.length, 10, "redirect rules"],
  ] as const;
  for (const [key, count, limit, what] of limits) {
    if (count <= limit) continue;
    context.report({
      keys: ["zone", key],
      atKey: true,
      what: `${count} ${what}, but the free plan has ${limit}`,
      allowed: `at most ${limit} ${what} on the free plan`,
      fix: "put several conditions into one rule, or say which plan it is in groundwork:zone.plan",
    });
  }
  zone.cacheRules.forEach(({ edgeTtl }, index) => {
    if (edgeTtl === undefined || edgeTtl >= 7200) return;
    context.report({
      keys: ["zone", "cacheRules", index, "edgeTtl"],
      what: "the free plan keeps answers at the edge for 2 hours or more",
      value: true,
      allowed: "7200 seconds or more on the free plan",
      fix: "write 7200, or leave it out so that the origin decides",
    });
  });
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
  zone.records.forEach(({ type, content, proxied }, index) => {
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

export const zoneRules: readonly Rule[] = [settings, freePlan, paidExpressions, rules];
