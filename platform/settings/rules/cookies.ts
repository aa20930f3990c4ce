import { isPublicSuffix, isWithin, siteOf } from "../hostnames";
import { listOf, nearest } from "../nearest";
import type { Rule } from "./context";
import { isServed, servedIsUnsure, servedNames } from "./hostnames";

const shared: Rule = (context) => {
  const { cookies } = context.values;
  if (cookies === undefined) return;
  const domain = cookies.domain.replace(/^\./, "");
  if (isPublicSuffix(domain)) {
    context.report({
      keys: ["cookies", "domain"],
      what: "this is a public suffix: browsers refuse cookies for all of it",
      value: true,
      allowed: "a domain of your own, above all the host names",
      fix: `write .${context.values.domain}`,
    });
  }
  const [first = ""] = cookies.hostnames;
  const site = siteOf(first);
  cookies.hostnames.forEach((hostname, index) => {
    const keys = ["cookies", "hostnames", index];
    const own = siteOf(hostname);
    if (own !== site || own === undefined) {
      context.report({
        keys,
        what: `it is another site (${own ?? "a public suffix"}) than ${first} (${site ?? "a public suffix"}), so they cannot share cookies`,
        value: true,
        allowed: `host names of one registrable domain (eTLD+1)${site === undefined ? "" : `: ${site} and below`}`,
        fix: "serve both below one domain of your own, by custom domains",
      });
    } else if (!isWithin(hostname, domain) && !isPublicSuffix(domain)) {
      context.report({
        keys,
        what: `it is not below the cookies' domain ${domain}, so it never gets them`,
        value: true,
        allowed: `${domain} or a name that ends with .${domain}`,
        fix: site === undefined ? "remove it" : `write domain: .${site}`,
      });
    }
    if (isServed(context, hostname) === undefined && !servedIsUnsure(context)) {
      const names = servedNames(context.values).map((name) => name.hostname);
      const better = nearest(hostname, names);
      context.report({
        keys,
        what: "nothing in this stack serves the host name",
        value: true,
        allowed: listOf(names) || "host names of sites, origins and tunnels",
        fix: better === undefined ? "remove it, or add it to a site or an origin" : `write ${better}`,
      });
    }
  });
  if (cookies.sameSite === "None" && !cookies.secure) {
    context.report({
      keys: ["cookies", "secure"],
      what: "browsers refuse SameSite=None without Secure",
      value: true,
      allowed: "true with sameSite: None",
      fix: "remove the line: true is the default",
    });
  }
};

export const cookieRules: readonly Rule[] = [shared];
