import type { Readable } from "node:stream";
import type { StorageAccount, StorageAction, StorageBucket, StorageKey } from "./account";
import type { BucketFiles, ObjectHeaders } from "./bucket-files";
import { refusals } from "./errors";
import type { PayloadSource } from "./payload";

/** One request that is signed well, as operations see it. */
export interface S3Call {
  readonly account: StorageAccount;
  readonly key: StorageKey;
  readonly method: string;
  readonly query: ReadonlyMap<string, string>;
  /** Names in lower case; of a presigned request also those in its query. */
  readonly headers: Readonly<Record<string, string>>;
  readonly payload: PayloadSource;
  readonly jurisdiction: string;
  /** Where a bucket lies; undefined where no jurisdiction was named and any will do. */
  findBucket(name: string): StorageBucket | undefined;
  files(bucket: StorageBucket): BucketFiles;
  readonly now: Date;
}

/** A call about a bucket that is there, by somebody who may. */
export interface BucketCall extends S3Call {
  readonly bucket: StorageBucket;
  readonly objects: BucketFiles;
  /** Key of the object; empty for calls about the bucket itself. */
  readonly objectKey: string;
}

export interface S3Answer {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string | number>>;
  readonly body?: string | Readable;
}

/** An operation of S3, and what its key must allow. */
export interface Operation {
  readonly action: StorageAction;
  run(call: BucketCall): S3Answer | Promise<S3Answer>;
}

export function xmlAnswer(body: string, headers: S3Answer["headers"] = {}): S3Answer {
  return { status: 200, headers: { "content-type": "application/xml", ...headers }, body };
}

/** Headers that are kept with an object and given back with it. */
export const standardHeaders = [
  "content-type",
  "cache-control",
  "content-disposition",
  "content-encoding",
  "content-language",
  "expires",
] as const;
const customPrefix = "x-amz-meta-";
const mostCustomBytes = 8192;

/** What a request says of the object it makes. @throws S3Error MetadataTooLarge */
export function objectHeaders(headers: Readonly<Record<string, string>>): ObjectHeaders {
  const standard: Record<string, string> = {};
  for (const name of standardHeaders) {
    const value = name === "content-encoding" ? withoutChunked(headers[name]) : headers[name];
    if (value !== undefined && value !== "") standard[name] = value;
  }
  const custom = Object.fromEntries(
    Object.entries(headers)
      .filter(([name]) => name.startsWith(customPrefix))
      .map(([name, value]) => [name.slice(customPrefix.length), value]),
  );
  const bytes = Object.entries(custom).reduce((sum, [name, value]) => sum + name.length + value.length, 0);
  if (bytes > mostCustomBytes) throw refusals.metadataTooLarge();
  return { standard, custom };
}

/** How the body travelled is not what it is. */
function withoutChunked(encoding: string | undefined): string | undefined {
  return encoding
    ?.split(",")
    .map((name) => name.trim())
    .filter((name) => name.toLowerCase() !== "aws-chunked")
    .join(", ");
}

/** The class of a new object, in R2's words. */
export function storageClassOf(headers: Readonly<Record<string, string>>, bucket: StorageBucket): string {
  const given = headers["x-amz-storage-class"];
  if (given === undefined) return bucket.storageClass;
  if (given === "STANDARD") return "Standard";
  if (given === "STANDARD_IA") return "InfrequentAccess";
  throw refusals.invalidArgument("The storage class you specified is not valid");
}

export function storageClassWord(storageClass: string): string {
  return storageClass === "InfrequentAccess" ? "STANDARD_IA" : "STANDARD";
}

export function quoted(etag: string): string {
  return `"${etag}"`;
}

/** Headers of the checksums that an answer tells. */
export function checksumHeaders(
  checksums: Readonly<Record<string, string | undefined>>,
): Record<string, string> {
  return Object.fromEntries(
    Object.entries(checksums).flatMap(([name, value]) =>
      value === undefined ? [] : [[`x-amz-checksum-${name}`, value]],
    ),
  );
}

const checksumElements: Readonly<Record<string, string>> = {
  crc32: "ChecksumCRC32",
  crc32c: "ChecksumCRC32C",
  crc64nvme: "ChecksumCRC64NVME",
  sha1: "ChecksumSHA1",
  sha256: "ChecksumSHA256",
};

/** The same as elements of a document. */
export function checksumFields(
  checksums: Readonly<Record<string, string | undefined>>,
): Record<string, string> {
  return Object.fromEntries(
    Object.entries(checksums).flatMap(([name, value]) =>
      value === undefined ? [] : [[checksumElements[name]!, value]],
    ),
  );
}

export { checksumElements };
