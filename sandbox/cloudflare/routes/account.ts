import { z } from "zod";
import { cloudflareNetworks } from "../../../components/origin/cloudflare-networks";
import type { Call, Route } from "../call";
import { paginate, refuse } from "../envelope";
import { stableId } from "../ids";
import { parse } from "../validate";

const ipv4 = cloudflareNetworks.filter((network) => !network.includes(":"));
const ipv6 = cloudflareNetworks.filter((network) => network.includes(":"));

export const accountRoutes: readonly Route[] = [
  {
    method: "GET",
    path: "/ips",
    needs: "public",
    handle: () => ({
      result: { ipv4_cidrs: ipv4, ipv6_cidrs: ipv6, etag: stableId([...ipv4, ...ipv6].join()) },
    }),
  },
  {
    method: "GET",
    path: "/accounts",
    needs: "any",
    handle: (call) => {
      const visible = call.identity.token === undefined || mayReadAccount(call) ? [accountBody(call)] : [];
      const named = visible.filter(
        ({ name }) => call.query["name"] === undefined || name === call.query["name"],
      );
      const { page, resultInfo } = paginate(named, call.query, { least: 5, most: 50 });
      return { result: page, resultInfo };
    },
  },
  {
    method: "GET",
    path: "/accounts/{account_id}",
    needs: ["Account Settings"],
    handle: (call) => ({ result: accountBody(call) }),
  },
  { method: "GET", path: "/user", needs: ["User Details"], handle: (call) => ({ result: userBody(call) }) },
  { method: "POST", path: "/zones/{zone_id}/purge_cache", needs: ["Cache Purge"], handle: purge },
];

function mayReadAccount({ identity, account }: Call): boolean {
  return identity.may(["Account Settings Read", "Account Settings Write"], {
    kind: "account",
    account: account.id,
  });
}

function accountBody({ account }: Call): { readonly name: string } & Record<string, unknown> {
  return {
    id: account.id,
    name: account.name,
    type: "standard",
    settings: { enforce_twofactor: false, abuse_contact_email: null },
    created_on: account.createdOn,
  };
}

function userBody({ user, account }: Call): object {
  return {
    id: user.id,
    email: user.email,
    first_name: null,
    last_name: null,
    country: null,
    telephone: null,
    zipcode: null,
    two_factor_authentication_enabled: true,
    two_factor_authentication_locked: false,
    suspended: false,
    has_pro_zones: false,
    has_business_zones: false,
    has_enterprise_zones: false,
    betas: [],
    created_on: account.createdOn,
    modified_on: account.createdOn,
  };
}

const purgeSchema = z.strictObject({
  purge_everything: z.literal(true).optional(),
  files: z
    .array(z.union([z.string(), z.looseObject({ url: z.string() })]))
    .min(1)
    .max(100)
    .optional(),
  hosts: z.array(z.string()).min(1).max(100).optional(),
  tags: z.array(z.string()).min(1).max(100).optional(),
  prefixes: z.array(z.string()).min(1).max(100).optional(),
});

function purge(call: Call): ReturnType<Route["handle"]> {
  const body = parse(purgeSchema, call.body ?? {}, { code: 1012, prefix: "Invalid request: " });
  if (Object.keys(body).length !== 1) {
    throw refuse(
      400,
      1012,
      'Request must contain exactly one of "purge_everything", "files", "hosts", "tags" or "prefixes"',
    );
  }
  for (const file of body.files ?? []) {
    const url = typeof file === "string" ? file : file.url;
    const host = URL.canParse(url) ? new URL(url).hostname : "";
    if (host !== call.zone.name && !host.endsWith(`.${call.zone.name}`))
      throw refuse(400, 1016, `Unable to purge ${url}, host is not in this zone`);
  }
  return { result: { id: call.zone.id } };
}
