import { z } from "zod";
import { type TokenStatus, tokenStatus } from "../auth";
import type { Call, Needs, Route } from "../call";
import { type Answer, paginate, refuse } from "../envelope";
import { hexId, ownTokenId, secret, sha256 } from "../ids";
import type { ApiTokenRow, TokenPolicy } from "../model";
import { groupOf, permissionGroups, resourceKind, scopeName } from "../permissions";
import { parse } from "../validate";

const errors = { code: 1001, prefix: "Invalid request: " };
const moment = z.iso
  .datetime({ offset: true })
  .nullish()
  .transform((value) => value ?? undefined);
const policies = z
  .array(
    z.object({
      id: z.string().optional(),
      effect: z.enum(["allow", "deny"]),
      permission_groups: z.array(z.looseObject({ id: z.string() })).min(1),
      resources: z.record(z.string(), z.union([z.string(), z.record(z.string(), z.string())])),
    }),
  )
  .min(1);
const body = z.object({
  name: z.string().min(1).max(120),
  policies,
  status: z.enum(["active", "disabled", "expired"]).optional(),
  condition: z.record(z.string(), z.unknown()).nullish(),
  not_before: moment,
  expires_on: moment,
});

export const tokenRoutes: readonly Route[] = [
  ...tokensBelow("/accounts/{account_id}/tokens", ["Account API Tokens"]),
  ...tokensBelow("/user/tokens", ["API Tokens"]),
];

function tokensBelow(path: string, needs: Needs): Route[] {
  const one = `${path}/{token_id}`;
  return [
    { method: "GET", path: `${path}/verify`, needs: "any", handle: verify },
    { method: "GET", path: `${path}/permission_groups`, needs, handle: groups },
    { method: "POST", path, needs, handle: create },
    { method: "GET", path, needs, handle: list },
    {
      method: "GET",
      path: one,
      needs,
      handle: (call) => ({ result: own(call) ?? tokenBody(found(call), call) }),
    },
    { method: "PUT", path: one, needs, handle: change },
    { method: "DELETE", path: one, needs, handle: (call) => ({ result: remove(call) }) },
    { method: "PUT", path: `${one}/value`, needs, handle: roll },
  ];
}

function ownerOf({ params }: Call): string {
  return params["account_id"] ?? "user";
}

function verify(call: Call): Answer {
  const { token } = call.identity;
  if (token !== undefined && token.owner !== ownerOf(call)) throw refuse(401, 1000, "Invalid API Token");
  const status: TokenStatus = token === undefined ? "active" : tokenStatus(token, call.now());
  const message = status === "active" ? "This API Token is valid and active" : `This API Token is ${status}`;
  return {
    result: {
      id: token?.id ?? ownTokenId(call.account.id),
      status,
      ...(token?.notBefore === undefined ? {} : { not_before: token.notBefore }),
      ...(token?.expiresOn === undefined ? {} : { expires_on: token.expiresOn }),
    },
    messages: [{ code: 10000, message, type: null }],
  };
}

function groups({ query, params }: Call): Answer {
  const wanted = query["name"] === undefined ? undefined : decodeURIComponent(query["name"]).toLowerCase();
  const scope = query["scope"] === undefined ? undefined : decodeURIComponent(query["scope"]);
  const rows = permissionGroups.filter(
    ({ name, scopes }) =>
      (wanted === undefined || name.toLowerCase() === wanted) &&
      (scope === undefined || scopes.includes(scope)) &&
      (params["account_id"] === undefined || !scopes.includes(scopeName("user"))),
  );
  return {
    result: rows,
    resultInfo: { page: 1, per_page: rows.length, count: rows.length, total_count: rows.length },
  };
}

/** The sandbox's own token, which may do everything, as it sees itself. */
function own(call: Call): object | undefined {
  const { account, identity, params } = call;
  const id = ownTokenId(account.id);
  if (identity.token !== undefined || params["token_id"] !== id || params["account_id"] !== account.id)
    return undefined;
  const policy = (scope: "account" | "zone", resources: object) => ({
    effect: "allow",
    permission_groups: permissionGroups
      .filter(({ scopes }) => scopes.includes(scopeName(scope)))
      .map(({ id: group, name }) => ({ id: group, name })),
    resources,
  });
  const key = `${scopeName("account")}.${account.id}`;
  return {
    id,
    name: "Sandbox",
    status: "active",
    issued_on: account.createdOn,
    modified_on: account.createdOn,
    last_used_on: null,
    policies: [
      policy("account", { [key]: "*" }),
      policy("zone", { [key]: { [`${scopeName("zone")}.*`]: "*" } }),
    ],
  };
}

function found(call: Call): ApiTokenRow {
  const row = call.store.get("tokens", call.params["token_id"]!);
  if (row?.owner !== ownerOf(call)) throw refuse(404, 1003, "Token not found");
  return row;
}

function create(call: Call): Answer {
  const given = parse(body, call.body ?? {}, errors);
  const value = secret(40);
  const row: ApiTokenRow = {
    id: hexId(),
    owner: ownerOf(call),
    valueHash: sha256(value),
    issuedOn: call.time,
    ...partsOf(given, call),
  };
  call.store.put("tokens", row.id, row);
  return { result: { ...tokenBody(row, call), value } };
}

function change(call: Call): Answer {
  const before = found(call);
  const given = parse(body, call.body ?? {}, errors);
  return {
    result: tokenBody(call.store.put("tokens", before.id, { ...before, ...partsOf(given, call) }), call),
  };
}

function partsOf(
  given: z.output<typeof body>,
  call: Call,
): Pick<
  ApiTokenRow,
  "name" | "status" | "policies" | "condition" | "notBefore" | "expiresOn" | "modifiedOn"
> {
  if (
    given.expires_on !== undefined &&
    given.not_before !== undefined &&
    Date.parse(given.expires_on) <= Date.parse(given.not_before)
  ) {
    throw refuse(400, 1001, "Invalid request: expires_on must be after not_before");
  }
  return {
    name: given.name,
    status: given.status === "disabled" ? "disabled" : "active",
    policies: given.policies.map((policy) => checkedPolicy(policy, call)),
    condition: given.condition ?? undefined,
    notBefore: given.not_before,
    expiresOn: given.expires_on,
    modifiedOn: call.time,
  };
}

/** @throws ApiError 1001 for groups that do not exist, resources that do not, or groups put on a resource of another kind. */
function checkedPolicy(policy: z.output<typeof policies>[number], call: Call): TokenPolicy {
  const scopes = policy.permission_groups.map(({ id }) => {
    const group = groupOf(id);
    if (group === undefined) throw invalid(`permission group not found: ${id}`);
    return { name: group.name, scope: group.scopes[0]! };
  });
  const keys = Object.entries(policy.resources);
  if (keys.length === 0) throw invalid("a policy needs at least one resource");
  for (const [key, value] of keys) {
    const kinds =
      typeof value === "string" ? [checkedResource(key, value, call)] : nestedResources(key, value, call);
    for (const { name, scope } of scopes) {
      if (!kinds.includes(scope))
        throw invalid(`permission group "${name}" (scope ${scope}) cannot be used on resource ${key}`);
    }
  }
  return {
    id: hexId(),
    effect: policy.effect,
    permission_groups: policy.permission_groups.map(({ id }) => ({ id })),
    resources: policy.resources,
  };
}

function nestedResources(key: string, value: Readonly<Record<string, string>>, call: Call): string[] {
  if (resourceKind(key)?.scope !== "account")
    throw invalid(`only an account can hold other resources: ${key}`);
  checkedResource(key, "*", call);
  return Object.entries(value).map(([inner, star]) => checkedResource(inner, star, call));
}

/** @returns the scope of the resource. */
function checkedResource(key: string, value: string, call: Call): string {
  const kind = resourceKind(key);
  if (kind === undefined || value !== "*") throw invalid(`invalid resource: ${key}`);
  const { scope, id } = kind;
  const exists =
    id === "*" ||
    (scope === "account" && id === call.account.id) ||
    (scope === "user" && id === call.user.id) ||
    (scope === "zone" && call.store.get("zones", id) !== undefined) ||
    (scope === "bucket" &&
      new RegExp(`^${call.account.id}_(default|eu|fedramp|fedramp-high|us)_[a-z0-9-]+$`).test(id));
  if (!exists) throw invalid(`resource not found: ${key}`);
  return scopeName(scope);
}

function invalid(reason: string): Error {
  return refuse(400, 1001, `Invalid request: ${reason}`);
}

function list(call: Call): Answer {
  const rows = call.store.list("tokens", (row) => row.owner === ownerOf(call));
  if (call.query["direction"] === "desc") rows.reverse();
  const { page, resultInfo } = paginate(rows, call.query, { least: 5, most: 50 });
  return { result: page.map((row) => tokenBody(row, call)), resultInfo };
}

function remove(call: Call): object {
  const { id } = found(call);
  call.store.delete("tokens", id);
  return { id };
}

function roll(call: Call): Answer {
  const value = secret(40);
  call.store.put("tokens", found(call).id, {
    ...found(call),
    valueHash: sha256(value),
    modifiedOn: call.time,
  });
  return { result: value };
}

function tokenBody(row: ApiTokenRow, call: Call): object {
  return {
    id: row.id,
    name: row.name,
    status: tokenStatus(row, call.now()),
    issued_on: row.issuedOn,
    modified_on: row.modifiedOn,
    last_used_on: null,
    ...(row.notBefore === undefined ? {} : { not_before: row.notBefore }),
    ...(row.expiresOn === undefined ? {} : { expires_on: row.expiresOn }),
    ...(row.condition === undefined ? {} : { condition: row.condition }),
    policies: row.policies.map((policy) => ({
      ...policy,
      permission_groups: policy.permission_groups.map(({ id }) => ({ id, name: groupOf(id)?.name ?? "" })),
    })),
  };
}
