import type { R2BucketSpec, R2Jurisdiction } from "../r2-buckets";
import { fitName } from "../shared/names";

/** The name in the account. */
export function bucketName(component: string, key: string, spec: R2BucketSpec): string {
  return spec.name ?? fitName(`${component}-${key}`, 63);
}

/** The host of the S3 interface: a jurisdiction's buckets answer at its own only. */
export function s3Host(accountId: string, jurisdiction: R2Jurisdiction): string {
  const middle = jurisdiction === "default" ? "" : `.${jurisdiction}`;
  return `${accountId}${middle}.r2.cloudflarestorage.com`;
}
