import { UserError, type UserErrorParts } from "../common/user-error";
import { cloudflareApiUrl } from "./cloudflare-api";
import { cloudflareAccess, type StackConfig } from "./stack-config";

/** A bucket that could not be deleted, as it holds objects. */
export interface FullBucket {
  readonly accountId: string;
  readonly name: string;
  /** How many objects it holds, as `3` or `1000 or more`; undefined where nobody could tell. */
  readonly objects?: string | undefined;
}

/** Cloudflare's code for the deletion of a bucket with objects, after the call that was refused. */
const refused =
  /\baccounts\/([0-9a-f]{32})\/r2\/buckets\/([a-z0-9][a-z0-9-]{1,61}[a-z0-9])(?=["\s:])(?:(?!\/r2\/buckets\/)[^]){0,600}?\b10008\b/g;

/** The buckets that the engine's text says could not be deleted, each once. */
export function fullBuckets(text: string): FullBucket[] {
  const found = new Map<string, FullBucket>();
  for (const [, accountId = "", name = ""] of text.matchAll(refused)) found.set(name, { accountId, name });
  return [...found.values()];
}

/** What the user reads. @param endpoint of the S3 interface; undefined for Cloudflare's own */
export function explainFullBuckets(
  buckets: readonly FullBucket[],
  endpoint: string | undefined,
): Pick<UserErrorParts, "what" | "value" | "allowed"> & { readonly next: string } {
  const named = buckets.map(({ name, objects }) => `${name} (${objects ?? "one or more"})`);
  const empty = buckets.map(
    ({ name, accountId }) =>
      `aws s3 rm s3://${name} --recursive --endpoint-url ${endpoint ?? `https://${accountId}.r2.cloudflarestorage.com`}`,
  );
  return {
    what:
      buckets.length === 1
        ? "a bucket holds objects, and is not deleted with them"
        : "buckets hold objects, and are not deleted with them",
    value: `${named.join(", ")}: nothing in ${buckets.length === 1 ? "it" : "them"} was touched`,
    allowed: "the deletion of an empty bucket",
    next: `keep what is needed; then empty it: ${empty.join("; ")} and run the same command again`,
  };
}

/** Buckets could not be deleted, as they hold objects; nothing in them was touched. */
export class FullBucketsError extends UserError {
  constructor(
    readonly buckets: readonly FullBucket[],
    endpoint: string | undefined,
    cause?: unknown,
  ) {
    super({ ...explainFullBuckets(buckets, endpoint), cause });
  }
}

/** Where and as whom Cloudflare's API is asked. */
export interface BucketsApi {
  /** @default Cloudflare's */
  readonly apiUrl?: string | undefined;
  readonly apiToken: string;
  /** Jurisdictions by names of buckets. @default `default` for each */
  readonly jurisdictions?: Readonly<Record<string, string>>;
}

/** Asks the API how many objects a bucket holds; undefined where it does not say. Never rejects. */
export async function countObjects(
  { accountId, name }: FullBucket,
  { apiUrl = cloudflareApiUrl, apiToken, jurisdictions = {} }: BucketsApi,
): Promise<string | undefined> {
  try {
    const answer = await fetch(`${apiUrl}/accounts/${accountId}/r2/buckets/${name}/objects?per_page=1000`, {
      headers: {
        authorization: `Bearer ${apiToken}`,
        "cf-r2-jurisdiction": jurisdictions[name] ?? "default",
      },
      signal: AbortSignal.timeout(15_000),
    });
    const { result, result_info: info } = (await answer.json()) as {
      result?: unknown;
      result_info?: { is_truncated?: boolean; cursor?: string };
    };
    if (!answer.ok || !Array.isArray(result) || result.length === 0) return undefined;
    const more = info?.is_truncated === true || (info?.cursor ?? "") !== "";
    return `${result.length}${more ? " or more" : ""} object${result.length === 1 && !more ? "" : "s"}`;
  } catch {
    return undefined;
  }
}

/** Throws on; of buckets that hold objects with their number, which only the API knows. */
export async function throwCounted(error: unknown, config: () => Promise<StackConfig>): Promise<never> {
  if (!(error instanceof FullBucketsError)) throw error;
  const known = await config().catch(() => {
    throw error;
  });
  const { settings } = known;
  const api = {
    ...cloudflareAccess(known),
    jurisdictions: Object.fromEntries(
      Object.values(settings.buckets).map(({ name, jurisdiction }) => [name, jurisdiction]),
    ),
  };
  const counted = await Promise.all(
    error.buckets.map(async (bucket) => ({ ...bucket, objects: await countObjects(bucket, api) })),
  );
  throw new FullBucketsError(counted, settings.storage?.endpoint, error.cause);
}
