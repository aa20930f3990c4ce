import { z } from "zod";
import type { Call, Route } from "../call";
import { type Answer, refuse } from "../envelope";
import type { BucketRow } from "../model";
import { parse } from "../validate";

export const r2Needs = ["Workers R2 Storage"];
export const bucketPath = "/accounts/{account_id}/r2/buckets/{bucket_name}";
export const r2Errors = { code: 10040, prefix: "The JSON you provided was not well formed: " };

const path = "/accounts/{account_id}/r2/buckets";
const locations = ["apac", "eeur", "enam", "weur", "wnam", "oc"] as const;
const classes = ["Standard", "InfrequentAccess"] as const;
const jurisdictions = ["default", "eu", "fedramp", "fedramp-high", "us"];
const create = z.object({
  name: z.string(),
  locationHint: z.string().optional(),
  storageClass: z.string().optional(),
});

export const r2BucketRoutes: readonly Route[] = [
  { method: "POST", path, needs: r2Needs, handle: add },
  { method: "GET", path, needs: r2Needs, handle: list },
  {
    method: "GET",
    path: bucketPath,
    needs: r2Needs,
    handle: (call) => ({ result: bucketBody(bucketOf(call)) }),
  },
  { method: "PATCH", path: bucketPath, needs: r2Needs, handle: change },
  { method: "DELETE", path: bucketPath, needs: r2Needs, handle: remove },
];

/** The jurisdiction that the request names by its header: a bucket of another one is not seen. */
export function jurisdictionOf({ headers }: Call): string {
  const given = String(headers["cf-r2-jurisdiction"] ?? "default");
  if (!jurisdictions.includes(given))
    throw refuse(400, 10058, `The specified jurisdiction is not valid: ${given}`);
  return given;
}

export function bucketKey({ name, jurisdiction }: Pick<BucketRow, "name" | "jurisdiction">): string {
  return `${jurisdiction}/${name}`;
}

/** @throws ApiError 10006 where there is no such bucket in the jurisdiction. */
export function bucketOf(call: Call): BucketRow {
  const row = call.store.get(
    "buckets",
    bucketKey({ name: call.params["bucket_name"]!, jurisdiction: jurisdictionOf(call) }),
  );
  if (row === undefined) throw refuse(404, 10006, "The specified bucket does not exist.");
  return row;
}

function add(call: Call): Answer {
  const body = parse(create, call.body ?? {}, r2Errors);
  const jurisdiction = jurisdictionOf(call);
  if (!/^[a-z0-9][a-z0-9-]{1,61}[a-z0-9]$/.test(body.name)) {
    throw refuse(400, 10005, "The specified bucket name is not valid.");
  }
  const hint = body.locationHint;
  if (hint !== undefined && !locations.some((location) => location === hint.toLowerCase())) {
    throw refuse(400, 10053, `The specified location hint is not valid: ${hint}`);
  }
  const row: BucketRow = {
    name: body.name,
    jurisdiction,
    // Given back as it was sent: another spelling would look like a change.
    location: hint ?? "weur",
    storageClass: storageClass(body.storageClass ?? "Standard"),
    creationDate: call.time,
  };
  if (call.store.get("buckets", bucketKey(row)) !== undefined) {
    throw refuse(409, 10004, "The bucket you tried to create already exists, and you own it.");
  }
  return { result: bucketBody(call.store.put("buckets", bucketKey(row), row)) };
}

function storageClass(given: string): string {
  if (!classes.some((name) => name === given))
    throw refuse(400, 10061, `The specified storage class is not valid: ${given}`);
  return given;
}

function list(call: Call): Answer {
  const { query, store } = call;
  const jurisdiction = jurisdictionOf(call);
  const size = Number(query["per_page"] ?? 20);
  if (!Number.isInteger(size) || size < 1 || size > 1000)
    throw refuse(400, 10001, "per_page must be between 1 and 1000");
  const rows = store
    .list(
      "buckets",
      (row) => row.jurisdiction === jurisdiction && row.name.includes(query["name_contains"] ?? ""),
    )
    .sort((left, right) => (left.name < right.name ? -1 : 1));
  const descending = query["direction"] === "desc";
  if (descending) rows.reverse();
  const after =
    query["cursor"] === undefined
      ? query["start_after"]
      : Buffer.from(query["cursor"], "base64url").toString();
  const left = rows.filter(({ name }) => after === undefined || (descending ? name < after : name > after));
  const page = left.slice(0, size);
  const last = page.at(-1);
  const more = left.length > size;
  return {
    result: { buckets: page.map(bucketBody) },
    ...(more && last !== undefined
      ? { resultInfo: { cursor: Buffer.from(last.name).toString("base64url"), per_page: size } }
      : {}),
  };
}

function change(call: Call): Answer {
  const row = bucketOf(call);
  const given = call.headers["cf-r2-storage-class"];
  if (typeof given !== "string")
    throw refuse(400, 10061, "The storage class is missing: header cf-r2-storage-class");
  return {
    result: bucketBody(
      call.store.put("buckets", bucketKey(row), { ...row, storageClass: storageClass(given) }),
    ),
  };
}

function remove(call: Call): Answer {
  const row = bucketOf(call);
  if (call.objects.count(row) > 0) {
    throw refuse(409, 10008, "The bucket you tried to delete is not empty.");
  }
  const owner = bucketKey(row);
  const { store } = call;
  for (const domain of store.list(
    "bucketDomains",
    (entry) => bucketKey({ name: entry.bucket, jurisdiction: entry.jurisdiction }) === owner,
  )) {
    store.delete("dns", domain.recordId);
    store.delete("bucketDomains", domain.domain);
  }
  store.deleteWhere("documents", (document) => document.owner === `r2/${owner}`);
  store.delete("buckets", owner);
  return { result: {} };
}

function bucketBody(row: BucketRow): object {
  return {
    name: row.name,
    creation_date: row.creationDate,
    location: row.location,
    storage_class: row.storageClass,
    jurisdiction: row.jurisdiction,
  };
}
