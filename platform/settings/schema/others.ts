import { z } from "zod";
import { complainAboutHostname } from "../hostnames";
import { checked, field } from "./field";
import { branch } from "./sites";
import { cloudflareId, entryName, hostname, network, port, relativePath } from "./values";

export const cookies = field(
  z.strictObject({
    domain: field(
      checked(z.string(), (value) => complainAboutHostname(value.replace(/^\./, ""))),
      {
        description:
          "The cookies' Domain: a domain that all host names share, with or without a leading dot.",
        examples: [".streampai.com"],
        allowed: "a domain above all the host names, such as .streampai.com",
      },
    ),
    hostnames: field(
      z
        .array(hostname("A host name of this stack.", ["streampai.com"]))
        .min(1)
        .max(50),
      {
        description: "The host names that share the cookies.",
        examples: [["streampai.com", "api.streampai.com"]],
      },
    ),
    sameSite: field(z.enum(["Strict", "Lax", "None"]), { description: "The cookies' SameSite." }).default(
      "Lax",
    ),
    secure: field(z.boolean(), { description: "The cookies' Secure. `SameSite=None` needs it." }).default(
      true,
    ),
  }),
  { description: "Cookies that several host names share; checked by the doctor, set by the application." },
);

/** Permission groups by the names that Cloudflare gives them. */
export const PERMISSIONS = [
  "Stream Read",
  "Stream Write",
  "Cache Purge",
  "Cache Settings Write",
  "DNS Read",
  "DNS Write",
  "Pages Read",
  "Pages Write",
  "Zone Read",
  "Zone Settings Write",
  "SSL and Certificates Write",
  "Account Analytics Read",
  "Analytics Read",
  "Workers R2 Storage Read",
  "Workers R2 Storage Write",
  "Workers KV Storage Write",
  "Turnstile Sites Write",
  "Cloudflare Images Write",
  "Email Sending Write",
] as const;

export const token = field(
  z.strictObject({
    permissions: field(z.array(z.enum(PERMISSIONS)), {
      description: "What the token may do, by the names of Cloudflare's permission groups.",
      examples: [["Stream Write"]],
    }).default([]),
    permissionGroupIds: field(z.array(cloudflareId("The id of a permission group.")), {
      description: "Permission groups that have no name here, by id.",
    }).default([]),
    scope: field(z.enum(["account", "zone"]), {
      description: "On what: the whole account, or this stack's zone. A group is for one of the two.",
    }).default("account"),
    allowedIps: field(z.array(network).max(100), {
      description: "From where it may be used. Default: anywhere.",
    }).default([]),
    expiresOn: field(z.iso.datetime({ offset: true }), {
      description: "When it ends. Default: never.",
      examples: ["2027-01-31T00:00:00Z"],
      allowed: "a moment such as 2027-01-31T00:00:00Z, in quotes",
    }).optional(),
  }),
  { description: "A Cloudflare API token with few rights, for an application." },
);

const devService = z.strictObject({
  port: port("The port on this machine.", [5432]),
  image: field(z.string().min(1), {
    description: "The image. Default: a known one for postgres, pgweb, minio, redis.",
    examples: ["timescale/timescaledb:latest-pg16"],
  }).optional(),
  consolePort: port("A second port, such as MinIO's console.", [9001]).optional(),
});

const range = field(
  checked(z.string(), (value) => {
    const allowed = "two ports with a hyphen: 4100-4999";
    const found = /^(\d{1,5})-(\d{1,5})$/.exec(value);
    if (found === null) return { what: "this is not a range of ports", allowed };
    const [first, last] = [Number(found[1]), Number(found[2])];
    if (first < 1024 || last > 65535 || first > last) {
      return { what: "the range does not go upwards from 1024 or more to 65535 or less", allowed };
    }
    return undefined;
  }),
  {
    description: "A range of ports.",
    examples: ["4100-4999"],
    allowed: "two ports with a hyphen: 4100-4999",
  },
);

export const dev = field(
  z.strictObject({
    bind: field(z.enum(["localhost", "all"]), {
      description: "`all` lets phones on the same network in; risky in a public one.",
    }).default("localhost"),
    entry: field(
      z.strictObject({
        port: port("HTTPS and HTTP/2 on this port.", [8000]).default(8000),
        routes: field(
          z.record(
            field(
              checked(z.string(), (path) =>
                path.startsWith("/") ? undefined : { what: "a route starts with /", allowed: "/api/* or /*" },
              ),
              {
                description: "A path; `*` at its end covers what is below.",
                examples: ["/api/*"],
                pattern: "^/",
              },
            ),
            port("The port that answers.", [4000]),
          ),
          {
            description: "Path -> port of the program that answers.",
            examples: [{ "/api/*": 4000, "/*": 3000 }],
          },
        ),
      }),
      { description: "One HTTPS entry in front of the programs under development." },
    ).optional(),
    services: field(z.record(entryName, devService), {
      description: "Services that run beside: postgres, pgweb, minio, redis.",
      examples: [{ postgres: { port: 5432 } }],
    }).default({}),
    worktrees: field(z.record(entryName, range), {
      description: "The ranges from which each git worktree gets its own ports, by program.",
      examples: [{ phoenix: "4100-4999" }],
    }).default({}),
    envFile: relativePath("The file into which addresses and throw-away passwords are written.", [
      ".env",
    ]).default(".env"),
  }),
  { description: "Development on one machine: entry and services.", later: true },
);

export const release = field(
  z.strictObject({
    branch: branch("What a release is made of.", ["main"]).default("main"),
    productionBranch: branch("Where it is merged to. Default: nowhere, only a tag is made.", [
      "production-fe",
    ]).optional(),
    from: field(z.string().regex(/^[a-z0-9][a-z0-9-]{0,40}$/), {
      description:
        "The stack whose running images are released, if it is healthy. Default: staging, where it has a stack file; else " +
        "images stay as this file names them.",
      allowed: "the name of another stack",
      examples: ["staging"],
    }).optional(),
    tag: field(
      checked(z.string(), (value) =>
        /\{timestamp\}/.test(value) && /^[A-Za-z0-9._{}/-]+$/.test(value)
          ? undefined
          : {
              what: "the tag would be the same each time, or git refuses it",
              allowed: "text with {timestamp} in it",
            },
      ),
      {
        description: "The tag; `{timestamp}` becomes the date and time in UTC.",
        allowed: "text with {timestamp} in it",
      },
    ).default("{timestamp}"),
  }),
  { description: "How `groundwork release` makes a release from git." },
);

export const costs = field(
  z.record(
    entryName,
    field(z.number().min(0).max(1_000_000), {
      description: "What it costs.",
      unit: "US dollars a month",
      allowed: "a number of US dollars a month, 0 or more",
      examples: [10],
    }),
  ),
  {
    description: "What is paid elsewhere (a platform, a database): previews tell the sum before and after.",
    examples: [{ "fly-api": 10, neon: 5 }],
  },
);

export const lifetime = field(
  z.strictObject({
    template: field(z.string().regex(/^[a-z0-9][a-z0-9-]{0,40}$/), {
      description: "The stack that it was made from.",
      allowed: "the name of a stack",
      examples: ["staging"],
    }),
    expires: field(z.iso.datetime(), {
      description: "When it may be removed.",
      allowed: "a moment such as 2026-02-03T12:00:00Z, in quotes",
      examples: ["2026-02-03T12:00:00Z"],
    }),
  }),
  {
    description:
      "Of an environment that does not stay: written by `groundwork env up`, read by `groundwork env gc`.",
  },
);

export type LifetimeSettings = z.output<typeof lifetime>;
export type CookieSettings = z.output<typeof cookies>;
export type TokenSettings = z.output<typeof token>;
export type DevSettings = z.output<typeof dev>;
export type ReleaseSettings = z.output<typeof release>;
