import { createHash } from "node:crypto";
import * as cloudflare from "@pulumi/cloudflare";
import * as pulumi from "@pulumi/pulumi";
import { liveVersions, tokenKey } from "./buckets/consumers";
import { r2BucketsIssues } from "./buckets/issues";
import { bucketName, s3Host } from "./buckets/names";
import { corsRule, lifecycleRules } from "./buckets/rules";
import { type Behind, before } from "./shared/behind";
import { componentType, fitName } from "./shared/names";
import { refuse } from "./shared/validation";

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

/** What can happen to an object. */
export type R2EventAction =
  "PutObject" | "CopyObject" | "DeleteObject" | "CompleteMultipartUpload" | "LifecycleDeletion";

/** Tells a queue of what happens in a bucket. */
export interface R2NotificationRule {
  /** Name of a queue that this component makes. @default the one of `queueId` */
  readonly queue?: string;
  /** Id of a queue that is there already. @default the one that is made by the name in `queue` */
  readonly queueId?: pulumi.Input<string>;
  readonly actions: readonly R2EventAction[];
  /** Only keys that start so. @default every key */
  readonly prefix?: string;
  /** Only keys that end so. @default every key */
  readonly suffix?: string;
  /** @default none */
  readonly description?: string;
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
  /**
   * An empty list ends rules of before: where it is left out, they stay at Cloudflare, which has no delete for them.
   * @default not managed: in a new bucket nothing is deleted; unfinished uploads end after 7 days
   */
  readonly lifecycle?: readonly R2LifecycleRule[];
  /**
   * Queues that are told what happens; rules of one bucket that fit the same event are refused. While rules change, events
   * of a moment are lost. @default none
   */
  readonly notifications?: readonly R2NotificationRule[];
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
  /**
   * Raise by one to replace all credentials. Those of the version before stay valid until the next raise, so that nothing
   * that still uses them is refused. @default 1
   */
  readonly credentialsVersion?: number;
  /** Ends the credentials of the version before at once, for keys that have leaked. @default false */
  readonly revokePreviousCredentials?: boolean;
  /**
   * Where the S3 interface answers, buckets in the path, for a server that stands in for Cloudflare's.
   * @default `https://<account>.r2.cloudflarestorage.com`, or that of the jurisdiction
   */
  readonly endpoint?: string;
  /**
   * What must be there before a custom domain can be reached, and is removed after it: `applications` of
   * {@link AccessProtectedEnv}. @default nothing
   */
  readonly behind?: Behind;
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
  /** `https://<account>.r2.cloudflarestorage.com` or that of the jurisdiction, where the arguments name no other. */
  readonly endpoint: pulumi.Output<string>;
  /** The host of `endpoint`, with its port where that is not the usual one. */
  readonly host: pulumi.Output<string>;
  /** Always `auto`. */
  readonly region: string;
  /** Undefined for a private bucket. */
  readonly publicUrl: pulumi.Output<string> | undefined;
}

/** Permission groups for the objects of a bucket; the same in every account. */
const objectGroups: Readonly<Record<R2Permission, string>> = {
  read: "6a018a9f2fc74eb6b293b0c548f38b39",
  write: "2efd5506f9c8494dacb1fa10a3e7d5b6",
};

/**
 * Private R2 buckets, protected from deletion, with S3 credentials that reach the buckets they are for and no other.
 *
 * @example
 * // The smallest.
 * import { R2Buckets } from "groundwork/components";
 *
 * const storage = new R2Buckets("media", {
 *   accountId: "0000000000000000000000000000ac01",
 *   buckets: { uploads: { consumers: { api: "write" } } },
 * });
 * export const accessKeyId = storage.credentials["api"]?.accessKeyId;
 * export const endpoint = storage.buckets["uploads"]?.endpoint;
 *
 * @example
 * // Everything.
 * import { R2Buckets } from "groundwork/components";
 *
 * export const storage = new R2Buckets("plyr", {
 *   accountId: "0000000000000000000000000000ac01",
 *   zoneId: "000000000000000000000000000020e1",
 *   buckets: {
 *     audio: {
 *       name: "audio-staging",
 *       location: "enam",
 *       storageClass: "Standard",
 *       customDomain: "audio.example.com",
 *       minTlsVersion: "1.2",
 *       cors: [{ origins: ["https://example.com"], methods: ["GET", "PUT"], headers: ["*"], maxAgeSeconds: 600 }],
 *       lifecycle: [{ prefix: "tmp/", deleteAfterDays: 3 }, { infrequentAccessAfterDays: 90 }],
 *       notifications: [{ queue: "audio-added", actions: ["PutObject", "CompleteMultipartUpload"], suffix: ".flac" }],
 *       consumers: { api: "write", reports: "read" },
 *     },
 *     images: { name: "images-staging", jurisdiction: "eu", public: false, consumers: { api: "write" } },
 *   },
 *   credentialsVersion: 2,
 *   revokePreviousCredentials: false,
 *   protect: true,
 *   retainOnDelete: true,
 * });
 */
export class R2Buckets extends pulumi.ComponentResource {
  /** By the same short names as in the arguments. */
  readonly buckets: Readonly<Record<string, R2BucketAccess>>;
  /** Credentials by consumer. */
  readonly credentials: Readonly<Record<string, S3Credentials>>;
  /** Ids of the queues that were made for notifications, by their names. */
  readonly queueIds: Readonly<Record<string, pulumi.Output<string>>>;

  constructor(name: string, args: R2BucketsArgs, opts?: pulumi.ComponentResourceOptions) {
    super(componentType("R2Buckets"), name, {}, opts);
    refuse(this, "R2Buckets", name, r2BucketsIssues(name, args));
    this.queueIds = this.queues(name, args);
    this.buckets = mapEntries(args.buckets, (key, spec) => this.bucket(name, key, spec, args));
    const consumers = [
      ...new Set(Object.values(args.buckets).flatMap(({ consumers = {} }) => Object.keys(consumers))),
    ].sort();
    this.credentials = Object.fromEntries(
      consumers.map((consumer) => [consumer, this.consumer(name, consumer, args)]),
    );
    this.registerOutputs({
      buckets: this.buckets,
      credentials: this.credentials,
      queueIds: this.queueIds,
    });
  }

  private queues(name: string, { accountId, buckets }: R2BucketsArgs): Record<string, pulumi.Output<string>> {
    const names = Object.values(buckets).flatMap(({ notifications = [] }) =>
      notifications.flatMap(({ queue }) => queue ?? []),
    );
    return Object.fromEntries(
      [...new Set(names)].sort().map((queueName) => {
        const queue = new cloudflare.Queue(
          `${name}-queue-${queueName}`,
          { accountId, queueName },
          { parent: this },
        );
        return [queueName, queue.queueId];
      }),
    );
  }

  private bucket(name: string, key: string, spec: R2BucketSpec, args: R2BucketsArgs): R2BucketAccess {
    const { accountId, zoneId } = args;
    const jurisdiction = spec.jurisdiction ?? "default";
    const child = `${name}-${key}`;
    const bucket = new cloudflare.R2Bucket(
      child,
      {
        accountId,
        name: bucketName(name, key, spec),
        jurisdiction,
        storageClass: spec.storageClass ?? "Standard",
        ...(spec.location === undefined ? {} : { location: spec.location }),
      },
      {
        parent: this,
        protect: args.protect ?? true,
        retainOnDelete: args.retainOnDelete ?? false,
        // The provider would not notice that a bucket must move.
        replaceOnChanges: ["jurisdiction"],
      },
    );
    const around = { accountId, bucketName: bucket.name, jurisdiction };
    if (spec.cors !== undefined && spec.cors.length > 0) {
      new cloudflare.R2BucketCors(
        `${child}-cors`,
        { ...around, rules: spec.cors.map(corsRule) },
        { parent: this },
      );
    }
    // An empty list as well: the provider deletes no rules, so what ends them is to write R2's own one.
    if (spec.lifecycle !== undefined) {
      new cloudflare.R2BucketLifecycle(
        `${child}-lifecycle`,
        { ...around, rules: lifecycleRules(spec.lifecycle) },
        { parent: this },
      );
    }
    if (spec.customDomain !== undefined && zoneId !== undefined) {
      new cloudflare.R2CustomDomain(
        `${child}-domain`,
        { ...around, domain: spec.customDomain, zoneId, enabled: true, minTls: spec.minTlsVersion ?? "1.2" },
        // A host name belongs to one bucket, so a replacement needs the old one gone; that the bucket moves is one as well.
        {
          parent: this,
          deleteBeforeReplace: true,
          replaceOnChanges: ["jurisdiction"],
          dependsOn: [...before(args.behind, spec.customDomain)],
        },
      );
    }
    this.notifications(child, around, spec.notifications ?? []);
    const managed =
      spec.public === undefined
        ? undefined
        : new cloudflare.R2ManagedDomain(
            `${child}-r2-dev`,
            { ...around, enabled: spec.public },
            { parent: this },
          );
    const { endpoint } = args;
    const host =
      endpoint === undefined
        ? pulumi.output(accountId).apply((account) => s3Host(account, jurisdiction))
        : pulumi.output(new URL(endpoint).host);
    return {
      bucketName: bucket.name,
      host,
      endpoint: endpoint === undefined ? pulumi.interpolate`https://${host}` : pulumi.output(endpoint),
      region: "auto",
      publicUrl:
        spec.customDomain !== undefined
          ? pulumi.output(`https://${spec.customDomain}`)
          : spec.public === true && managed !== undefined
            ? pulumi.interpolate`https://${managed.domain}`
            : undefined,
    };
  }

  /** One resource for each queue, which takes all rules of that queue: the provider writes them as one. */
  private notifications(
    child: string,
    around: Pick<cloudflare.R2BucketEventNotificationArgs, "accountId" | "bucketName" | "jurisdiction">,
    rules: readonly R2NotificationRule[],
  ): void {
    const groups = new Map<pulumi.Input<string>, R2NotificationRule[]>();
    for (const rule of rules) {
      const queue = rule.queue ?? rule.queueId ?? "";
      groups.set(queue, [...(groups.get(queue) ?? []), rule]);
    }
    let later = 0;
    [...groups.values()].forEach((group, index) => {
      const [{ queue, queueId }] = group as [R2NotificationRule];
      const known = queue ?? (typeof queueId === "string" ? queueId.slice(0, 8) : undefined);
      // Counted for themselves: another queue that is left out must not make them anew, as the old one goes last, and for good.
      if (known === undefined) later++;
      new cloudflare.R2BucketEventNotification(
        `${child}-events-${known ?? `known-later-${later}`}`,
        {
          ...around,
          queueId: (queue === undefined ? queueId : this.queueIds[queue]) ?? "",
          rules: group.map(({ actions, prefix, suffix, description }) => ({
            actions: [...actions],
            ...(prefix === undefined ? {} : { prefix }),
            ...(suffix === undefined ? {} : { suffix }),
            ...(description === undefined ? {} : { description }),
          })),
        },
        { parent: this, aliases: known === undefined ? [{ name: `${child}-events-${index + 1}` }] : [] },
      );
    });
  }

  /** A token with one policy for each kind of permission; its id and the hash of its value are the S3 keys. */
  private consumer(name: string, consumer: string, args: R2BucketsArgs): S3Credentials {
    const { accountId } = args;
    const policies = (["read", "write"] as const).flatMap((permission) => {
      const buckets = Object.entries(args.buckets)
        .filter(([, { consumers = {} }]) => consumers[consumer] === permission)
        .map(([key, spec]) => `${spec.jurisdiction ?? "default"}_${bucketName(name, key, spec)}`)
        .sort();
      if (buckets.length === 0) return [];
      return [
        {
          effect: "allow",
          permissionGroups: [{ id: objectGroups[permission] }],
          // Compact and sorted: the API's own text is what the provider compares with.
          resources: pulumi
            .output(accountId)
            .apply((account) =>
              JSON.stringify(
                Object.fromEntries(
                  buckets.map((bucket) => [`com.cloudflare.edge.r2.bucket.${account}_${bucket}`, "*"]),
                ),
              ),
            ),
        },
      ];
    });
    const [token] = liveVersions(args).map(
      (version) =>
        new cloudflare.AccountToken(
          `${name}-consumer-${tokenKey(consumer, version)}`,
          { accountId, name: fitName(`${name} ${consumer}`, 120), policies },
          { parent: this },
        ),
    ) as [cloudflare.AccountToken];
    return {
      accessKeyId: token.id,
      secretAccessKey: pulumi.secret(
        pulumi.secret(token.value).apply((value) => createHash("sha256").update(value).digest("hex")),
      ),
    };
  }
}

function mapEntries<T, U>(
  record: Readonly<Record<string, T>>,
  make: (key: string, value: T) => U,
): Record<string, U> {
  return Object.fromEntries(Object.entries(record).map(([key, value]) => [key, make(key, value)]));
}
