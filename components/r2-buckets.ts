import * as pulumi from "@pulumi/pulumi";

/** Where the data of a bucket must stay. */
export type R2Jurisdiction = "default" | "eu" | "fedramp" | "us";

/** What S3 credentials may do with a bucket; `write` includes reading and listing. */
export type R2Permission = "read" | "write";

export interface R2CorsRule {
  /** Origins without a trailing slash, such as `https://example.com`. */
  readonly origins: readonly string[];
  /** @default ["GET", "HEAD"] */
  readonly methods?: readonly ("GET" | "PUT" | "POST" | "DELETE" | "HEAD")[];
  /** Request headers a browser may send. @default [] */
  readonly headers?: readonly string[];
  /** Response headers a script may read. @default [] */
  readonly exposeHeaders?: readonly string[];
  /** Seconds a browser may keep the answer. @default 3600 */
  readonly maxAgeSeconds?: number;
}

export interface R2LifecycleRule {
  /** Only keys that start so. @default "": every key */
  readonly prefix?: string;
  /** Deletes objects after so many days. @default kept */
  readonly deleteAfterDays?: number;
  /** Moves objects to infrequent access after so many days. @default not moved */
  readonly infrequentAccessAfterDays?: number;
  /** Ends unfinished uploads after so many days. @default 7 for the whole bucket, as R2 does by itself */
  readonly abortUploadsAfterDays?: number;
}

/** A bucket. */
export interface R2BucketSpec {
  /** Name in the account: 3 to 63 characters, lower case, digits, hyphens. @default `<component>-<key>` */
  readonly name?: string;
  /** A hint, honoured when the name is used for the first time only. @default near whoever makes it */
  readonly location?: "wnam" | "enam" | "weur" | "eeur" | "apac" | "oc";
  /** Changing it replaces the bucket. Excludes `location`. @default "default" */
  readonly jurisdiction?: R2Jurisdiction;
  /** @default "Standard" */
  readonly storageClass?: "Standard" | "InfrequentAccess";
  /** Makes objects readable by anybody at a rate-limited `r2.dev` address, for development. @default false */
  readonly public?: boolean;
  /** Makes objects readable by anybody under this host name; needs the component's `zoneId`. @default private */
  readonly customDomain?: string;
  /** Oldest TLS at the custom domain. @default "1.2" */
  readonly minTlsVersion?: "1.2" | "1.3";
  /** @default no web page of another origin may use the bucket */
  readonly cors?: readonly R2CorsRule[];
  /** @default nothing is deleted; unfinished uploads end after 7 days */
  readonly lifecycle?: readonly R2LifecycleRule[];
  /** Who gets S3 credentials, by name; a consumer has one key for all its buckets. @default {} */
  readonly consumers?: Readonly<Record<string, R2Permission>>;
}

/** Arguments of {@link R2Buckets}. */
export interface R2BucketsArgs {
  readonly accountId: pulumi.Input<string>;
  /** Buckets by a short name, such as `media`. At least one. */
  readonly buckets: Readonly<Record<string, R2BucketSpec>>;
  /** Zone of the custom domains. @default none: no bucket may have a custom domain */
  readonly zoneId?: pulumi.Input<string>;
  /** Raise by one to replace all credentials. @default 1 */
  readonly credentialsVersion?: number;
  /** Refuses to delete the buckets. @default true */
  readonly protect?: boolean;
  /** Leaves the buckets where they are when the stack is destroyed. @default false */
  readonly retainOnDelete?: boolean;
}

/** A consumer's S3 credentials. */
export interface S3Credentials {
  readonly accessKeyId: pulumi.Output<string>;
  /** Secret. */
  readonly secretAccessKey: pulumi.Output<string>;
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
  /** Undefined for a private bucket. */
  readonly publicUrl: pulumi.Output<string> | undefined;
}

/** Private R2 buckets with S3 credentials scoped to each of them. */
export class R2Buckets extends pulumi.ComponentResource {
  /** By the same short names as in the arguments. */
  readonly buckets!: Readonly<Record<string, R2BucketAccess>>;
  /** Credentials by consumer. */
  readonly credentials!: Readonly<Record<string, S3Credentials>>;

  constructor(name: string, args: R2BucketsArgs, opts?: pulumi.ComponentResourceOptions) {
    super("groundwork:index:R2Buckets", name, args, opts);
  }
}
