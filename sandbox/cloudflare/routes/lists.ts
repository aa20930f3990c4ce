import { z } from "zod";
import type { Call, Route } from "../call";
import { below, crud, objectOf, objectsOf } from "../crud";
import { type Answer, refuse } from "../envelope";
import { hexId } from "../ids";
import type { Json, ObjectRow } from "../model";
import { parse } from "../validate";

const needs = ["Account Filter Lists", "Account Rulesets", "Mass URL Redirects"];
const errors = { code: 10026, prefix: "invalid request: " };
/** Lists of a kind that a free account may have. */
const limits: Readonly<Record<string, number>> = { redirect: 5, ip: 1, hostname: 1, asn: 1 };

const lists = crud({
  kind: "list",
  at: "/rules/lists",
  needs,
  id: "hex",
  schema: z.looseObject({
    name: z
      .string()
      .regex(/^[a-z0-9_]{1,50}$/, "only lower-case letters, digits and underscores")
      .optional(),
    kind: z.enum(["ip", "redirect", "hostname", "asn"]).optional(),
    description: z.string().optional(),
  }),
  errors,
  missing: () => refuse(404, 10001, "could not find list"),
  check(body, call, before) {
    if (before !== undefined) return;
    const { name, kind } = body;
    if (typeof name !== "string" || typeof kind !== "string")
      throw refuse(400, 10026, "invalid request: name and kind are required");
    const all = objectsOf(call.store, "list");
    if (all.some((row) => row.body["name"] === name))
      throw refuse(400, 10014, `a list of the name ${name} exists already`);
    if (all.filter((row) => row.body["kind"] === kind).length >= limits[kind]!) {
      throw refuse(403, 10018, `exceeded maximum number of ${kind} lists: ${limits[kind]!}`);
    }
  },
  // Only the description can be changed.
  complete: (body, _call, before) =>
    before === undefined ? body : { ...before.body, description: body["description"] ?? "" },
  beforeDelete(row, { store }) {
    const name = String(row.body["name"]);
    const user = store.find("rulesets", ({ rules }) => JSON.stringify(rules).includes(`"name":"${name}"`));
    if (user !== undefined) throw refuse(400, 10019, `the list is used by the ruleset ${user.name}`);
    store.delete("documents", `list-items/${row.id}`);
  },
  present: listBody,
});

function listBody(row: ObjectRow, call: Call): object {
  return {
    description: "",
    ...row.body,
    id: row.id,
    num_items: itemsOf(call, row.id).length,
    num_referencing_filters: 0,
    created_on: row.createdAt,
    modified_on: row.updatedAt,
  };
}

const itemSchema = z.array(
  z.looseObject({
    ip: z.string().optional(),
    asn: z.int().optional(),
    hostname: z.looseObject({ url_hostname: z.string() }).optional(),
    redirect: z
      .looseObject({
        source_url: z.string(),
        target_url: z.url(),
        status_code: z.literal([301, 302, 307, 308]).optional(),
      })
      .optional(),
    comment: z.string().optional(),
  }),
);

const items = "/rules/lists/{list_id}/items";
const itemRoutes: Route[] = [
  {
    method: "GET",
    path: items,
    needs,
    handle: (call) => ({ result: itemsOf(call, listOf(call).id), resultInfo: { cursors: {} } }),
  },
  {
    method: "POST",
    path: items,
    needs,
    handle: (call) => store(call, (before) => [...before, ...newItems(call)]),
  },
  { method: "PUT", path: items, needs, handle: (call) => store(call, () => newItems(call)) },
  { method: "DELETE", path: items, needs, handle: removeItems },
  {
    method: "GET",
    path: `${items}/{item_id}`,
    needs,
    handle: (call) => {
      const item = itemsOf(call, listOf(call).id).find(({ id }) => id === call.params["item_id"]);
      if (item === undefined) throw refuse(404, 10002, "could not find list item");
      return { result: item };
    },
  },
  {
    method: "GET",
    path: "/rules/lists/bulk_operations/{operation_id}",
    needs,
    handle: ({ store: rows, params }) => {
      const row = rows.get("documents", `list-operation/${params["operation_id"]!}`);
      if (row === undefined) throw refuse(404, 10003, "could not find operation");
      return { result: { id: params["operation_id"], status: "completed", completed: row.modifiedOn } };
    },
  },
];

function listOf({ store: rows, params }: Call): ObjectRow {
  const row = objectOf(rows, "list", params["list_id"]!);
  if (row === undefined) throw refuse(404, 10001, "could not find list");
  return row;
}

function itemsOf({ store: rows }: Call, listId: string): readonly Json[] {
  return (rows.get("documents", `list-items/${listId}`)?.body["items"] ?? []) as readonly Json[];
}

function newItems(call: Call): Json[] {
  const kind = String(listOf(call).body["kind"]);
  const given = parse(itemSchema, call.body ?? [], errors);
  const wrong = given.findIndex((item) => item[kind] === undefined);
  if (wrong >= 0) throw refuse(400, 10026, `invalid request: item ${wrong + 1} has no ${kind}`);
  return given.map((item) => ({ ...item, id: hexId(), created_on: call.time, modified_on: call.time }));
}

/** Changes come into force at once; the answer names an operation all the same. */
function store(call: Call, change: (before: readonly Json[]) => readonly Json[]): Answer {
  const { id } = listOf(call);
  const operation = hexId();
  const next = change(itemsOf(call, id));
  if (next.length > 10_000) throw refuse(400, 10020, "exceeded maximum number of items of a list: 10000");
  call.store.put("documents", `list-items/${id}`, {
    owner: id,
    body: { items: next },
    modifiedOn: call.time,
  });
  call.store.put("documents", `list-operation/${operation}`, { owner: id, body: {}, modifiedOn: call.time });
  return { result: { operation_id: operation } };
}

function removeItems(call: Call): Answer {
  const given = parse(
    z.object({ items: z.array(z.object({ id: z.string() })).min(1) }),
    call.body ?? {},
    errors,
  );
  const gone = new Set(given.items.map(({ id }) => id));
  return store(call, (before) => before.filter(({ id }) => !gone.has(String(id))));
}

export const listRoutes: readonly Route[] = below("/accounts/{account_id}", [...lists, ...itemRoutes]);
