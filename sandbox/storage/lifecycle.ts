import type { StorageAccount, StorageLifecycleRule } from "./account";
import type { BucketFiles } from "./bucket-files";
import type { Buckets } from "./buckets";

/** Removes what the lifecycle rules of the account's buckets say is old enough. */
export function expire(account: StorageAccount, buckets: Buckets, now: Date): void {
  for (const bucket of account.buckets()) expireIn(buckets.of(bucket), account.lifecycle(bucket), now);
}

function expireIn(files: BucketFiles, rules: readonly StorageLifecycleRule[], now: Date): void {
  const over = (
    kind: "deleteObjectsTransition" | "abortMultipartUploadsTransition",
    key: string,
    since: string,
  ): boolean =>
    rules.some(({ enabled, conditions: { prefix }, [kind]: transition }) => {
      if (!enabled || transition === undefined || !key.startsWith(prefix)) return false;
      const { condition } = transition;
      const due =
        condition.type === "Age" ? Date.parse(since) + condition.maxAge * 1000 : Date.parse(condition.date);
      return due <= now.getTime();
    });
  for (const { key, modified } of files.sorted())
    if (over("deleteObjectsTransition", key, modified)) files.delete(key);
  for (const { id, key, begun } of files.uploads())
    if (over("abortMultipartUploadsTransition", key, begun)) files.endUpload(id);
}
