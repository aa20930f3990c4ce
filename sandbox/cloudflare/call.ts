import type { IncomingHttpHeaders } from "node:http";
import type { Assets } from "./assets";
import type { Identity } from "./auth";
import type { Connectors } from "./connectors";
import type { Answer } from "./envelope";
import type { StorageBucket } from "../storage/account";
import type { StoredObject } from "../storage/bucket-files";
import type { Scope, ZoneRow } from "./model";
import type { Store } from "./store";

/** What signs origin certificates: the part of `sandbox/certificates.ts` that is used here. */
export interface OriginAuthority {
  readonly certificatePem: string;
  signRequest(
    csrPem: string,
    options: { hostnames: readonly string[]; days: number },
  ): string | Promise<string>;
}

/** The objects of buckets, as far as the API touches them. */
export interface BucketObjects {
  /** How many a bucket holds; it can be deleted at 0 only. */
  count(bucket: StorageBucket): number;
  /** In the order of their keys' bytes. */
  sorted(bucket: StorageBucket): readonly StoredObject[];
  delete(bucket: StorageBucket, key: string): void;
}

/** All that handlers share. */
export interface Services {
  readonly store: Store;
  readonly assets: Assets;
  readonly connectors: Connectors;
  readonly originCa: OriginAuthority;
  readonly account: { readonly id: string; readonly name: string; readonly createdOn: string };
  readonly user: { readonly id: string; readonly email: string };
  /** `pages.dev`, or what stands for it. */
  readonly pagesDomain: string;
  /** What R2's storage holds. */
  readonly objects: BucketObjects;
  now(): Date;
}

/** One request, as handlers see it: authenticated, authorised, its account or zone found. */
export interface Call extends Services {
  readonly params: Readonly<Record<string, string>>;
  readonly query: Readonly<Record<string, string | undefined>>;
  readonly headers: IncomingHttpHeaders;
  /** Parsed JSON; undefined without a body. */
  readonly body: unknown;
  /** Parts of a multipart body. */
  readonly form: ReadonlyMap<string, string> | undefined;
  readonly identity: Identity;
  /** The zone of a `/zones/{zone_id}` path. */
  readonly zone: ZoneRow;
  readonly scope: Scope;
  /** This moment, RFC 3339. */
  readonly time: string;
  /** @throws ApiError 10000 where the token has none of the groups (`DNS`: Read or Write by the method). */
  require(groups: readonly string[]): void;
}

/**
 * Names of permission groups of which one must be there, without " Read" / " Write" (the method decides);
 * `any` = every valid token, `public` = no token at all.
 */
export type Needs = readonly string[] | "any" | "public";

export interface Route {
  readonly method: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  /** Below /client/v4, with `{zone_id}`, `{account_id}` and others. */
  readonly path: string;
  readonly needs: Needs;
  handle(call: Call): Answer | Promise<Answer>;
}

/** The same endpoint below an account and below a zone. */
export function atBothLevels(routes: readonly Route[]): Route[] {
  return routes.flatMap((route) => [
    { ...route, path: `/accounts/{account_id}${route.path}` },
    { ...route, path: `/zones/{zone_id}${route.path}` },
  ]);
}
