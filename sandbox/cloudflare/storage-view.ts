import type {
  PublicDomain,
  StorageAccount,
  StorageBucket,
  StorageCorsRule,
  StorageKey,
  StorageLifecycleRule,
} from "../storage/account";
import { addressAllowed, tokenStatus } from "./auth";
import type { Services } from "./call";
import { ownTokenId } from "./ids";
import type { ApiTokenRow, BucketRow } from "./model";
import { allows, allowsBucket } from "./permissions";
import { bucketKey } from "./routes/r2-buckets";
import { lifecycleRulesOf, managedDomainOf } from "./routes/r2-around";

/**
 * The account as its storage sees it. An S3 key is an API token: its id, and the SHA-256 of its value, which is what the
 * store keeps of it.
 *
 * @param ownHash SHA-256 of the token that may do everything
 */
export function storageView(services: Services, ownHash: string): StorageAccount {
  const { store, account } = services;
  const documentRules = (kind: string, bucket: BucketRow): readonly unknown[] | undefined =>
    store.get("documents", `${kind}/r2/${bucketKey(bucket)}`)?.body["rules"] as
      readonly unknown[] | undefined;
  return {
    accountId: account.id,
    key(accessKeyId, address) {
      if (accessKeyId === ownTokenId(account.id)) return { secret: ownHash, may: () => true };
      const token = store.get("tokens", accessKeyId);
      if (token === undefined || !isUsable(token, services.now()) || !addressAllowed(token, address))
        return undefined;
      return { secret: token.valueHash, may: rightsOf(token, account.id) };
    },
    bucket: (name, jurisdiction) => store.get("buckets", bucketKey({ name, jurisdiction })),
    buckets: () => store.list("buckets").sort((left, right) => (left.name < right.name ? -1 : 1)),
    cors: (bucket) => (documentRules("r2-cors", bucketRow(bucket)) ?? []) as StorageCorsRule[],
    lifecycle: (bucket) => lifecycleRulesOf(store, bucketRow(bucket)) as StorageLifecycleRule[],
    domain: (host) => publicDomain(services, host),
  };
}

function isUsable(token: ApiTokenRow, now: Date): boolean {
  if (token.notBefore !== undefined && Date.parse(token.notBefore) > now.getTime()) return false;
  return tokenStatus(token, now) === "active";
}

/** Rights to objects are given by bucket, or by the account's `Workers R2 Storage`, which alone sees the buckets. */
function rightsOf(token: ApiTokenRow, accountId: string): StorageKey["may"] {
  const everywhere = (verbs: readonly string[]): boolean =>
    allows(
      token,
      verbs.map((verb) => `Workers R2 Storage ${verb}`),
      { kind: "account", account: accountId },
    );
  return (action, bucket) => {
    switch (action) {
      case "list-buckets":
        return everywhere(["Read", "Write"]);
      case "change-buckets":
        return everywhere(["Write"]);
      case "read":
      case "write": {
        const verbs = action === "read" ? ["Read", "Write"] : ["Write"];
        const items = verbs.map((verb) => `Workers R2 Storage Bucket Item ${verb}`);
        return everywhere(verbs) || (bucket !== undefined && allowsBucket(token, items, accountId, bucket));
      }
    }
  };
}

function bucketRow({ name, jurisdiction, creationDate, storageClass }: StorageBucket): BucketRow {
  return { name, jurisdiction, creationDate, storageClass, location: "" };
}

/** The bucket whose public address a host is, and the oldest TLS that it takes. */
export function publicDomain(
  services: Services,
  host: string,
): (PublicDomain & { readonly minTls?: string | undefined }) | undefined {
  const { store } = services;
  const custom = store.get("bucketDomains", host);
  if (custom !== undefined) {
    const bucket = store.get(
      "buckets",
      bucketKey({ name: custom.bucket, jurisdiction: custom.jurisdiction }),
    );
    return bucket === undefined ? undefined : { bucket, enabled: custom.enabled, minTls: custom.minTLS };
  }
  if (!host.endsWith(".r2.dev")) return undefined;
  for (const bucket of store.list("buckets")) {
    const { domain, enabled } = managedDomainOf(services, bucket);
    if (domain === host) return { bucket, enabled };
  }
  return undefined;
}
