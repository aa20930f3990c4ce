import type { StoredObject } from "./bucket-files";

type Headers = Readonly<Record<string, string | undefined>>;

/** What the conditions of a request come to for the object that is there. */
export type Condition = "go" | "not-modified" | "failed";

/** Conditions of a request that reads. `prefix` is that of the source's conditions of a copy. */
export function readCondition(
  headers: Headers,
  object: Pick<StoredObject, "etag" | "modified">,
  prefix = "",
): Condition {
  const modified = Math.floor(Date.parse(object.modified) / 1000) * 1000;
  const match = headers[`${prefix}if-match`];
  const unmodified = headers[`${prefix}if-unmodified-since`];
  if (match !== undefined) {
    if (!matches(match, object.etag)) return "failed";
  } else if (unmodified !== undefined && modified > Date.parse(unmodified)) return "failed";
  const noneMatch = headers[`${prefix}if-none-match`];
  const since = headers[`${prefix}if-modified-since`];
  if (noneMatch !== undefined) {
    if (matches(noneMatch, object.etag)) return "not-modified";
  } else if (since !== undefined && modified <= Date.parse(since)) return "not-modified";
  return "go";
}

/** Whether a request that writes may: `If-Match` and `If-None-Match` against what is there. */
export function mayWrite(headers: Headers, object: Pick<StoredObject, "etag"> | undefined): boolean {
  const match = headers["if-match"];
  if (match !== undefined && (object === undefined || !matches(match, object.etag))) return false;
  const noneMatch = headers["if-none-match"];
  return noneMatch === undefined || object === undefined || !matches(noneMatch, object.etag);
}

function matches(header: string, etag: string): boolean {
  return header
    .split(",")
    .map((tag) =>
      tag
        .trim()
        .replace(/^W\//, "")
        .replace(/^"(.*)"$/, "$1"),
    )
    .some((tag) => tag === "*" || tag === etag);
}
