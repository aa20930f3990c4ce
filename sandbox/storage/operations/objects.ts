import { parseRange } from "../../edge/pages/range";
import type { StoredObject } from "../bucket-files";
import {
  type BucketCall,
  checksumHeaders,
  objectHeaders,
  type Operation,
  quoted,
  type S3Answer,
  storageClassOf,
  storageClassWord,
  standardHeaders,
} from "../call";
import { mayWrite, readCondition } from "../conditions";
import { refusals } from "../errors";
import { readPayload } from "../payload";

const longestKey = 1024;

export const getObject: Operation = { action: "read", run: (call) => answerObject(call, true) };
export const headObject: Operation = { action: "read", run: (call) => answerObject(call, false) };
export const putObject: Operation = { action: "write", run: put };
export const deleteObject: Operation = {
  action: "write",
  run({ objects, objectKey }) {
    objects.delete(objectKey);
    return { status: 204 };
  },
};

/** @throws S3Error InvalidObjectName */
export function checkKey(key: string): void {
  if (key === "" || Buffer.byteLength(key) > longestKey || key.includes("\u0000"))
    throw refusals.objectName();
}

/** The object of the call. @throws S3Error NoSuchKey */
export function objectOf({ objects, objectKey }: BucketCall): StoredObject {
  const object = objects.get(objectKey);
  if (object === undefined) throw refusals.noSuchKey();
  return object;
}

async function put(call: BucketCall): Promise<S3Answer> {
  const { objects, objectKey, headers, bucket, now } = call;
  checkKey(objectKey);
  const said = { ...objectHeaders(headers), storageClass: storageClassOf(headers, bucket) };
  if (!mayWrite(headers, objects.get(objectKey))) throw refusals.preconditionFailed();
  const { data, size, md5, checksums } = await objects.stage((append) => readPayload(call.payload, append));
  // Somebody else may have been faster.
  if (!mayWrite(headers, objects.get(objectKey))) {
    objects.discard(data);
    throw refusals.preconditionFailed();
  }
  objects.put({ ...said, key: objectKey, data, size, etag: md5, modified: now.toISOString(), checksums });
  return { status: 200, headers: { etag: quoted(md5), ...checksumHeaders(checksums) } };
}

function answerObject(call: BucketCall, withBody: boolean): S3Answer {
  const object = objectOf(call);
  const { headers, query, objects } = call;
  const all: Record<string, string | number> = headersOf(object);
  // A query of a signed request may set them in the answer.
  for (const name of standardHeaders) {
    const value = query.get(`response-${name}`);
    if (value !== undefined) all[name] = value;
  }
  const condition = readCondition(headers, object);
  if (condition === "failed") throw refusals.preconditionFailed();
  if (condition === "not-modified") return { status: 304, headers: all };
  const range = wantedRange(headers, object);
  if (range === "unsatisfiable") throw refusals.range(object.size);
  if (range === undefined) {
    if (headers["x-amz-checksum-mode"]?.toUpperCase() === "ENABLED")
      Object.assign(all, checksumHeaders(object.checksums));
    all["content-length"] = object.size;
    return { status: 200, headers: all, ...(withBody ? { body: objects.read(object) } : {}) };
  }
  all["content-length"] = range.end - range.start + 1;
  all["content-range"] = `bytes ${range.start}-${range.end}/${object.size}`;
  return { status: 206, headers: all, ...(withBody ? { body: objects.read(object, range) } : {}) };
}

/** `If-Range` that does not hold means: all of it. */
export function wantedRange(
  headers: Readonly<Record<string, string | undefined>>,
  { etag, size, modified }: Pick<StoredObject, "etag" | "size" | "modified">,
) {
  const condition = headers["if-range"];
  const holds =
    condition === undefined ||
    condition === quoted(etag) ||
    Math.floor(Date.parse(modified) / 1000) * 1000 <= Date.parse(condition);
  return holds ? parseRange(headers["range"], size) : undefined;
}

/** What an answer about an object says of it. */
export function headersOf(object: StoredObject): Record<string, string> {
  return {
    "content-type": "application/octet-stream",
    ...object.standard,
    ...Object.fromEntries(
      Object.entries(object.custom).map(([name, value]) => [`x-amz-meta-${name}`, value]),
    ),
    ...(object.storageClass === "Standard"
      ? {}
      : { "x-amz-storage-class": storageClassWord(object.storageClass) }),
    etag: quoted(object.etag),
    "last-modified": new Date(object.modified).toUTCString(),
    "accept-ranges": "bytes",
  };
}
