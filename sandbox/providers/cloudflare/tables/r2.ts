import { isObject, type Values } from "../../values";
import type { FieldRule, FieldRules } from "../shape";
import { sameUnordered, textOf } from "../state";
import type { ResourceTable } from "../table";

/** Sent as a header with every call, and never answered in a way that could be trusted. */
const jurisdiction: FieldRule = { default: "default", local: true, kept: true };
const sameCase: FieldRule["same"] = (one, other) => textOf(one).toLowerCase() === textOf(other).toLowerCase();

function jurisdictionHeader(state: Values): Record<string, string> {
  const value = state["jurisdiction"];
  return { "cf-r2-jurisdiction": typeof value === "string" ? value : "default" };
}

/** A part of a bucket's configuration: its place in the API is below the bucket, and it has no id of its own. */
function partOfBucket(
  name: string,
  part: string,
  { canBeDeleted, rules = {} }: { canBeDeleted: boolean; rules?: FieldRules },
): ResourceTable {
  const path = `/accounts/{accountId}/r2/buckets/{bucketName}/${part}` as const;
  return {
    name,
    names: "camel",
    create: `PUT ${path}`,
    read: `GET ${path}`,
    update: `PUT ${path}`,
    ...(canBeDeleted ? { delete: `DELETE ${path}` as const } : {}),
    id: "accountId",
    replace: ["accountId", "bucketName"],
    rules: { jurisdiction, ...rules },
    headers: jurisdictionHeader,
  };
}

export const r2Tables: readonly ResourceTable[] = [
  {
    name: "R2Bucket",
    create: "POST /accounts/{accountId}/r2/buckets",
    read: "GET /accounts/{accountId}/r2/buckets/{name}",
    update: "PATCH /accounts/{accountId}/r2/buckets/{name}",
    delete: "DELETE /accounts/{accountId}/r2/buckets/{name}",
    id: "name",
    importId: "accountId/name/jurisdiction",
    replace: ["accountId", "name"],
    rules: {
      jurisdiction,
      // A hint, honoured when the name is used for the first time; the answer is in upper case.
      location: { wire: "locationHint", answer: "location", same: sameCase, ignored: true },
      storageClass: { wire: "storageClass", answer: "storage_class", default: "Standard" },
    },
    headers: jurisdictionHeader,
    toBody: (body, { operation }) => (operation === "create" ? body : undefined),
    toHeaders({ operation, wanted }): Record<string, string> {
      return operation === "update" ? { "cf-r2-storage-class": textOf(wanted["storageClass"]) } : {};
    },
  },
  partOfBucket("R2BucketCors", "cors", { canBeDeleted: true }),
  partOfBucket("R2BucketLifecycle", "lifecycle", { canBeDeleted: false }),
  partOfBucket("R2BucketLock", "lock", { canBeDeleted: false }),
  {
    name: "R2CustomDomain",
    names: "camel",
    create: "POST /accounts/{accountId}/r2/buckets/{bucketName}/domains/custom",
    read: "GET /accounts/{accountId}/r2/buckets/{bucketName}/domains/custom/{domain}",
    update: "PUT /accounts/{accountId}/r2/buckets/{bucketName}/domains/custom/{domain}",
    delete: "DELETE /accounts/{accountId}/r2/buckets/{bucketName}/domains/custom/{domain}",
    id: "accountId",
    replace: ["accountId", "bucketName", "domain", "zoneId"],
    rules: {
      jurisdiction,
      minTls: { unsaid: "1.0" },
      ciphers: { same: sameUnordered },
      // While the state is not known the API says so, which is no news.
      "status.ownership": { kept: (found) => found === "unknown" },
      "status.ssl": { kept: (found) => found === "unknown" },
    },
    headers: jurisdictionHeader,
    readAfterCreate: ({ zoneName }) => zoneName === undefined || zoneName === "",
    // It tells no time of its own; it cannot be older than its bucket.
    async madeAt(_outputs, call) {
      const bucket = await call("GET /accounts/{accountId}/r2/buckets/{bucketName}");
      return isObject(bucket) ? bucket["creation_date"] : undefined;
    },
  },
  {
    name: "R2ManagedDomain",
    names: "camel",
    create: "PUT /accounts/{accountId}/r2/buckets/{bucketName}/domains/managed",
    update: "PUT /accounts/{accountId}/r2/buckets/{bucketName}/domains/managed",
    id: "accountId",
    replace: ["accountId", "bucketName"],
    rules: { jurisdiction },
    headers: jurisdictionHeader,
  },
  {
    name: "R2BucketEventNotification",
    names: "camel",
    create: "PUT /accounts/{accountId}/event_notifications/r2/{bucketName}/configuration/queues/{queueId}",
    read: "GET /accounts/{accountId}/event_notifications/r2/{bucketName}/configuration/queues/{queueId}",
    // The API adds rules to those that are there: the old ones have to go first.
    update: [
      "DELETE /accounts/{accountId}/event_notifications/r2/{bucketName}/configuration/queues/{queueId}",
      "PUT /accounts/{accountId}/event_notifications/r2/{bucketName}/configuration/queues/{queueId}",
    ],
    delete: "DELETE /accounts/{accountId}/event_notifications/r2/{bucketName}/configuration/queues/{queueId}",
    id: "accountId",
    replace: ["accountId", "bucketName", "queueId"],
    rules: { jurisdiction, "rules.*.actions": { same: sameUnordered } },
    headers: jurisdictionHeader,
  },
  {
    name: "Queue",
    create: "POST /accounts/{accountId}/queues",
    read: "GET /accounts/{accountId}/queues/{queueId}",
    update: "PUT /accounts/{accountId}/queues/{queueId}",
    delete: "DELETE /accounts/{accountId}/queues/{queueId}",
    id: "queueId",
    importId: "accountId/queueId",
    replace: ["accountId"],
    recomputed: ["modifiedOn"],
    rules: { jurisdiction: { local: true, kept: true } },
  },
];
