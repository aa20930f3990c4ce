/** A bucket as the account knows it. */
export interface StorageBucket {
  readonly name: string;
  /** `default`, `eu`, … */
  readonly jurisdiction: string;
  /** RFC 3339. Tells a bucket from one of the same name that was deleted before. */
  readonly creationDate: string;
  /** `Standard` or `InfrequentAccess`. */
  readonly storageClass: string;
}

/** What somebody wants to do: with objects of a bucket, or with buckets of the account. */
export type StorageAction = "read" | "write" | "list-buckets" | "change-buckets";

/** An S3 key: made of an API token. */
export interface StorageKey {
  /** Lower-case hex SHA-256 of the token's value. */
  readonly secret: string;
  readonly may: (action: StorageAction, bucket?: Pick<StorageBucket, "name" | "jurisdiction">) => boolean;
}

/** A CORS rule as R2's API keeps it. */
export interface StorageCorsRule {
  readonly allowed: {
    readonly origins: readonly string[];
    readonly methods: readonly string[];
    readonly headers?: readonly string[];
  };
  readonly exposeHeaders?: readonly string[];
  readonly maxAgeSeconds?: number;
}

type Moment =
  { readonly type: "Age"; readonly maxAge: number } | { readonly type: "Date"; readonly date: string };

/** A lifecycle rule as R2's API keeps it; ages in seconds. */
export interface StorageLifecycleRule {
  readonly enabled: boolean;
  readonly conditions: { readonly prefix: string };
  readonly deleteObjectsTransition?: { readonly condition: Moment };
  readonly abortMultipartUploadsTransition?: { readonly condition: Moment };
}

/** A host name at which everybody may read a bucket. */
export interface PublicDomain {
  readonly bucket: StorageBucket;
  /** Whether it is open: a domain may be there and switched off. */
  readonly enabled: boolean;
}

/** What storage needs to know of the account: a read-only view, asked anew for each request. */
export interface StorageAccount {
  readonly accountId: string;
  /** A key that is valid now and may be used from this address. */
  key(accessKeyId: string, address: string): StorageKey | undefined;
  bucket(name: string, jurisdiction: string): StorageBucket | undefined;
  buckets(): readonly StorageBucket[];
  cors(bucket: StorageBucket): readonly StorageCorsRule[];
  lifecycle(bucket: StorageBucket): readonly StorageLifecycleRule[];
  /** The bucket whose custom or r2.dev domain a host is. */
  domain(host: string): PublicDomain | undefined;
}

/** Jurisdictions, that without a name first. */
export const jurisdictions = ["default", "eu", "us", "fedramp", "fedramp-high"] as const;
