import type { z } from "zod";
import type { Call, Needs, Route } from "./call";
import { type Answer, type ApiError, paginate } from "./envelope";
import { hexId, uuid } from "./ids";
import type { Json, ObjectRow } from "./model";
import type { Store } from "./store";
import { type BodyErrors, parse } from "./validate";

/** A kind of object that is an echo of its validated body with an id and times. */
export interface ObjectKind {
  readonly kind: string;
  /** Path below `/accounts/{account_id}` or `/zones/{zone_id}`. */
  readonly at: string;
  readonly needs: Needs;
  readonly id: "hex" | "uuid" | ((body: Json) => string);
  readonly schema: z.ZodType;
  readonly errors: BodyErrors;
  missing(id: string): ApiError;
  /** @default PUT */
  readonly updateBy?: readonly ("PUT" | "PATCH")[];
  /** Refusals that need the rest of the account; `before` is undefined when it is created. */
  check?(body: Json, call: Call, before: ObjectRow | undefined): void;
  /** The body as it is kept. Default: as validated. */
  complete?(body: Json, call: Call, before: ObjectRow | undefined): Json;
  /** @throws ApiError where it may not be deleted. */
  beforeDelete?(row: ObjectRow, call: Call): void;
  present(row: ObjectRow, call: Call): object;
  /** What creation answers. Default: as {@link present}. */
  presentNew?(row: ObjectRow, call: Call): object;
  /** What an update answers. Default: as {@link present}. */
  presentChanged?(row: ObjectRow, call: Call): object;
  /** What DELETE answers. @default `{id}` */
  deleted?(row: ObjectRow): unknown;
  readonly createStatus?: number;
  readonly perPage?: number;
}

/** Create, list, read, update, delete of a kind; paths are below one level and still without it. */
export function crud(kind: ObjectKind): Route[] {
  const one = `${kind.at}/{object_id}`;
  const found = (call: Call): ObjectRow => {
    const row = objectOf(call.store, kind.kind, call.params["object_id"]!);
    if (row?.scope !== call.scope) throw kind.missing(call.params["object_id"]!);
    return row;
  };
  const save = (call: Call, before?: ObjectRow): ObjectRow => {
    const given = parse(kind.schema, call.body ?? {}, kind.errors) as Json;
    kind.check?.(given, call, before);
    const body = kind.complete?.(given, call, before) ?? given;
    const id = before?.id ?? newId(kind, body);
    return call.store.put("objects", `${kind.kind}/${id}`, {
      id,
      kind: kind.kind,
      scope: call.scope,
      body,
      createdAt: before?.createdAt ?? call.time,
      updatedAt: call.time,
    });
  };
  const update = (call: Call): Answer => ({
    result: (kind.presentChanged ?? kind.present)(save(call, found(call)), call),
  });
  return [
    {
      method: "POST",
      path: kind.at,
      needs: kind.needs,
      handle: (call) => ({
        status: kind.createStatus ?? 200,
        result: (kind.presentNew ?? kind.present)(save(call), call),
      }),
    },
    {
      method: "GET",
      path: kind.at,
      needs: kind.needs,
      handle: (call) => {
        const rows = objectsOf(call.store, kind.kind, call.scope).filter(
          ({ body }) => call.query["name"] === undefined || body["name"] === call.query["name"],
        );
        const { page, resultInfo } = paginate(rows, call.query, { perPage: kind.perPage ?? 25 });
        return { result: page.map((row) => kind.present(row, call)), resultInfo };
      },
    },
    {
      method: "GET",
      path: one,
      needs: kind.needs,
      handle: (call) => ({ result: kind.present(found(call), call) }),
    },
    ...(kind.updateBy ?? ["PUT" as const]).map((method): Route => ({
      method,
      path: one,
      needs: kind.needs,
      handle: update,
    })),
    {
      method: "DELETE",
      path: one,
      needs: kind.needs,
      handle: (call) => {
        const row = found(call);
        kind.beforeDelete?.(row, call);
        call.store.delete("objects", `${kind.kind}/${row.id}`);
        return { result: kind.deleted === undefined ? { id: row.id } : kind.deleted(row) };
      },
    },
  ];
}

function newId({ id }: ObjectKind, body: Json): string {
  if (typeof id === "function") return id(body);
  return id === "hex" ? hexId() : uuid();
}

export function objectOf(store: Store, kind: string, id: string): ObjectRow | undefined {
  return store.get("objects", `${kind}/${id}`);
}

export function objectsOf(store: Store, kind: string, scope?: string): ObjectRow[] {
  return store.list("objects", (row) => row.kind === kind && (scope === undefined || row.scope === scope));
}

/** Puts a level in front of each path. */
export function below(
  prefix: "/accounts/{account_id}" | "/zones/{zone_id}",
  routes: readonly Route[],
): Route[] {
  return routes.map((route) => ({ ...route, path: prefix + route.path }));
}
