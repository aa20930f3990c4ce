import { listOf, nearest } from "../nearest";
import type { Rule } from "./context";
import { isServed, servedIsUnsure, servedNames } from "./hostnames";

const PUBLIC_MAIL = new Set([
  "aol.com",
  "gmail.com",
  "gmx.de",
  "gmx.net",
  "googlemail.com",
  "hotmail.com",
  "icloud.com",
  "live.com",
  "mail.com",
  "mail.ru",
  "outlook.com",
  "proton.me",
  "protonmail.com",
  "qq.com",
  "yahoo.com",
  "yandex.ru",
]);

const whoMayEnter: Rule = (context) => {
  const { access } = context.values;
  if (access === undefined) return;
  const people = access.emails.length + access.emailDomains.length;
  const unsure = ["emails", "emailDomains", "github", "serviceTokens"].some((key) =>
    context.isTouched(["access", key]),
  );
  const machines = Object.keys(access.serviceTokens).length;
  if (people + machines === 0 && access.github === undefined && !unsure) {
    context.report({
      keys: ["access"],
      atKey: true,
      what: "the allow rule is empty: nobody could ever log in",
      allowed: "emails, emailDomains, github or serviceTokens",
      fix: "pulumi config set --path 'groundwork:access.emails[0]' you@example.com",
    });
  }
  if (people > 0 && !access.oneTimePin && access.github === undefined && !unsure) {
    context.report({
      keys: ["access", "oneTimePin"],
      what: "e-mail addresses are allowed, but there is no way to log in with one",
      value: true,
      allowed: "oneTimePin: true, or github",
      fix: "remove the line: true is the default",
    });
  }
  if (access.emails.length > 50) {
    context.report({
      keys: ["access", "emails"],
      atKey: true,
      what: `${access.emails.length} people, but the free plan of Zero Trust has 50 seats`,
      allowed: "at most 50 people on the free plan",
      fix: "allow fewer people; a paid plan of Zero Trust charges for all of them",
    });
  }
  access.emailDomains.forEach((domain, index) => {
    if (!PUBLIC_MAIL.has(domain)) return;
    context.report({
      keys: ["access", "emailDomains", index],
      what: "everybody in the world can have an address there",
      value: true,
      allowed: "a domain whose addresses only your people have",
      fix: "list the people in emails instead",
    });
  });
  const { github } = access;
  if (github === undefined || context.isTouched(["access", "github"])) return;
  if ((github.identityProviderId === undefined) === (github.clientId === undefined)) {
    context.report({
      keys: ["access", "github"],
      atKey: true,
      what:
        github.clientId === undefined
          ? "there is no identity provider for the login by GitHub"
          : "identityProviderId and clientId exclude each other",
      allowed: "identityProviderId of one that exists, or clientId of a GitHub OAuth app",
      fix:
        github.clientId === undefined
          ? "make an OAuth app at github.com/settings/developers and add its clientId"
          : "remove one of the two",
    });
  }
};

const hosts: Rule = (context) => {
  const { access } = context.values;
  if (access === undefined) return;
  const seen = new Set<string>();
  access.hostnames.forEach((hostname, index) => {
    const keys = ["access", "hostnames", index];
    if (seen.has(hostname)) {
      context.report({
        keys,
        what: "the host name stands twice",
        value: true,
        allowed: "each once",
        fix: "remove it",
      });
      return;
    }
    seen.add(hostname);
    const served = isServed(context, hostname);
    if (served === undefined) {
      if (servedIsUnsure(context)) return;
      const names = servedNames(context.values).map((name) => name.hostname);
      const better = nearest(hostname, names);
      context.report({
        keys,
        what: "nothing in this stack serves the host name, so there is nothing to protect",
        value: true,
        allowed: listOf(names) || "host names of sites, origins and tunnels",
        fix: better === undefined ? "remove it, or add it to a site or an origin" : `write ${better}`,
      });
    } else if (!served.proxied) {
      context.report({
        keys,
        what: "its traffic does not go through Cloudflare (proxied: false), so Access would not protect it",
        value: true,
        allowed: "host names of origins with proxied: true",
        fix: `set groundwork:${String(served.keys[0])}.${String(served.keys[1])}.proxied to true`,
      });
    }
  });
};

const publicPaths: Rule = (context) => {
  const { access } = context.values;
  if (access === undefined) return;
  const seen = new Set<string>();
  access.publicPaths.forEach((entry, index) => {
    const keys = ["access", "publicPaths", index];
    const hostname = entry.slice(0, entry.indexOf("/"));
    if (!access.hostnames.includes(hostname) && !context.isTouched(["access", "hostnames"])) {
      const better = nearest(hostname, access.hostnames);
      context.report({
        keys,
        what: "the path is on a host that is not protected",
        value: true,
        allowed: `paths on ${listOf(access.hostnames)}`,
        fix: better === undefined ? "remove it" : `write ${better}${entry.slice(hostname.length)}`,
      });
    }
    if (seen.has(entry)) {
      context.report({
        keys,
        what: "the path stands twice",
        value: true,
        allowed: "each once",
        fix: "remove it",
      });
    }
    seen.add(entry);
  });
};

const cors: Rule = (context) => {
  const { access } = context.values;
  if (access === undefined || context.isTouched(["access", "hostnames"])) return;
  access.cors.forEach(({ page, api }, index) => {
    if (!access.hostnames.includes(api)) {
      const better = nearest(api, access.hostnames);
      context.report({
        keys: ["access", "cors", index, "api"],
        what: "the host is not protected, so Access has no part in what is asked there",
        value: true,
        allowed: listOf(access.hostnames),
        fix: better === undefined ? "remove the pair" : `write ${better}`,
      });
    }
    if (page === api) {
      context.report({
        keys: ["access", "cors", index, "api"],
        what: "page and api are the same host: its own pages need no permission",
        value: true,
        allowed: listOf(access.hostnames.filter((hostname) => hostname !== page)),
        fix: "remove the pair",
      });
    }
  });
};

export const accessRules: readonly Rule[] = [whoMayEnter, hosts, publicPaths, cors];
