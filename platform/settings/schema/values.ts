import { z } from "zod";
import { canonicalAddress, isAddress } from "../addresses";
import { complainAboutHostKey } from "../host-keys";
import { complainAboutHostname, HOSTNAME_ALLOWED } from "../hostnames";
import { complainAboutResolve } from "../resolve";
import { checked, field, type Complaint } from "./field";

/** Small values that several settings share. */

const HOSTNAME_PATTERN = "^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\\.)+[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$";

export function complainUnless(pattern: RegExp, what: string, allowed: string) {
  return (value: string): Complaint | undefined => (pattern.test(value) ? undefined : { what, allowed });
}

export const hostname = (description: string, examples: readonly string[] = ["api.streampai.com"]) =>
  field(checked(z.string(), complainAboutHostname), {
    description,
    examples,
    allowed: HOSTNAME_ALLOWED,
    pattern: HOSTNAME_PATTERN,
  });

export const port = (description: string, examples: readonly number[] = [443]) =>
  field(z.int().min(1).max(65535), { description, examples, allowed: "a whole number from 1 to 65535" });

/** A whole number with limits and a unit. */
export function amount(
  unit: string,
  min: number,
  max: number,
  description: string,
  examples?: readonly number[],
) {
  return field(z.int().min(min).max(max), {
    description,
    unit,
    allowed: `a whole number of ${unit} from ${min} to ${max}`,
    ...(examples === undefined ? {} : { examples }),
  });
}

/** The name of an entry that the person chooses: part of resource names. */
export const entryName = field(
  checked(
    z.string(),
    complainUnless(
      /^[a-z][a-z0-9-]{0,39}$/,
      "the name cannot be used",
      "1 to 40 lower-case letters, digits and hyphens, starting with a letter",
    ),
  ),
  {
    description:
      "A name of your choice; it becomes part of resource names, so a new name means a new resource.",
    allowed: "1 to 40 lower-case letters, digits and hyphens, starting with a letter",
    pattern: "^[a-z][a-z0-9-]{0,39}$",
  },
);

export const secretName = (description: string) =>
  field(
    checked(
      z.string(),
      complainUnless(
        /^[A-Z][A-Z0-9_]{0,99}$/,
        "this is not the name of a secret",
        "a name in groundwork:secrets: capital letters, digits and underscores",
      ),
    ),
    { description, examples: ["GHCR_TOKEN"], pattern: "^[A-Z][A-Z0-9_]{0,99}$" },
  );

export const cloudflareId = (description: string) =>
  field(
    checked(
      z.string(),
      complainUnless(/^[0-9a-f]{32}$/, "this is not a Cloudflare id", "32 lower-case hexadecimal digits"),
    ),
    {
      description,
      allowed: "32 lower-case hexadecimal digits, in quotes",
      examples: ["000000000000000000000000000000a1"],
      pattern: "^[0-9a-f]{32}$",
      fix: "copy it from the overview page of the zone in Cloudflare's dashboard",
    },
  );

function complainAboutAddress(value: string): Complaint | undefined {
  const allowed = "an IPv4 or IPv6 address, without brackets, port or prefix length";
  if (/^\[.*\]$/.test(value)) {
    return {
      what: "an IPv6 address stands without brackets here",
      allowed,
      fix: `write ${value.slice(1, -1)}`,
    };
  }
  if (value.includes("%")) return { what: "an address with a zone index works on one machine only", allowed };
  if (!isAddress(value)) return { what: "this is not an IP address", allowed };
  const canonical = canonicalAddress(value);
  if (canonical !== value) {
    return {
      what: "the IPv6 address is not in its shortest form, which Cloudflare would report as a change for ever",
      allowed,
      fix: `write ${canonical}`,
    };
  }
  return undefined;
}

export const address = (
  description: string,
  examples: readonly string[] = ["203.0.113.10", "2001:db8::10"],
) =>
  field(checked(z.string(), complainAboutAddress), {
    description,
    examples,
    allowed: "an IPv4 or IPv6 address, without brackets, port or prefix length",
  });

/** An address, or a network: an address and the length of its prefix. */
export const network = field(
  checked(z.string(), (value) => {
    const [ip = "", length, ...rest] = value.split("/");
    const most = ip.includes(":") ? 128 : 32;
    const right =
      isAddress(ip) &&
      rest.length === 0 &&
      (length === undefined || (/^\d+$/.test(length) && Number(length) <= most));
    return right
      ? undefined
      : { what: "this is not an address or network", allowed: "203.0.113.10 or 203.0.113.0/24" };
  }),
  { description: "An address or network.", allowed: "203.0.113.10 or 203.0.113.0/24" },
);

/** An address, or the name of the machine. */
export const addressOrHostname = (description: string, examples: readonly string[]) =>
  field(
    checked(z.string(), (value) => {
      const looksLikeAddress = /^[\d.]+$/.test(value) || value.includes(":") || value.startsWith("[");
      return looksLikeAddress && !/^[a-z]+:\/\//.test(value) && !/^[^:]+:\d+$/.test(value)
        ? complainAboutAddress(value)
        : complainAboutHostname(value);
    }),
    { description, examples, allowed: "an IP address without brackets, or a full host name" },
  );

export const hostKey = field(checked(z.string(), complainAboutHostKey), {
  description:
    "The host's public key, which pins the machine: a connection to any other machine is refused. One key as in " +
    "authorized_keys: no host name column, ed25519 or ECDSA (an RSA pin does not work against a current server).",
  allowed: "`ssh-ed25519 AAAA…` or `ecdsa-sha2-nistp256 AAAA…`",
  examples: ["ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"],
});

function complainAboutRelativePath(value: string): Complaint | undefined {
  const allowed = "a path relative to the folder of Pulumi.yaml, with forward slashes and without `..`";
  if (value === "" || value.trim() !== value)
    return { what: "the path is empty or has white space around it", allowed };
  if (value.startsWith("/") || value.startsWith("~") || /^[A-Za-z]:/.test(value)) {
    return { what: "the path is absolute, so the stack works on one machine only", allowed };
  }
  if (value.includes("\\")) {
    return { what: "the path has a backslash", allowed, fix: `write ${value.replaceAll("\\", "/")}` };
  }
  if (value.split("/").includes("..")) return { what: "the path leaves the project", allowed };
  return undefined;
}

export const relativePath = (description: string, examples: readonly string[]) =>
  field(checked(z.string(), complainAboutRelativePath), {
    description,
    examples,
    allowed: "a path relative to the folder of Pulumi.yaml, with forward slashes and without `..`",
  });

/** A path of a URL. */
export const urlPath = (description: string, examples: readonly string[]) =>
  field(
    checked(z.string(), (value) => {
      const allowed = "a path that starts with /, without host, query or white space";
      if (/^https?:\/\//.test(value)) return { what: "this is a URL, not a path", allowed };
      if (!value.startsWith("/"))
        return { what: "the path does not start with /", allowed, fix: `write /${value}` };
      if (/[\s?#]/.test(value)) return { what: "the path has white space, a query or a fragment", allowed };
      return undefined;
    }),
    {
      description,
      examples,
      allowed: "a path that starts with /, without host, query or white space",
      pattern: "^/",
    },
  );

/** Letters that are safe in a Docker Compose project or service name. */
export const composeName = (description: string, examples: readonly string[]) =>
  field(
    checked(
      z.string(),
      complainUnless(
        /^[a-z0-9][a-z0-9_-]{0,62}$/,
        "Docker Compose does not take this name",
        "1 to 63 lower-case letters, digits, hyphens and underscores, starting with a letter or digit",
      ),
    ),
    {
      description,
      examples,
      allowed: "1 to 63 lower-case letters, digits, hyphens and underscores, starting with a letter or digit",
      pattern: "^[a-z0-9][a-z0-9_-]{0,62}$",
    },
  );

/** A command to run: a list of words (run as it is) or one line (run by `sh -c`). Always a list afterwards. */
export const command = (description: string, examples: readonly unknown[]) =>
  field(
    z
      .union([z.string().min(1), z.array(z.string()).min(1)])
      .transform((value): readonly string[] => (typeof value === "string" ? ["sh", "-c", value] : value)),
    { description, examples, allowed: "one line for `sh -c`, or a list of words" },
  );

export const resolveEntry = field(checked(z.string(), complainAboutResolve), {
  description: "Where a host and port really are, as curl's --resolve: `host:port:address:port`.",
  examples: ["203.0.113.10:22:127.0.0.1:2222", "[2001:db8::10]:22:[::1]:2222"],
  allowed: "host:port:address:port, with IPv6 addresses in brackets",
});

/** `15m`-like durations are not used anywhere: each number says its unit in its name. */
export const imageReference = field(
  checked(
    z.string(),
    complainUnless(
      /^[a-z0-9][a-z0-9._:/-]*(?::[A-Za-z0-9_][A-Za-z0-9._-]{0,127})?(?:@sha256:[0-9a-f]{64})?$/,
      "this is not the name of a container image",
      "registry/path:tag or registry/path@sha256:…, in lower case up to the tag",
    ),
  ),
  {
    description: "The container image. Default: the compose file's own.",
    examples: ["ghcr.io/nxy7/streampai-elixir:latest"],
    allowed: "registry/path:tag or registry/path@sha256:…, in lower case up to the tag",
  },
);
