/** R2 buckets as `groundwork:buckets` says them. Pure. */
import { type Described, entryNames } from "./described";
import type { Live, LiveBucket } from "./live";

/** @param wanted names of buckets; undefined for all of the account */
export function describeBuckets(
  { buckets }: Pick<Live, "buckets">,
  wanted: readonly string[] | undefined,
): Described<Record<string, unknown>> {
  const remarks: string[] = [];
  const leave: string[] = [];
  const name = entryNames();
  const part: Record<string, unknown> = {};
  for (const bucket of buckets) {
    if (wanted !== undefined && !wanted.includes(bucket.name)) {
      remarks.push(`R2 bucket ${bucket.name}: it was not asked for`);
      continue;
    }
    const key = name(bucket.name);
    part[key] = {
      name: bucket.name,
      ...(bucket.jurisdiction === "default" ? {} : { jurisdiction: bucket.jurisdiction }),
      ...(bucket.storage_class === undefined || bucket.storage_class === "Standard"
        ? {}
        : { storageClass: bucket.storage_class }),
    };
    // The provider cannot import what is around a bucket: it would write it anew, so it is not managed at first.
    leave.push(`buckets.${key}.public`);
    remarks.push(...around(key, bucket));
  }
  return { part, remarks, leave };
}

function around(
  key: string,
  { name, cors, lifecycle, customDomains, open, notifications }: LiveBucket,
): string[] {
  const stays = (what: string, how: string): string =>
    `${what} of R2 bucket ${name}: the provider cannot import it; it stays as it is, until ${how}`;
  return [
    ...(cors > 0 ? [stays(`CORS (${cors} rules)`, `buckets.${key}.cors says it`)] : []),
    ...(lifecycle > 0 ? [stays(`lifecycle (${lifecycle} rules)`, `buckets.${key}.lifecycle says it`)] : []),
    ...customDomains.map((domain) =>
      stays(`custom domain ${domain}`, `it is taken off by hand and buckets.${key}.customDomain says it`),
    ),
    ...(open
      ? [stays("r2.dev address (open)", `buckets.${key}.public leaves the list's "leave" and is true here`)]
      : []),
    ...(notifications > 0
      ? [stays(`notifications (${notifications} queues)`, `buckets.${key}.notifications says them`)]
      : []),
  ];
}
