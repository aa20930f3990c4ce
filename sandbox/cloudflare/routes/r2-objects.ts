import { listPage } from "../../storage/list";
import type { Call, Route } from "../call";
import { type Answer, refuse } from "../envelope";
import { bucketOf, bucketPath, r2Needs as needs } from "./r2-buckets";

const path = `${bucketPath}/objects`;

/** A bucket's objects by the API: listed and deleted. Their bytes travel by the S3 protocol. */
export const r2ObjectRoutes: readonly Route[] = [
  { method: "GET", path, needs, handle: list },
  { method: "DELETE", path: `${path}/{object_key}`, needs, handle: remove },
];

function list(call: Call): Answer {
  const { query, objects } = call;
  const size = Number(query["per_page"] ?? 1000);
  if (!Number.isInteger(size) || size < 1 || size > 1000)
    throw refuse(400, 10001, "per_page must be between 1 and 1000");
  const { cursor } = query;
  const page = listPage(objects.sorted(bucketOf(call)), {
    prefix: query["prefix"] ?? "",
    delimiter: query["delimiter"] ?? "",
    after: cursor === undefined ? (query["start_after"] ?? "") : Buffer.from(cursor, "base64url").toString(),
    most: size,
  });
  return {
    result: page.objects.map((object) => ({
      key: object.key,
      etag: object.etag,
      last_modified: object.modified,
      size: object.size,
      storage_class: object.storageClass,
      http_metadata: { contentType: object.standard["content-type"] ?? "application/octet-stream" },
      custom_metadata: object.custom,
    })),
    resultInfo: {
      per_page: size,
      is_truncated: page.next !== undefined,
      delimited: page.commonPrefixes,
      ...(page.next === undefined ? {} : { cursor: Buffer.from(page.next).toString("base64url") }),
    },
  };
}

function remove(call: Call): Answer {
  const bucket = bucketOf(call);
  const key = call.params["object_key"]!;
  if (!call.objects.sorted(bucket).some((object) => object.key === key))
    throw refuse(404, 10007, "The specified key does not exist.");
  call.objects.delete(bucket, key);
  return { result: { key } };
}
