import { z } from "zod";
import { complainAboutHostname, isPublicSuffix } from "../hostnames";
import { access } from "./access";
import { bucket, storage } from "./buckets";
import { cloudflare, zone } from "./cloudflare";
import { database } from "./databases";
import { checked, field } from "./field";
import { host } from "./hosts";
import { origin } from "./origins";
import { cookies, costs, dev, lifetime, release, token } from "./others";
import { pipelines } from "./pipelines";
import { policies } from "./policies";
import { secretsVault } from "./secrets-vault";
import { site } from "./sites";
import { tunnel } from "./tunnels";
import { entryName, resolveEntry } from "./values";

const map = <S extends z.ZodType>(value: S, description: string) =>
  field(z.record(entryName, value), { description: `${description} Name -> settings. Default: none.` });

/** Everything that a stack file can say, without `groundwork:` in front. Secrets are apart: see secrets.ts. */
export const stackSchema = z.strictObject({
  domain: field(
    checked(
      z.string(),
      (value) =>
        complainAboutHostname(value) ??
        (isPublicSuffix(value)
          ? {
              what: "this is a public suffix, below which strangers register names",
              allowed: "a domain of your own",
            }
          : undefined),
    ),
    {
      description: "The zone's domain. Every host name of the stack is this or below it.",
      examples: ["streampai.com", "streampai.localhost"],
      allowed: "a domain of your own, such as streampai.com",
    },
  ),
  tier: field(z.enum(["development", "staging", "production"]), {
    description:
      "What the environment is for; production refuses what loses data. Default by the stack's name: prod, prd, live and " +
      "production are production; dev, local and development are development; others are staging.",
  }).optional(),
  cloudflare,
  zone: zone.optional(),
  hosts: map(host, "Machines reached by SSH.").default({}),
  sites: map(site, "Static sites on Cloudflare Pages.").default({}),
  origins: map(origin, "What answers behind Cloudflare.").default({}),
  databases: map(database, "PostgreSQL databases.").default({}),
  buckets: map(bucket, "R2 buckets.").default({}),
  storage: storage.optional(),
  secretsVault: secretsVault.optional(),
  tunnels: map(tunnel, "Cloudflare tunnels.").default({}),
  access: access.optional(),
  cookies: cookies.optional(),
  tokens: map(token, "Cloudflare API tokens for applications.").default({}),
  dev: dev.optional(),
  release: release.optional(),
  pipelines: pipelines.prefault({}),
  policies: policies.optional(),
  lifetime: lifetime.optional(),
  costs: costs.default({}),
  resolve: field(z.array(resolveEntry).max(200), {
    description:
      "Where SSH hosts, origins and databases really are, as curl's --resolve. Written by the sandbox into its own copy " +
      "of the file. Default: they are where their addresses say.",
    examples: [["203.0.113.10:22:127.0.0.1:2222"]],
  }).default([]),
});

/** What a stack file says, checked, with all defaults filled in. */
export type StackValues = z.output<typeof stackSchema>;
