import * as pulumi from "@pulumi/pulumi";

/** Where the data of a bucket must stay. */
export type R2Jurisdiction = "default" | "eu" | "fedramp" | "us";

/** What a bucket's S3 credentials may do. */
export type R2Permission = "read-write" | "read";

export interface R2CorsRule {
  /** Origins without a trailing slash, such as `https://example.com`. */
  readonly origins: readonly string[];
  /** @default ["GET"] */
  readonly methods?: readonly ("GET" | "PUT" | "POST" | "DELETE" | "HEAD")[];
  /** Request headers a browser may send. @default [] */
  readonly headers?: readonly string[];
  /** Response headers a script may read. @default [] */
  readonly exposeHeaders?: readonly string[];
  /** Seconds a browser may keep the answer. @default 3600 */
  readonly maxAgeSeconds?: number;
}

export interface R2LifecycleRule {
  /** Unique in its bucket. */
  readonly id: string;
  /** Only keys that start so. @default "": every key */
  readonly prefix?: string;
  /** Deletes objects after so many days. @default kept */
  readonly deleteAfterDays?: number;
  /** Moves objects to infrequent access after so many days. @default not moved */
  readonly infrequentAccessAfterDays?: number;
}

/** A bucket. */
export interface R2BucketSpec {
  /** Name in the account: 3 to 63 characters, lower case, digits, hyphens. @default `<component>-<key>` */
  readonly bucketName?: string;
  /** A hint, honoured when the name is used for the first time only. @default Cloudflare chooses */
  readonly location?: "wnam" | "enam" | "weur" | "eeur" | "apac" | "oc";
  /** Changing it replaces the bucket. @default "default" */
  readonly jurisdiction?: R2Jurisdiction;
  /** @default "Standard" */
  readonly storageClass?: "Standard" | "InfrequentAccess";
  /** @default no browser may use the bucket from another origin */
  readonly cors?: readonly R2CorsRule[];
  /** The rule that ends unfinished uploads after 7 days is always kept. @default nothing is deleted */
  readonly lifecycle?: readonly R2LifecycleRule[];
  /** Makes the bucket's objects readable by anybody under this host name. @default private */
  readonly publicDomain?: {
    readonly hostname: string;
    readonly zoneId: pulumi.Input<string>;
    /** @default "1.2" */
    readonly minTls?: "1.0" | "1.1" | "1.2" | "1.3";
  };
  /** Makes objects readable under a rate-limited `r2.dev` address, for development. @default false */
  readonly developmentUrl?: boolean;
  /** S3 credentials for this bucket alone. @default "read-write" */
  readonly credentials?: R2Permission | "none";
}

/** Arguments of {@link R2Buckets}. */
export interface R2BucketsArgs {
  readonly accountId: pulumi.Input<string>;
  /** Buckets by a short name, such as `media`. At least one. */
  readonly buckets: Readonly<Record<string, R2BucketSpec>>;
  /** One more pair of S3 credentials, for all the buckets together. @default none */
  readonly sharedCredentials?: R2Permission;
  /** Raise by one to replace all credentials. @default 1 */
  readonly credentialsVersion?: number;
  /** Refuses to delete the buckets. @default true */
  readonly protect?: boolean;
  /** Leaves the buckets where they are when the stack is destroyed. @default false */
  readonly retainOnDelete?: boolean;
}

/** S3 credentials. */
export interface S3Credentials {
  readonly accessKeyId: string;
  /** Secret. */
  readonly secretAccessKey: string;
}

/** A bucket as an application needs it. */
export interface R2BucketAccess {
  readonly bucketName: pulumi.Output<string>;
  /** `https://<account>.r2.cloudflarestorage.com` or that of the jurisdiction. */
  readonly endpoint: pulumi.Output<string>;
  /** The host of `endpoint`. */
  readonly host: pulumi.Output<string>;
  /** Always `auto`. */
  readonly region: string;
  /** Undefined with `credentials: "none"`. */
  readonly accessKeyId: pulumi.Output<string> | undefined;
  /** Secret. Undefined with `credentials: "none"`. */
  readonly secretAccessKey: pulumi.Output<string> | undefined;
  /** Undefined for a private bucket. */
  readonly publicUrl: pulumi.Output<string> | undefined;
}

/** Private R2 buckets with S3 credentials scoped to each of them. */
export class R2Buckets extends pulumi.ComponentResource {
  /** By the same short names as in the arguments. */
  readonly buckets!: Readonly<Record<string, R2BucketAccess>>;
  /** Undefined unless `sharedCredentials` was asked for; the secret access key is secret. */
  readonly sharedCredentials!: pulumi.Output<S3Credentials> | undefined;

  constructor(name: string, args: R2BucketsArgs, opts?: pulumi.ComponentResourceOptions) {
    super("groundwork:index:R2Buckets", name, args, opts);
  }
}
