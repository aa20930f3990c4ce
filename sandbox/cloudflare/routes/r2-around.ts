import { z } from "zod";
import type { Call, Route, Services } from "../call";
import { objectOf } from "../crud";
import { type Answer, refuse } from "../envelope";
import { hexId, stableId, uuid } from "../ids";
import type { BucketDomainRow, BucketRow, Json } from "../model";
import type { Store } from "../store";
import { parse } from "../validate";
import { bucketKey, bucketOf, bucketPath, r2Errors, r2Needs as needs } from "./r2-buckets";
import { isHostname, owningZone } from "./zones";

/** CORS, lifecycle, locks: one document each, replaced as a whole. */
const corsSchema = z.strictObject({
  rules: z
    .array(
      z.strictObject({
        id: z.string().optional(),
        allowed: z.strictObject({
          methods: z.array(z.enum(["GET", "PUT", "POST", "DELETE", "HEAD"])).min(1),
          origins: z.array(z.string()).min(1),
          headers: z.array(z.string()).optional(),
        }),
        exposeHeaders: z.array(z.string()).optional(),
        maxAgeSeconds: z.int().min(0).max(86_400).optional(),
      }),
    )
    .max(100),
});
const age = z.strictObject({ type: z.literal("Age"), maxAge: z.int().min(0) });
const ageOrDate = z.union([age, z.strictObject({ type: z.literal("Date"), date: z.string() })]);
const lifecycleSchema = z.strictObject({
  rules: z
    .array(
      z.strictObject({
        id: z.string().min(1),
        enabled: z.boolean(),
        conditions: z.strictObject({ prefix: z.string() }),
        deleteObjectsTransition: z.strictObject({ condition: ageOrDate }).optional(),
        abortMultipartUploadsTransition: z.strictObject({ condition: age }).optional(),
        storageClassTransitions: z
          .array(z.strictObject({ condition: ageOrDate, storageClass: z.literal("InfrequentAccess") }))
          .optional(),
      }),
    )
    .max(1000),
});
const lockSchema = z.strictObject({
  rules: z
    .array(
      z.strictObject({
        id: z.string().min(1),
        enabled: z.boolean(),
        prefix: z.string().optional(),
        condition: z.union([
          z.strictObject({ type: z.literal("Age"), maxAgeSeconds: z.int().min(1) }),
          z.strictObject({ type: z.literal("Date"), date: z.string() }),
          z.strictObject({ type: z.literal("Indefinite") }),
        ]),
      }),
    )
    .max(1000),
});

const untouchedLifecycle: Json = {
  rules: [
    {
      id: "Default Multipart Abort Rule",
      enabled: true,
      conditions: { prefix: "" },
      abortMultipartUploadsTransition: { condition: { type: "Age", maxAge: 604_800 } },
    },
  ],
};

function document(name: string, schema: z.ZodType, initial: Json | undefined): Route[] {
  const path = `${bucketPath}/${name}`;
  const keyOf = (call: Call): { key: string; owner: string } => {
    const owner = `r2/${bucketKey(bucketOf(call))}`;
    return { key: `r2-${name}/${owner}`, owner };
  };
  return [
    {
      method: "GET",
      path,
      needs,
      handle: (call) => {
        const body = call.store.get("documents", keyOf(call).key)?.body ?? initial;
        if (body === undefined) throw refuse(404, 10059, "The CORS configuration does not exist.");
        return { result: body };
      },
    },
    {
      method: "PUT",
      path,
      needs,
      handle: (call) => {
        const { key, owner } = keyOf(call);
        const body = parse(schema, call.body ?? {}, r2Errors) as { rules: { id?: string }[] };
        const ids = body.rules.flatMap(({ id }) => (id === undefined ? [] : [id]));
        if (new Set(ids).size < ids.length)
          throw refuse(400, 10040, "The JSON you provided was not well formed: ids of rules must be unique");
        call.store.put("documents", key, { owner, body, modifiedOn: call.time });
        return { result: {} };
      },
    },
    {
      method: "DELETE",
      path,
      needs,
      handle: (call) => {
        call.store.delete("documents", keyOf(call).key);
        return { result: {} };
      },
    },
  ];
}

/** @throws ApiError 10040 for origins that a browser never sends. */
const corsWithOrigins = corsSchema.superRefine(({ rules }, context) => {
  for (const [index, { allowed }] of rules.entries()) {
    for (const origin of allowed.origins) {
      if (origin === "*" || /^[a-z][a-z0-9+.-]*:\/\/[^/\s]+$/i.test(origin)) continue;
      context.addIssue({
        code: "custom",
        path: ["rules", index, "allowed", "origins"],
        message: `not an origin (scheme://host without a path): ${origin}`,
      });
    }
  }
});

const customPath = `${bucketPath}/domains/custom`;
const oneCustom = `${customPath}/{domain}`;
const tls = z.enum(["1.0", "1.1", "1.2", "1.3"]);
const createDomain = z.object({
  domain: z.string(),
  zoneId: z.string(),
  enabled: z.boolean(),
  minTLS: tls.optional(),
  ciphers: z.array(z.string()).optional(),
});
const changeDomain = z.object({
  enabled: z.boolean().optional(),
  minTLS: tls.optional(),
  ciphers: z.array(z.string()).optional(),
});

const domains: Route[] = [
  { method: "POST", path: customPath, needs, handle: addDomain },
  {
    method: "GET",
    path: customPath,
    needs,
    handle: (call) => {
      const key = bucketKey(bucketOf(call));
      const rows = call.store.list(
        "bucketDomains",
        (row) => bucketKey({ name: row.bucket, jurisdiction: row.jurisdiction }) === key,
      );
      return { result: { domains: rows.map((row) => domainBody(call, row)) } };
    },
  },
  { method: "GET", path: oneCustom, needs, handle: (call) => ({ result: domainBody(call, domainOf(call)) }) },
  { method: "PUT", path: oneCustom, needs, handle: changeDomainOf },
  { method: "DELETE", path: oneCustom, needs, handle: removeDomain },
];

function domainOf(call: Call): BucketDomainRow {
  const bucket = bucketOf(call);
  const row = call.store.get("bucketDomains", call.params["domain"]!.toLowerCase());
  if (row === undefined || row.bucket !== bucket.name || row.jurisdiction !== bucket.jurisdiction) {
    throw refuse(404, 10062, "The custom domain does not exist for this bucket.");
  }
  return row;
}

function addDomain(call: Call): Answer {
  const { store } = call;
  const bucket = bucketOf(call);
  const body = parse(createDomain, call.body ?? {}, r2Errors);
  const domain = body.domain.toLowerCase();
  const zone = store.get("zones", body.zoneId);
  if (zone === undefined) throw refuse(404, 10063, "The specified zone does not exist on this account.");
  if (!isHostname(domain) || owningZone(store, domain)?.id !== zone.id) {
    throw refuse(400, 10064, `The domain ${domain} does not belong to the zone ${zone.name}.`);
  }
  if (store.get("bucketDomains", domain) !== undefined)
    throw refuse(409, 10065, "The custom domain is already in use.");
  if (
    store.find(
      "dns",
      (row) => row.zoneId === zone.id && row.name === domain && ["A", "AAAA", "CNAME"].includes(row.type),
    ) !== undefined
  ) {
    throw refuse(409, 10066, `A DNS record for ${domain} already exists in the zone.`);
  }
  const recordId = hexId();
  store.put("dns", recordId, {
    id: recordId,
    zoneId: zone.id,
    name: domain,
    type: "CNAME",
    content: "public.r2.dev",
    ttl: 1,
    proxied: true,
    comment: null,
    tags: [],
    settings: { flatten_cname: false },
    ownedBy: `R2 bucket ${bucket.name}`,
    createdOn: call.time,
    modifiedOn: call.time,
  });
  const row: BucketDomainRow = {
    bucket: bucket.name,
    jurisdiction: bucket.jurisdiction,
    domain,
    zoneId: zone.id,
    enabled: body.enabled,
    minTLS: body.minTLS,
    ciphers: body.ciphers,
    recordId,
    createdOn: call.time,
  };
  store.put("bucketDomains", domain, row);
  return { result: { ...domainBody(call, row), status: { ownership: "pending", ssl: "initializing" } } };
}

function changeDomainOf(call: Call): Answer {
  const before = domainOf(call);
  const body = parse(changeDomain, call.body ?? {}, r2Errors);
  const row = call.store.put("bucketDomains", before.domain, { ...before, ...body });
  return {
    result: {
      domain: row.domain,
      enabled: row.enabled,
      minTLS: row.minTLS ?? "1.0",
      ...(row.ciphers === undefined ? {} : { ciphers: row.ciphers }),
    },
  };
}

function removeDomain(call: Call): Answer {
  const row = domainOf(call);
  call.store.delete("dns", row.recordId);
  call.store.delete("bucketDomains", row.domain);
  return { result: { domain: row.domain } };
}

function domainBody({ store }: Call, row: BucketDomainRow): object {
  return {
    domain: row.domain,
    enabled: row.enabled,
    zoneId: row.zoneId,
    zoneName: store.get("zones", row.zoneId)?.name ?? "",
    minTLS: row.minTLS ?? "1.0",
    ...(row.ciphers === undefined ? {} : { ciphers: row.ciphers }),
    status: { ownership: "active", ssl: "active" },
  };
}

const managedPath = `${bucketPath}/domains/managed`;
const managed: Route[] = [
  { method: "GET", path: managedPath, needs, handle: (call) => ({ result: managedBody(call) }) },
  {
    method: "PUT",
    path: managedPath,
    needs,
    handle: (call) => {
      const owner = `r2/${bucketKey(bucketOf(call))}`;
      const body = parse(z.object({ enabled: z.boolean() }), call.body ?? {}, r2Errors);
      call.store.put("documents", `r2-managed/${owner}`, { owner, body, modifiedOn: call.time });
      return { result: managedBody(call) };
    },
  },
];

function managedBody(call: Call): object {
  return managedDomainOf(call, bucketOf(call));
}

/** A bucket's address below r2.dev, and whether it is open. */
export function managedDomainOf(
  { store, account }: Services,
  bucket: BucketRow,
): { bucketId: string; domain: string; enabled: boolean } {
  const bucketId = stableId(`${account.id} ${bucketKey(bucket)} ${bucket.creationDate}`);
  const enabled = store.get("documents", `r2-managed/r2/${bucketKey(bucket)}`)?.body["enabled"] === true;
  return { bucketId, domain: `pub-${bucketId}.r2.dev`, enabled };
}

/** What happens to a bucket's old objects and uploads: its rules, or R2's own where nothing was said. */
export function lifecycleRulesOf(store: Store, bucket: BucketRow): readonly unknown[] {
  const said = store.get("documents", `r2-lifecycle/r2/${bucketKey(bucket)}`)?.body ?? untouchedLifecycle;
  return said["rules"] as readonly unknown[];
}

const eventsPath = "/accounts/{account_id}/event_notifications/r2/{bucket_name}/configuration";
const queuePath = `${eventsPath}/queues/{queue_id}`;
const actions = [
  "PutObject",
  "CopyObject",
  "DeleteObject",
  "CompleteMultipartUpload",
  "LifecycleDeletion",
] as const;
const eventsSchema = z.strictObject({
  rules: z
    .array(
      z.strictObject({
        actions: z.array(z.enum(actions)).min(1),
        prefix: z.string().optional(),
        suffix: z.string().optional(),
        description: z.string().optional(),
      }),
    )
    .min(1),
});
type EventRule = z.output<typeof eventsSchema>["rules"][number] & { ruleId: string; createdAt: string };

const events: Route[] = [
  {
    method: "GET",
    path: eventsPath,
    needs,
    handle: (call) => ({
      result: { bucketName: bucketOf(call).name, queues: eventQueues(call).map(({ body }) => body) },
    }),
  },
  {
    method: "GET",
    path: queuePath,
    needs,
    handle: (call) => {
      const found = eventQueues(call).find(({ body }) => body["queueId"] === call.params["queue_id"]);
      if (found === undefined)
        throw refuse(404, 11015, "No event notification configuration for this queue.");
      return { result: found.body };
    },
  },
  { method: "PUT", path: queuePath, needs, handle: setEvents },
  {
    method: "DELETE",
    path: queuePath,
    needs,
    handle: (call) => {
      bucketOf(call);
      call.store.delete("documents", eventsKey(call));
      return { result: {} };
    },
  },
];

function eventsKey(call: Call): string {
  return `r2-events/${bucketKey(bucketOf(call))}/${call.params["queue_id"]!}`;
}

function eventQueues(call: Call): { body: Json }[] {
  const owner = `r2/${bucketKey(bucketOf(call))}`;
  return call.store.list("documents", (row) => row.owner === owner && "queueId" in row.body);
}

function setEvents(call: Call): Answer {
  const queueId = call.params["queue_id"]!;
  const queue = objectOf(call.store, "queue", queueId);
  if (queue === undefined) throw refuse(404, 11000, "Queue not found");
  const { rules } = parse(eventsSchema, call.body ?? {}, r2Errors);
  const key = eventsKey(call);
  const before = (call.store.get("documents", key)?.body["rules"] ?? []) as EventRule[];
  const added = rules.map((rule) => ({ ...rule, ruleId: uuid(), createdAt: call.time }));
  const all = [...before, ...added];
  const elsewhere = eventQueues(call)
    .filter(({ body }) => body["queueId"] !== queueId)
    .flatMap(({ body }) => body["rules"] as EventRule[]);
  checkOverlap([...elsewhere, ...all]);
  const owner = `r2/${bucketKey(bucketOf(call))}`;
  call.store.put("documents", key, {
    owner,
    body: { queueId, queueName: String(queue.body["queue_name"]), rules: all },
    modifiedOn: call.time,
  });
  return { result: {} };
}

/** @throws ApiError 11020 where one object's event would match two rules. */
function checkOverlap(rules: readonly EventRule[]): void {
  const starts = (left = "", right = ""): boolean => left.startsWith(right) || right.startsWith(left);
  const ends = (left = "", right = ""): boolean => left.endsWith(right) || right.endsWith(left);
  for (const [index, one] of rules.entries()) {
    for (const other of rules.slice(index + 1)) {
      if (
        one.actions.some((action) => other.actions.includes(action)) &&
        starts(one.prefix, other.prefix) &&
        ends(one.suffix, other.suffix)
      ) {
        throw refuse(
          409,
          11020,
          "Notification rules on this bucket overlap: an event would match two of them.",
        );
      }
    }
  }
}

export const r2AroundRoutes: readonly Route[] = [
  ...document("cors", corsWithOrigins, undefined),
  ...document("lifecycle", lifecycleSchema, untouchedLifecycle),
  ...document("lock", lockSchema, { rules: [] }),
  ...domains,
  ...managed,
  ...events,
];
