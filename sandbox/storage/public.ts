import { escapeHtml } from "../edge/error-pages";
import type { Exchange, Reply } from "../edge/exchange";
import { headerText } from "../edge/exchange";
import type { Step } from "../edge/pipeline";
import type { StorageAccount, StorageBucket } from "./account";
import type { StoredObject } from "./bucket-files";
import type { Buckets } from "./buckets";
import { quoted } from "./call";
import { readCondition } from "./conditions";
import { answerCors, preflight } from "./cors";
import { wantedRange } from "./operations/objects";

/** The edge's hook `buckets`: everybody reads objects at a bucket's custom or r2.dev domain, where that is open. */
export function publicStep(account: StorageAccount, buckets: Buckets): Step {
  return (exchange) => {
    const domain = account.domain(exchange.host);
    if (domain === undefined) return undefined;
    const reply = domain.enabled
      ? answerPublic(exchange, account, domain.bucket, buckets)
      : page(401, "This bucket cannot be viewed", "The owner has not opened this address.");
    return { kind: "reply", reply };
  };
}

function answerPublic(
  exchange: Exchange,
  account: StorageAccount,
  bucket: StorageBucket,
  buckets: Buckets,
): Reply {
  const { method } = exchange;
  const headers = textHeaders(exchange);
  const rules = account.cors(bucket);
  if (method === "OPTIONS") {
    const allowed = preflight(rules, headers);
    if (allowed !== undefined) return { status: 204, headers: allowed };
    return page(403, "Forbidden", "No CORS rule of this bucket fits the origin, the method and the headers.");
  }
  if (method !== "GET" && method !== "HEAD") {
    const refused = page(405, "Method Not Allowed", "Objects are only read here.");
    return { ...refused, headers: { ...refused.headers, allow: "GET, HEAD, OPTIONS" } };
  }
  const key = keyOf(exchange.path);
  const files = buckets.of(bucket);
  const object = key === undefined ? undefined : files.get(key);
  const cors = answerCors(rules, headers["origin"], method);
  if (object === undefined) {
    const missing = page(
      404,
      "Object not found",
      "This object does not exist or is not publicly accessible at this URL.",
    );
    return { ...missing, headers: { ...missing.headers, ...cors } };
  }
  const all: Record<string, string | number> = { ...publicHeaders(object), ...cors };
  const condition = readCondition(headers, object);
  if (condition === "failed") return { status: 412, headers: { ...cors, "content-length": 0 } };
  if (condition === "not-modified") return { status: 304, headers: all };
  const range = wantedRange(headers, object);
  if (range === "unsatisfiable") {
    return {
      status: 416,
      headers: { ...cors, "content-range": `bytes */${object.size}`, "content-length": 0 },
    };
  }
  if (range === undefined) {
    return {
      status: 200,
      headers: { ...all, "content-length": object.size },
      ...body(() => files.read(object)),
    };
  }
  return {
    status: 206,
    headers: {
      ...all,
      "content-length": range.end - range.start + 1,
      "content-range": `bytes ${range.start}-${range.end}/${object.size}`,
    },
    ...body(() => files.read(object, range)),
  };

  function body(read: () => NonNullable<Reply["body"]>): Pick<Reply, "body"> {
    return method === "HEAD" ? {} : { body: read() };
  }
}

/** What a visitor is told of an object: nothing of what its owner noted for himself. */
function publicHeaders({ standard, etag, modified }: StoredObject): Record<string, string> {
  return {
    "content-type": "application/octet-stream",
    ...standard,
    etag: quoted(etag),
    "last-modified": new Date(modified).toUTCString(),
    "accept-ranges": "bytes",
  };
}

function keyOf(path: string): string | undefined {
  try {
    return decodeURIComponent(path.slice(1));
  } catch {
    return undefined;
  }
}

function textHeaders({ headers }: Exchange): Record<string, string | undefined> {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, headerText(value)]));
}

function page(status: number, title: string, detail: string): Reply {
  const body = `<!DOCTYPE html>
<html lang="en">
<head><meta charset="utf-8"><title>${status}: ${escapeHtml(title)}</title></head>
<body><h1>${escapeHtml(title)}</h1><p>${escapeHtml(detail)}</p></body>
</html>
`;
  return {
    status,
    headers: {
      "content-type": "text/html; charset=utf-8",
      "content-length": Buffer.byteLength(body),
      "cache-control": "no-store",
    },
    body,
  };
}
