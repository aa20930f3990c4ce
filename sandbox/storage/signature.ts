import { createHash, createHmac, timingSafeEqual } from "node:crypto";
import { refusals } from "./errors";

const algorithm = "AWS4-HMAC-SHA256";
const emptyHash = createHash("sha256").digest("hex");
/** Clocks may differ so much, in milliseconds. */
const allowedSkew = 15 * 60_000;
const regions = ["auto", "us-east-1", "wnam", "enam", "weur", "eeur", "apac", "oc", ""];

/** A request as its signature sees it. */
export interface SignedRequest {
  readonly method: string;
  /** As received: percent-encoded, without the query. */
  readonly path: string;
  /** Names and values, decoded, in the order received. */
  readonly query: readonly (readonly [string, string])[];
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
}

/** A signature with what it says of itself; nothing of it is verified yet. */
export interface Signature {
  readonly accessKeyId: string;
  readonly signature: string;
  readonly signedHeaders: readonly string[];
  /** `20260102T030405Z` */
  readonly time: string;
  /** `20260102/auto/s3/aws4_request` */
  readonly scope: string;
  readonly presigned: boolean;
  /** How the body is signed: its SHA-256, `UNSIGNED-PAYLOAD`, `STREAMING-…`. */
  readonly payload: string;
}

/** What signatures of a body's chunks follow on. */
export interface ChunkSigning {
  readonly key: Buffer;
  readonly time: string;
  readonly scope: string;
  readonly seed: string;
}

/**
 * Reads the signature of a request from its `Authorization` header or its query.
 *
 * @throws S3Error where there is none, it is malformed, or its time is over or too far off
 */
export function readSignature(request: SignedRequest, now: Date): Signature {
  const query = new Map(request.query);
  const found = query.has("X-Amz-Algorithm")
    ? fromQuery(query, request.headers)
    : fromHeader(request.headers);
  const [date, region, service, terminator, ...rest] = found.scope.split("/");
  if (service !== "s3" || terminator !== "aws4_request" || rest.length > 0)
    throw refusals.invalidArgument("Credential scope is not that of an S3 request");
  if (!regions.includes(region ?? "-")) throw refusals.invalidRegion();
  const at = momentOf(found.time);
  if (at === undefined || !found.time.startsWith(`${date ?? "-"}T`))
    throw refusals.invalidArgument("The date of the signature is not that of the request");
  if (found.presigned) checkExpiry(query.get("X-Amz-Expires"), at, now);
  else if (Math.abs(now.getTime() - at) > allowedSkew) throw refusals.skewed();
  if (!found.signedHeaders.includes("host")) throw refusals.accessDenied("The host header must be signed");
  const unsigned = Object.keys(request.headers).filter(
    (name) => name.startsWith("x-amz-") && !found.signedHeaders.includes(name),
  );
  // The hash of a presigned request's body may come along without a signature of its own.
  if (unsigned.some((name) => !(found.presigned && name === "x-amz-content-sha256"))) {
    throw refusals.accessDenied(
      `There were headers present in the request which were not signed: ${unsigned.join(", ")}`,
    );
  }
  return found;
}

function fromHeader(headers: SignedRequest["headers"]): Signature {
  const { authorization } = headers;
  if (authorization === undefined) throw refusals.unauthorized();
  const [, name, fields = ""] = /^(\S+)\s+(.*)$/s.exec(authorization) ?? [];
  if (name !== algorithm) throw refusals.invalidArgument("Unsupported authorization type");
  const parts = new Map(
    fields.split(",").map((field): [string, string] => {
      const at = field.indexOf("=");
      return [field.slice(0, at).trim(), field.slice(at + 1).trim()];
    }),
  );
  const payload = headers["x-amz-content-sha256"];
  if (payload === undefined)
    throw refusals.invalidRequest("Missing required header for this request: x-amz-content-sha256");
  return {
    ...credentialOf(parts.get("Credential")),
    signature: parts.get("Signature") ?? "",
    signedHeaders: (parts.get("SignedHeaders") ?? "").split(";"),
    time: headers["x-amz-date"] ?? compactTime(headers["date"]),
    presigned: false,
    payload,
  };
}

function fromQuery(query: ReadonlyMap<string, string>, headers: SignedRequest["headers"]): Signature {
  if (query.get("X-Amz-Algorithm") !== algorithm)
    throw refusals.invalidArgument("X-Amz-Algorithm only supports AWS4-HMAC-SHA256");
  return {
    ...credentialOf(query.get("X-Amz-Credential")),
    signature: query.get("X-Amz-Signature") ?? "",
    signedHeaders: (query.get("X-Amz-SignedHeaders") ?? "").split(";"),
    time: query.get("X-Amz-Date") ?? "",
    presigned: true,
    payload: query.get("X-Amz-Content-Sha256") ?? headers["x-amz-content-sha256"] ?? "UNSIGNED-PAYLOAD",
  };
}

function credentialOf(text: string | undefined): Pick<Signature, "accessKeyId" | "scope"> {
  const at = text?.indexOf("/") ?? -1;
  if (text === undefined || at < 1) throw refusals.invalidArgument("Credential is missing or malformed");
  return { accessKeyId: text.slice(0, at), scope: text.slice(at + 1) };
}

function checkExpiry(expires: string | undefined, signedAt: number, now: Date): void {
  const seconds = Number(expires);
  if (!/^\d+$/.test(expires ?? "") || seconds < 1 || seconds > 604_800) {
    throw refusals.invalidArgument(
      "X-Amz-Expires must be between 1 second and a week, that is 604800 seconds",
    );
  }
  if (now.getTime() > signedAt + seconds * 1000) throw refusals.expired();
  if (signedAt - now.getTime() > allowedSkew) throw refusals.accessDenied("Request is not yet valid");
}

function momentOf(time: string): number | undefined {
  const found = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(time);
  if (found === null) return undefined;
  const [, year, month, day, hour, minute, second] = found;
  const at = Date.parse(`${year!}-${month!}-${day!}T${hour!}:${minute!}:${second!}Z`);
  return Number.isNaN(at) ? undefined : at;
}

function compactTime(date: string | undefined): string {
  const at = date === undefined ? NaN : Date.parse(date);
  return Number.isNaN(at) ? "" : `${new Date(at).toISOString().replace(/[-:]|\.\d+/g, "")}`;
}

/**
 * Verifies the signature with the key's secret.
 *
 * @returns what signatures of the body's chunks follow on
 * @throws S3Error SignatureDoesNotMatch
 */
export function verifySignature(request: SignedRequest, signature: Signature, secret: string): ChunkSigning {
  const { scope, time } = signature;
  const [date = "", region = "", service = ""] = scope.split("/");
  const key = [date, region, service, "aws4_request"].reduce<Buffer>(
    (previous, part) => hmac(previous, part),
    Buffer.from(`AWS4${secret}`),
  );
  const canonical = canonicalRequest(request, signature);
  const seed = hmac(key, [algorithm, time, scope, sha256(canonical)].join("\n")).toString("hex");
  if (!same(seed, signature.signature)) throw refusals.signature();
  return { key, time, scope, seed };
}

/** What is signed of a request. */
export function canonicalRequest(request: SignedRequest, { signedHeaders, payload }: Signature): string {
  const query = request.query
    .filter(([name]) => name !== "X-Amz-Signature")
    .map(([name, value]) => [encode(name), encode(value)] as const)
    .sort(([leftName, left], [rightName, right]) => order(leftName, rightName) || order(left, right))
    .map(([name, value]) => `${name}=${value}`)
    .join("&");
  const headers = signedHeaders.map(
    (name) => `${name}:${(request.headers[name] ?? "").trim().replace(/\s+/g, " ")}\n`,
  );
  return [
    request.method,
    decodedPath(request.path).split("/").map(encode).join("/"),
    query,
    headers.join(""),
    signedHeaders.join(";"),
    payload,
  ].join("\n");
}

/** @throws S3Error InvalidURI */
export function decodedPath(path: string): string {
  try {
    return decodeURIComponent(path);
  } catch {
    throw refusals.invalidUri();
  }
}

/** The signature of the next chunk of a body. */
export function chunkSignature(signing: ChunkSigning, previous: string, contentHash: string): string {
  return hmac(
    signing.key,
    [`${algorithm}-PAYLOAD`, signing.time, signing.scope, previous, emptyHash, contentHash].join("\n"),
  ).toString("hex");
}

/** The signature of what follows the last chunk: lines `name:value`, each with its line feed. */
export function trailerSignature(signing: ChunkSigning, previous: string, lines: string): string {
  return hmac(
    signing.key,
    [`${algorithm}-TRAILER`, signing.time, signing.scope, previous, sha256(lines)].join("\n"),
  ).toString("hex");
}

/** Compares without telling by time where two texts differ. */
export function same(left: string, right: string): boolean {
  const [one, other] = [Buffer.from(left), Buffer.from(right)];
  return one.length === other.length && timingSafeEqual(one, other);
}

function encode(text: string): string {
  return encodeURIComponent(text).replace(
    /[!'()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}

function order(left: string, right: string): number {
  return left < right ? -1 : left > right ? 1 : 0;
}

function hmac(key: Buffer, text: string): Buffer {
  return createHmac("sha256", key).update(text).digest();
}

function sha256(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}
