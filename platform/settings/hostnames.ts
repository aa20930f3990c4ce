import { domainToASCII, domainToUnicode } from "node:url";
import { isIP } from "node:net";
import { getDomain, getPublicSuffix } from "tldts";
import type { Complaint } from "./schema/field";

/** What {@link complainAboutHostname} accepts, in words. */
export const HOSTNAME_ALLOWED =
  "a full host name in lower-case ASCII: labels of letters, digits and hyphens (at most 63), 253 characters in all";

/** Why `value` cannot be a host name, with the right spelling where it can be told; undefined if it is right. */
export function complainAboutHostname(value: string): Complaint | undefined {
  const complain = (what: string, better?: string): Complaint => ({
    what,
    allowed: HOSTNAME_ALLOWED,
    fix: better === undefined || !isHostname(better) ? undefined : `write ${better}`,
  });
  if (value === "") return complain("the host name is empty");
  if (value !== value.trim()) return complain("there is white space around the host name", value.trim());
  const scheme = /^[a-z][a-z0-9+.-]*:\/\//i.exec(value)?.[0];
  if (scheme !== undefined) {
    const rest = value.slice(scheme.length).split("/")[0] ?? "";
    return complain("this is a URL, not a host name", rest.toLowerCase());
  }
  if (value.includes("/")) return complain("a host name has no path", value.split("/")[0]?.toLowerCase());
  if (isIP(value.replace(/^\[|\]$/g, "")) !== 0) return complain("this is an address, not a host name");
  if (/:\d*$/.test(value))
    return complain("a host name has no port", value.replace(/:\d*$/, "").toLowerCase());
  if (value.endsWith("."))
    return complain("the host name ends with a dot", value.replace(/\.+$/, "").toLowerCase());
  if (value.includes("*")) return complain("a wildcard is not a host name");
  if (/[^\u0021-\u007e]/.test(value)) {
    return complain("the host name has characters outside ASCII", domainToASCII(value) || undefined);
  }
  if (/[A-Z]/.test(value)) return complain("the host name has capital letters", value.toLowerCase());
  if (value.length > 253) return complain(`the host name has ${value.length} characters`);
  const labels = value.split(".");
  if (labels.length < 2) return complain("the host name has one label only");
  for (const label of labels) {
    const complaint = complainAboutLabel(label);
    if (complaint !== undefined) return complain(complaint);
  }
  if (/^\d+$/.test(labels.at(-1) ?? "")) return complain("the last label of a host name is not a number");
  return undefined;
}

function complainAboutLabel(label: string): string | undefined {
  if (label === "") return "the host name has an empty label (two dots together, or one at the start)";
  if (label.length > 63) return `a label of the host name has ${label.length} characters`;
  if (label.includes("_")) return "a host name has no underscore";
  const wrong = /[^a-z0-9-]/.exec(label)?.[0];
  if (wrong !== undefined) return `the character ${JSON.stringify(wrong)} cannot stand in a host name`;
  if (label.startsWith("-") || label.endsWith("-")) return "a label starts or ends with a hyphen";
  if (label.startsWith("xn--") && domainToASCII(domainToUnicode(label)) !== label) {
    return "a label starts with xn-- but is not the ASCII form of an international name";
  }
  return undefined;
}

export function isHostname(value: string): boolean {
  return complainAboutHostname(value) === undefined;
}

/** Is `host` the domain itself or below it? */
export function isWithin(host: string, domain: string): boolean {
  return host === domain || host.endsWith(`.${domain}`);
}

/**
 * The registrable domain (eTLD+1) as browsers see it for cookies: private suffixes (pages.dev, fly.dev) count as
 * suffixes, and an unknown last label (`localhost`) is a suffix of its own. Undefined for a suffix itself.
 */
export function siteOf(host: string): string | undefined {
  return getDomain(host, { allowPrivateDomains: true, validateHostname: false }) ?? undefined;
}

/** Is the name a public suffix, below which strangers register names? */
export function isPublicSuffix(host: string): boolean {
  return getPublicSuffix(host, { allowPrivateDomains: true, validateHostname: false }) === host;
}
