import { jurisdictions } from "./account";

/** What stands between the account's id and the end of a host of the S3 interface. */
const suffix = ".r2.cloudflarestorage.com";

/** Where a request goes: which jurisdiction's interface, and a bucket where the host names one. */
export interface StorageHost {
  /** Undefined at an address that is no host of R2's: there every bucket is found. */
  readonly jurisdiction: string | undefined;
  readonly bucket: string | undefined;
}

/** Whether a host is one of R2's S3 interface. */
export function isStorageHost(host: string): boolean {
  return host.endsWith(suffix);
}

/**
 * Reads a host: `<account>[.<jurisdiction>].r2.cloudflarestorage.com`, with a bucket in front or without.
 *
 * @returns undefined for the host of another account
 */
export function storageHost(host: string, accountId: string): StorageHost | undefined {
  if (!isStorageHost(host)) return { jurisdiction: undefined, bucket: undefined };
  const labels = host.slice(0, -suffix.length).split(".");
  const at = labels.indexOf(accountId);
  const [before, after] = [labels.slice(0, at), labels.slice(at + 1)];
  const [jurisdiction = "default", ...rest] = after;
  if (at < 0 || before.length > 1 || rest.length > 0) return undefined;
  if (!jurisdictions.some((known) => known === jurisdiction)) return undefined;
  return { jurisdiction, bucket: before[0] };
}
