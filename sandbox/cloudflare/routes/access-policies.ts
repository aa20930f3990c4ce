import { z } from "zod";
import { checkDuration, checkPolicyRules } from "../access-rules";
import type { Call, Route } from "../call";
import { atBothLevels } from "../call";
import { below } from "../crud";
import { type Answer, paginate, refuse } from "../envelope";
import { uuid } from "../ids";
import type { AccessPolicyRow } from "../model";
import type { Store } from "../store";
import { parse } from "../validate";

const needs = ["Access: Apps and Policies"];
const rules = z.array(z.record(z.string(), z.record(z.string(), z.unknown())));
const schema = z.looseObject({
  name: z.string().min(1),
  decision: z.enum(["allow", "deny", "non_identity", "bypass"]),
  include: rules.default([]),
  exclude: rules.nullish().transform((value) => value ?? []),
  require: rules.nullish().transform((value) => value ?? []),
  session_duration: z.string().optional(),
  precedence: z.int().min(1).optional(),
});
const errors = { code: 12130, prefix: "access.api.error.invalid_request: " };

const reusable = "/access/policies";
const owned = "/access/apps/{app_id}/policies";

export const accessPolicyRoutes: readonly Route[] = [
  ...below("/accounts/{account_id}", [
    {
      method: "POST",
      path: reusable,
      needs,
      handle: (call) => ({ status: 201, result: policyBody(savePolicy(call, call.body), call.store) }),
    },
    { method: "GET", path: reusable, needs, handle: (call) => page(call, (row) => row.appId === undefined) },
    {
      method: "GET",
      path: `${reusable}/{policy_id}`,
      needs,
      handle: (call) => ({ result: policyBody(reusablePolicy(call), call.store) }),
    },
    {
      method: "PUT",
      path: `${reusable}/{policy_id}`,
      needs,
      handle: (call) => ({
        result: policyBody(savePolicy(call, call.body, { before: reusablePolicy(call) }), call.store),
      }),
    },
    { method: "DELETE", path: `${reusable}/{policy_id}`, needs, handle: removeReusable },
  ]),
  ...atBothLevels([
    { method: "POST", path: owned, needs, handle: addToApp },
    { method: "GET", path: owned, needs, handle: listOfApp },
    {
      method: "GET",
      path: `${owned}/{policy_id}`,
      needs,
      handle: (call) => ({ result: policyBody(policyOfApp(call), call.store) }),
    },
    { method: "PUT", path: `${owned}/{policy_id}`, needs, handle: changeOfApp },
    { method: "DELETE", path: `${owned}/{policy_id}`, needs, handle: removeFromApp },
  ]),
];

/** Validates and stores a policy: a reusable one, or one that an application owns. */
export function savePolicy(
  call: Call,
  body: unknown,
  { before, appId }: { before?: AccessPolicyRow; appId?: string } = {},
): AccessPolicyRow {
  const given = parse(schema, body ?? {}, errors);
  checkDuration(given.session_duration, "session_duration");
  checkPolicyRules(given, call);
  const { precedence, ...kept } = given;
  const id = before?.id ?? uuid();
  return call.store.put("accessPolicies", id, {
    id,
    kind: "access-policy",
    scope: call.scope,
    body: { session_duration: "24h", ...kept },
    createdAt: before?.createdAt ?? call.time,
    updatedAt: call.time,
    appId: before?.appId ?? appId,
    precedence: precedence ?? before?.precedence,
  });
}

/** A policy as the API gives it. */
export function policyBody(row: AccessPolicyRow, store: Store): object {
  const isReusable = row.appId === undefined;
  return {
    ...row.body,
    id: row.id,
    reusable: isReusable,
    ...(isReusable ? { app_count: usersOf(row.id, store).length } : { precedence: row.precedence }),
    created_at: row.createdAt,
    updated_at: row.updatedAt,
  };
}

function usersOf(policyId: string, store: Store): readonly unknown[] {
  return store.list("accessApps", ({ policies }) => policies.some(({ id }) => id === policyId));
}

function notFound(): Error {
  return refuse(404, 11021, "access.api.error.policy_not_found");
}

function reusablePolicy({ store, params, scope }: Call): AccessPolicyRow {
  const row = store.get("accessPolicies", params["policy_id"]!);
  if (row?.scope !== scope || row.appId !== undefined) throw notFound();
  return row;
}

function page(call: Call, keep: (row: AccessPolicyRow) => boolean): Answer {
  const rows = call.store.list("accessPolicies", (row) => row.scope === call.scope && keep(row));
  const { page: some, resultInfo } = paginate(rows, call.query, { perPage: 25 });
  return { result: some.map((row) => policyBody(row, call.store)), resultInfo };
}

function removeReusable(call: Call): Answer {
  const row = reusablePolicy(call);
  const users = usersOf(row.id, call.store);
  if (users.length > 0) {
    throw refuse(
      400,
      12132,
      `access.api.error.policy_in_use: the policy is attached to ${users.length} application(s)`,
    );
  }
  call.store.delete("accessPolicies", row.id);
  return { status: 202, result: { id: row.id } };
}

function appOf({ store, params, scope }: Call): NonNullable<ReturnType<typeof store.get<"accessApps">>> {
  const app = store.get("accessApps", params["app_id"]!);
  if (app?.scope !== scope) throw refuse(404, 11012, "access.api.error.unknown_application");
  return app;
}

function policyOfApp(call: Call): AccessPolicyRow {
  const app = appOf(call);
  const row = call.store.get("accessPolicies", call.params["policy_id"]!);
  if (row === undefined || !app.policies.some(({ id }) => id === row.id)) throw notFound();
  return row;
}

function addToApp(call: Call): Answer {
  const app = appOf(call);
  const row = savePolicy(call, call.body, { appId: app.id });
  const last = Math.max(0, ...app.policies.map(({ precedence }) => precedence));
  const precedence = row.precedence ?? last + 1;
  const stored = call.store.put("accessPolicies", row.id, { ...row, precedence });
  const policies = [...app.policies, { id: row.id, precedence }].sort(
    (left, right) => left.precedence - right.precedence,
  );
  call.store.put("accessApps", app.id, { ...app, policies });
  return { status: 201, result: policyBody(stored, call.store) };
}

function listOfApp(call: Call): Answer {
  const app = appOf(call);
  const { page: some, resultInfo } = paginate(app.policies, call.query, { perPage: 25 });
  const result = some.map(({ id, precedence }) => ({
    ...policyBody(call.store.get("accessPolicies", id)!, call.store),
    precedence,
  }));
  return { result, resultInfo };
}

function changeOfApp(call: Call): Answer {
  const before = policyOfApp(call);
  if (before.appId === undefined)
    throw refuse(
      400,
      12130,
      "access.api.error.invalid_request: a reusable policy is changed at /access/policies",
    );
  const app = appOf(call);
  const row = savePolicy(call, call.body, { before });
  const policies = app.policies.map((entry) =>
    entry.id === row.id ? { id: row.id, precedence: row.precedence ?? entry.precedence } : entry,
  );
  call.store.put("accessApps", app.id, { ...app, policies });
  return { result: policyBody(row, call.store) };
}

function removeFromApp(call: Call): Answer {
  const row = policyOfApp(call);
  const app = appOf(call);
  call.store.put("accessApps", app.id, { ...app, policies: app.policies.filter(({ id }) => id !== row.id) });
  if (row.appId !== undefined) call.store.delete("accessPolicies", row.id);
  return { status: 202, result: { id: row.id } };
}
