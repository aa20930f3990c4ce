import { z } from "zod";
import { checkDuration, checkRule, durationMs, invalidRequest } from "../access-rules";
import { atBothLevels, type Call, type Route } from "../call";
import { below, crud, objectOf, objectsOf } from "../crud";
import { type Answer, paginate, refuse } from "../envelope";
import { hexId, secret, sha256, uuid } from "../ids";
import type { Json, ObjectRow, ServiceTokenRow } from "../model";
import { accountLimits } from "../plan";
import { parse } from "../validate";

const organizational = ["Access: Organizations, Identity Providers, and Groups"];
const tokenNeeds = ["Access: Service Tokens"];
const errors = { code: 12130, prefix: "access.api.error.invalid_request: " };
const rules = z.array(z.record(z.string(), z.record(z.string(), z.unknown())));

const echo = (row: ObjectRow): object => ({
  ...row.body,
  id: row.id,
  created_at: row.createdAt,
  updated_at: row.updatedAt,
});

const groups = crud({
  kind: "access-group",
  at: "/access/groups",
  needs: organizational,
  id: "uuid",
  schema: z.looseObject({
    name: z.string().min(1),
    include: rules.min(1),
    exclude: rules.default([]),
    require: rules.default([]),
    is_default: z.boolean().optional(),
  }),
  errors,
  createStatus: 201,
  missing: () => refuse(404, 11023, "access.api.error.group_not_found"),
  check(body, call, before) {
    if (before === undefined && objectsOf(call.store, "access-group").length >= accountLimits.accessGroups) {
      throw refuse(400, 11015, "access.api.error.group_limit_reached");
    }
    for (const list of ["include", "exclude", "require"]) {
      for (const rule of body[list] as Record<string, Json>[]) checkRule(rule, list, call);
    }
  },
  present: echo,
});

const tags = crud({
  kind: "access-tag",
  at: "/access/tags",
  needs: ["Access: Apps and Policies"],
  id: (body) => String(body["name"]),
  schema: z.looseObject({ name: z.string().min(1).max(35) }),
  errors,
  createStatus: 201,
  missing: () => refuse(404, 12201, "access.api.error.tag_not_found"),
  check(body, call, before) {
    if (before === undefined && objectOf(call.store, "access-tag", String(body["name"])) !== undefined) {
      throw refuse(409, 12200, "access.api.error.tag_already_exists");
    }
    if (before !== undefined && body["name"] !== before.id)
      throw invalidRequest("the name of a tag cannot be changed");
  },
  beforeDelete({ id }, call) {
    if (tagUsers(call, id) > 0) throw refuse(400, 12202, "access.api.error.tag_in_use");
  },
  present: (row, call) => ({
    name: row.id,
    app_count: tagUsers(call, row.id),
    created_at: row.createdAt,
    updated_at: row.updatedAt,
  }),
  deleted: ({ id }) => ({ name: id }),
});

function tagUsers({ store }: Call, name: string): number {
  return store.list("accessApps", ({ body }) => ((body["tags"] ?? []) as string[]).includes(name)).length;
}

/** Members of `config` without which a provider of this type cannot work. */
const requiredConfig: Readonly<Record<string, readonly string[]>> = {
  onetimepin: [],
  azureAD: ["client_id", "client_secret", "directory_id"],
  saml: ["sso_target_url", "issuer_url"],
  centrify: ["client_id", "client_secret", "centrify_account", "centrify_app_id"],
  facebook: ["client_id", "client_secret"],
  github: ["client_id", "client_secret"],
  "google-apps": ["client_id", "client_secret", "apps_domain"],
  google: ["client_id", "client_secret"],
  linkedin: ["client_id", "client_secret"],
  oidc: ["client_id", "client_secret", "auth_url", "token_url", "certs_url"],
  okta: ["client_id", "client_secret", "okta_account"],
  onelogin: ["client_id", "client_secret", "onelogin_account"],
  pingone: ["client_id", "client_secret", "ping_env_id"],
  yandex: ["client_id", "client_secret"],
};

const identityProviders = crud({
  kind: "identity-provider",
  at: "/access/identity_providers",
  needs: organizational,
  id: "uuid",
  schema: z.looseObject({
    name: z.string(),
    type: z.enum(Object.keys(requiredConfig) as [string, ...string[]]),
    config: z.record(z.string(), z.unknown()),
    scim_config: z.record(z.string(), z.unknown()).nullish(),
  }),
  errors,
  createStatus: 201,
  missing: () => refuse(404, 11022, "access.api.error.identity_provider_not_found"),
  check(body, call, before) {
    const others = objectsOf(call.store, "identity-provider").filter(({ id }) => id !== before?.id);
    if (body["type"] === "onetimepin" && others.some((row) => row.body["type"] === "onetimepin")) {
      throw refuse(
        409,
        11019,
        "access.api.error.identity_provider_already_exists: only one onetimepin identity provider is allowed",
      );
    }
    if (before === undefined && others.length >= accountLimits.identityProviders) {
      throw refuse(400, 11016, "access.api.error.identity_provider_limit_reached");
    }
    if (before !== undefined && before.body["type"] !== body["type"])
      throw invalidRequest("type cannot be changed");
    const config = body["config"] as Json;
    const kept = (before?.body["config"] ?? {}) as Json;
    for (const member of requiredConfig[String(body["type"])]!) {
      const value = config[member] ?? (member === "client_secret" ? kept[member] : undefined);
      if (typeof value !== "string" || value === "") throw invalidRequest(`config.${member} is required`);
    }
  },
  complete(body, _call, before) {
    const config = { ...(body["config"] as Json) };
    const kept = ((before?.body["config"] ?? {}) as Json)["client_secret"];
    if (config["client_secret"] === undefined && kept !== undefined) config["client_secret"] = kept;
    return { ...body, config };
  },
  present: identityProviderBody,
});

function identityProviderBody(row: ObjectRow): object {
  const { client_secret: _hidden, ...config } = row.body["config"] as Json;
  const scim = row.body["scim_config"] as Json | undefined;
  const scimDefaults = {
    enabled: false,
    identity_update_behavior: "no_action",
    seat_deprovision: false,
    user_deprovision: false,
  };
  const { secret: _secret, ...shownScim } = scim ?? {};
  return {
    ...row.body,
    id: row.id,
    config,
    ...(row.body["type"] === "onetimepin" ? {} : { scim_config: { ...scimDefaults, ...shownScim } }),
  };
}

const serviceToken = "/access/service_tokens/{service_token_id}";
const tokenSchema = z.looseObject({
  name: z.string().min(1),
  duration: z.string().default("8760h"),
  client_secret_version: z.number().int().min(1).optional(),
  previous_client_secret_expires_at: z.string().nullish(),
});

const serviceTokens: Route[] = [
  { method: "POST", path: "/access/service_tokens", needs: tokenNeeds, handle: createToken },
  {
    method: "GET",
    path: "/access/service_tokens",
    needs: tokenNeeds,
    handle: (call) => {
      const rows = call.store.list(
        "serviceTokens",
        (row) =>
          row.scope === call.scope &&
          (call.query["name"] === undefined || row.body["name"] === call.query["name"]),
      );
      const { page, resultInfo } = paginate(rows, call.query, { perPage: 25 });
      return { result: page.map((row) => tokenBody(row)), resultInfo };
    },
  },
  {
    method: "GET",
    path: serviceToken,
    needs: tokenNeeds,
    handle: (call) => ({ result: tokenBody(tokenOf(call)) }),
  },
  { method: "PUT", path: serviceToken, needs: tokenNeeds, handle: changeToken },
  { method: "DELETE", path: serviceToken, needs: tokenNeeds, handle: removeToken },
  { method: "POST", path: `${serviceToken}/refresh`, needs: tokenNeeds, handle: refreshToken },
  { method: "POST", path: `${serviceToken}/rotate`, needs: tokenNeeds, handle: rotateToken },
];

function createToken(call: Call): Answer {
  const body = parse(tokenSchema, call.body ?? {}, errors);
  checkTokenDuration(body.duration);
  if (call.store.list("serviceTokens").length >= accountLimits.serviceTokens) {
    throw refuse(400, 11018, "access.api.error.service_token_limit_reached");
  }
  const id = uuid();
  const value = secret(64);
  const row: ServiceTokenRow = {
    id,
    kind: "service-token",
    scope: call.scope,
    body: { client_secret_version: 1, ...body },
    createdAt: call.time,
    updatedAt: call.time,
    clientId: `${hexId()}.access`,
    secretHash: sha256(value),
    expiresAt: expiry(call, body.duration),
  };
  call.store.put("serviceTokens", id, row);
  return { status: 201, result: { ...tokenBody(row), client_secret: value } };
}

function checkTokenDuration(duration: string): void {
  if (duration !== "forever") checkDuration(duration, "duration");
}

function expiry(call: Call, duration: string): string | null {
  const ms = durationMs(duration);
  return ms === undefined ? null : new Date(call.now().getTime() + ms).toISOString();
}

function tokenOf({ store, params, scope }: Call): ServiceTokenRow {
  const row = store.get("serviceTokens", params["service_token_id"]!);
  if (row?.scope !== scope) throw refuse(404, 11024, "access.api.error.service_token_not_found");
  return row;
}

function changeToken(call: Call): Answer {
  const before = tokenOf(call);
  const body = { ...before.body, ...parse(tokenSchema.partial(), call.body ?? {}, errors) } as Json;
  checkTokenDuration(String(body["duration"]));
  const version = Number(body["client_secret_version"]);
  const previous = Number(before.body["client_secret_version"]);
  if (version < previous) throw invalidRequest("client_secret_version can only be raised");
  const durationChanged = body["duration"] !== before.body["duration"];
  const next: ServiceTokenRow = {
    ...before,
    body,
    updatedAt: call.time,
    expiresAt: durationChanged ? expiry(call, String(body["duration"])) : before.expiresAt,
  };
  if (version === previous) return { result: tokenBody(call.store.put("serviceTokens", before.id, next)) };
  return rotated(call, next, before);
}

function rotateToken(call: Call): Answer {
  const before = tokenOf(call);
  const version = Number(before.body["client_secret_version"]) + 1;
  return rotated(
    call,
    { ...before, body: { ...before.body, client_secret_version: version }, updatedAt: call.time },
    before,
  );
}

function rotated(call: Call, next: ServiceTokenRow, before: ServiceTokenRow): Answer {
  const value = secret(64);
  const until = next.body["previous_client_secret_expires_at"];
  const row = call.store.put("serviceTokens", next.id, {
    ...next,
    secretHash: sha256(value),
    previousSecret: typeof until === "string" ? { hash: before.secretHash, expiresAt: until } : undefined,
  });
  return { result: { ...tokenBody(row), client_secret: value } };
}

function refreshToken(call: Call): Answer {
  const before = tokenOf(call);
  const row = { ...before, updatedAt: call.time, expiresAt: expiry(call, String(before.body["duration"])) };
  return { result: tokenBody(call.store.put("serviceTokens", row.id, row)) };
}

function removeToken(call: Call): Answer {
  const row = tokenOf(call);
  call.store.delete("serviceTokens", row.id);
  return { result: tokenBody(row) };
}

function tokenBody(row: ServiceTokenRow): object {
  return {
    ...row.body,
    id: row.id,
    client_id: row.clientId,
    expires_at: row.expiresAt,
    created_at: row.createdAt,
    updated_at: row.updatedAt,
  };
}

/** The team's domain until the organisation gets another. */
export const defaultTeamDomain = "sandbox.cloudflareaccess.com";

const organization: Route[] = [
  {
    method: "GET",
    path: "/access/organizations",
    needs: organizational,
    handle: (call) => ({ result: organizationBody(call) }),
  },
  { method: "PUT", path: "/access/organizations", needs: organizational, handle: changeOrganization },
  {
    method: "POST",
    path: "/access/organizations",
    needs: organizational,
    handle: () => {
      throw refuse(409, 12108, "access.api.error.organization_already_exists");
    },
  },
];

function organizationBody({ store, account, scope }: Call): object {
  const row = store.get("documents", `organization/${scope}`);
  return {
    name: account.name,
    auth_domain: defaultTeamDomain,
    auto_redirect_to_identity: false,
    is_ui_read_only: false,
    login_design: {},
    session_duration: "24h",
    created_at: account.createdOn,
    updated_at: row?.modifiedOn ?? account.createdOn,
    ...row?.body,
  };
}

function changeOrganization(call: Call): Answer {
  const body = parse(
    z.looseObject({
      name: z.string().optional(),
      auth_domain: z
        .string()
        .regex(/^[a-z0-9-]+\.cloudflareaccess\.com$/, "must end with .cloudflareaccess.com")
        .optional(),
    }),
    call.body ?? {},
    errors,
  );
  checkDuration(body["session_duration"], "session_duration");
  const before = call.store.get("documents", `organization/${call.scope}`);
  call.store.put("documents", `organization/${call.scope}`, {
    owner: call.scope,
    body: { ...before?.body, ...body },
    modifiedOn: call.time,
  });
  return { result: organizationBody(call) };
}

export const accessRoutes: readonly Route[] = [
  ...atBothLevels([...groups, ...identityProviders, ...serviceTokens, ...organization]),
  ...below("/accounts/{account_id}", tags),
];
