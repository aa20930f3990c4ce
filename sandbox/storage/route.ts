import type { Operation } from "./call";
import { refusals } from "./errors";
import { bucketLocation, deleteObjects, headBucket, listObjects, listObjectsV2 } from "./operations/buckets";
import { copyObject, copyPart } from "./operations/copy";
import {
  abortUpload,
  beginUpload,
  completeUpload,
  listParts,
  listUploads,
  putPart,
} from "./operations/multipart";
import { deleteObject, getObject, headObject, putObject } from "./operations/objects";

/** What a query can name that belongs to S3, and that R2's interface or this one has not. */
const absent = [
  "accelerate",
  "acl",
  "analytics",
  "attributes",
  "cors",
  "encryption",
  "intelligent-tiering",
  "inventory",
  "legal-hold",
  "lifecycle",
  "logging",
  "metrics",
  "notification",
  "object-lock",
  "ownershipControls",
  "policy",
  "policyStatus",
  "publicAccessBlock",
  "replication",
  "requestPayment",
  "restore",
  "retention",
  "select",
  "tagging",
  "torrent",
  "versionId",
  "versioning",
  "versions",
  "website",
] as const;

/** What is asked: of the account, of a bucket, of an object. */
export interface Question {
  readonly method: string;
  readonly query: ReadonlyMap<string, string>;
  readonly headers: Readonly<Record<string, string>>;
}

function refuseAbsent({ query }: Question): void {
  const found = absent.find((name) => query.has(name));
  if (found !== undefined) throw refusals.notImplemented(found);
}

/** The operation on a bucket. @throws S3Error NotImplemented or MethodNotAllowed */
export function bucketOperation(question: Question): Operation {
  refuseAbsent(question);
  const { method, query } = question;
  switch (method) {
    case "HEAD":
      return headBucket;
    case "GET":
      if (query.has("location")) return bucketLocation;
      if (query.has("uploads")) return listUploads;
      return query.get("list-type") === "2" ? listObjectsV2 : listObjects;
    case "POST":
      if (query.has("delete")) return deleteObjects;
      throw refusals.notImplemented("POST of a form is");
    default:
      throw refusals.notAllowed();
  }
}

/** The operation on an object. @throws S3Error NotImplemented or MethodNotAllowed */
export function objectOperation(question: Question): Operation {
  refuseAbsent(question);
  const { method, query, headers } = question;
  const upload = query.has("uploadId");
  const copies = headers["x-amz-copy-source"] !== undefined;
  switch (method) {
    case "HEAD":
    case "GET":
      if (upload && method === "GET") return listParts;
      if (query.has("partNumber")) throw refusals.notImplemented("partNumber without uploadId is");
      return method === "GET" ? getObject : headObject;
    case "PUT":
      if (upload) return copies ? copyPart : putPart;
      return copies ? copyObject : putObject;
    case "POST":
      if (query.has("uploads")) return beginUpload;
      if (upload) return completeUpload;
      throw refusals.notAllowed();
    case "DELETE":
      return upload ? abortUpload : deleteObject;
    default:
      throw refusals.notAllowed();
  }
}
