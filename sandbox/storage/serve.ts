import type { IncomingHttpHeaders } from "node:http";
import type { Readable, Writable } from "node:stream";
import { pipeline } from "node:stream/promises";
import type { Log } from "../../common/log";
import type { ClientRequest } from "../edge/exchange";
import { authorityOf, headerText, hostOf } from "../edge/exchange";
import type { ClientResponse } from "../edge/respond";
import { jurisdictions, type StorageAccount, type StorageBucket } from "./account";
import { storageHost } from "./address";
import type { Buckets } from "./buckets";
import type { BucketCall, Operation, S3Answer, S3Call } from "./call";
import { answerCors, preflight } from "./cors";
import { refusals, S3Error } from "./errors";
import { listBuckets } from "./operations/buckets";
import { bucketOperation, objectOperation } from "./route";
import { decodedPath, readSignature, type SignedRequest, verifySignature } from "./signature";
import { xmlDocument } from "./xml";

/** What serving needs. */
export interface StorageServices {
  readonly account: StorageAccount;
  readonly buckets: Buckets;
  readonly now: () => Date;
  readonly log: Log;
}

interface Parsed extends SignedRequest {
  readonly host: string;
  readonly bucket: string | undefined;
  readonly key: string;
  /** Undefined where any will do. */
  readonly jurisdiction: string | undefined;
}

/** Answers one request of the S3 protocol. Never rejects. */
export async function serveStorage(
  services: StorageServices,
  request: ClientRequest,
  response: ClientResponse,
): Promise<void> {
  request.on("error", () => undefined);
  response.on("error", () => undefined);
  const allowed: Record<string, string> = {};
  let answer: S3Answer;
  try {
    answer = await answerRequest(services, request, allowed);
  } catch (error) {
    answer = refusal(error, services.log);
  }
  const head = { ...answer.headers, ...allowed };
  services.log(`s3: ${request.method ?? ""} ${(request.url ?? "").replace(/\?.*$/s, "")} ${answer.status}`);
  try {
    await sendAnswer(request.method === "HEAD", response, { ...answer, headers: head });
  } catch {
    // Nobody is to take a part for the whole.
    response.destroy();
  }
  request.resume();
}

async function answerRequest(
  services: StorageServices,
  request: ClientRequest,
  allowed: Record<string, string>,
): Promise<S3Answer> {
  const { account, buckets } = services;
  const now = services.now();
  const parsed = parse(request, account.accountId);
  const findBucket = (name: string): StorageBucket | undefined =>
    (parsed.jurisdiction === undefined ? jurisdictions : [parsed.jurisdiction])
      .map((jurisdiction) => account.bucket(name, jurisdiction))
      .find((bucket) => bucket !== undefined);
  const bucket = parsed.bucket === undefined ? undefined : findBucket(parsed.bucket);
  if (parsed.method === "OPTIONS") return answerPreflight(account, bucket, parsed.headers);

  const signature = readSignature(parsed, now);
  const key = account.key(signature.accessKeyId, request.socket.remoteAddress ?? "");
  if (key === undefined) throw refusals.unauthorized();
  const signing = verifySignature(parsed, signature, key.secret);
  const query = new Map(parsed.query);
  const headers = signature.presigned ? withHoisted(parsed.headers, query) : parsed.headers;
  const call: S3Call = {
    account,
    key,
    method: parsed.method,
    query,
    headers,
    payload: { body: request as AsyncIterable<Buffer>, headers, signature, signing },
    jurisdiction: bucket?.jurisdiction ?? parsed.jurisdiction ?? "default",
    findBucket,
    files: (found) => buckets.of(found),
    now,
  };
  if (parsed.bucket === undefined) return answerAccount(call);
  if (bucket !== undefined)
    Object.assign(allowed, answerCors(account.cors(bucket), headers["origin"], parsed.method));
  return answerBucket(call, parsed.bucket, bucket, parsed.key);
}

function answerAccount(call: S3Call): S3Answer {
  if (call.method !== "GET") throw refusals.notAllowed();
  if (!call.key.may("list-buckets")) throw refusals.accessDenied();
  return listBuckets(call);
}

async function answerBucket(
  call: S3Call,
  name: string,
  bucket: StorageBucket | undefined,
  objectKey: string,
): Promise<S3Answer> {
  // Buckets are made and deleted by whoever describes the environment, so that it stays what is described.
  if (objectKey === "" && (call.method === "PUT" || call.method === "DELETE") && call.query.size === 0) {
    if (!call.key.may("change-buckets")) throw refusals.accessDenied();
    throw refusals.notImplemented("Making and deleting buckets by the S3 interface is");
  }
  const operation: Operation = objectKey === "" ? bucketOperation(call) : objectOperation(call);
  if (!call.key.may(operation.action, bucket ?? { name, jurisdiction: call.jurisdiction }))
    throw refusals.accessDenied();
  if (bucket === undefined) throw refusals.noSuchBucket();
  const bucketCall: BucketCall = { ...call, bucket, objects: call.files(bucket), objectKey };
  return operation.run(bucketCall);
}

function answerPreflight(
  account: StorageAccount,
  bucket: StorageBucket | undefined,
  headers: Parsed["headers"],
): S3Answer {
  const allowed = bucket === undefined ? undefined : preflight(account.cors(bucket), headers);
  if (allowed !== undefined) return { status: 204, headers: allowed };
  throw refusals.accessDenied(
    "CORS is not enabled for this bucket, or not for this origin, method or header",
  );
}

/** @throws S3Error InvalidURI, or Unauthorized for another account's host */
function parse(request: ClientRequest, accountId: string): Parsed {
  const headers = flatHeaders(request.headers);
  const host = hostOf(headers["host"] ?? "") ?? "";
  const place = storageHost(host, accountId);
  if (place === undefined) throw refusals.unauthorized();
  const target = request.url ?? "/";
  const mark = target.indexOf("?");
  const path = mark < 0 ? target : target.slice(0, mark);
  const query = mark < 0 ? [] : parseQuery(target.slice(mark + 1));
  const decoded = decodedPath(path).slice(1);
  const slash = decoded.indexOf("/");
  const [first, rest] = slash < 0 ? [decoded, ""] : [decoded.slice(0, slash), decoded.slice(slash + 1)];
  return {
    method: request.method ?? "GET",
    path,
    query,
    headers,
    host,
    jurisdiction: place.jurisdiction,
    ...(place.bucket === undefined
      ? { bucket: first === "" ? undefined : first, key: rest }
      : { bucket: place.bucket, key: decoded }),
  };
}

function parseQuery(text: string): (readonly [string, string])[] {
  return text
    .split("&")
    .filter((pair) => pair !== "")
    .map((pair) => {
      const at = pair.indexOf("=");
      return at < 0
        ? [decodedPath(pair), ""]
        : [decodedPath(pair.slice(0, at)), decodedPath(pair.slice(at + 1))];
    });
}

function flatHeaders(headers: IncomingHttpHeaders): Record<string, string> {
  const flat: Record<string, string> = {};
  for (const [name, value] of Object.entries(headers)) {
    const text = headerText(value);
    if (text !== undefined && !name.startsWith(":")) flat[name] = text;
  }
  flat["host"] = authorityOf({ headers });
  return flat;
}

/** Whoever signs an address may put headers of the request into its query. */
function withHoisted(
  headers: Readonly<Record<string, string>>,
  query: ReadonlyMap<string, string>,
): Record<string, string> {
  const hoisted = [...query]
    .map(([name, value]) => [name.toLowerCase(), value] as const)
    .filter(([name]) => name.startsWith("x-amz-") && !signatureFields.includes(name));
  return { ...Object.fromEntries(hoisted), ...headers };
}

const signatureFields = [
  "x-amz-algorithm",
  "x-amz-content-sha256",
  "x-amz-credential",
  "x-amz-date",
  "x-amz-expires",
  "x-amz-signature",
  "x-amz-signedheaders",
];

function refusal(error: unknown, log: Log): S3Answer {
  if (!(error instanceof S3Error)) log(`s3: ${error instanceof Error ? (error.stack ?? "") : String(error)}`);
  const { status, code, message, headers } =
    error instanceof S3Error
      ? error
      : new S3Error(500, "InternalError", "We encountered an internal error. Please try again.");
  return {
    status,
    headers: { "content-type": "application/xml", ...headers },
    body: xmlDocument("Error", { Code: code, Message: message }),
  };
}

async function sendAnswer(isHead: boolean, response: ClientResponse, answer: S3Answer): Promise<void> {
  const { status, body } = answer;
  const headers: Record<string, string | number> = { ...answer.headers, server: "cloudflare" };
  if (typeof body === "string") headers["content-length"] ??= Buffer.byteLength(body);
  const empty = isHead || status === 204 || status === 304;
  if (body === undefined && !empty) headers["content-length"] ??= 0;
  if (response.destroyed || response.writableEnded) return discard(body);
  // One signature each: the union of both cannot be called.
  if ("stream" in response) response.writeHead(status, headers);
  else response.writeHead(status, headers);
  if (empty || body === undefined) {
    discard(body);
    response.end();
    return;
  }
  if (typeof body === "string") {
    response.end(body);
    return;
  }
  // The compatibility response of HTTP/2 is no real stream; the one below it is.
  await pipeline(body, ("stream" in response ? response.stream : response) as Writable);
}

function discard(body: string | Readable | undefined): void {
  if (typeof body === "object") body.destroy();
}
