/** The store of a backend in S3, R2 or what else speaks S3, reached with the same address and keys as the engine reaches it. */
import type * as Sdk from "@aws-sdk/client-s3";
import { UserError } from "../../common/user-error";
import type { Variables } from "../passphrase";
import type { StateStore, StoredFile } from "./state-store";

/** A bucket, and how it is reached. */
export interface BucketAddress {
  readonly bucket: string;
  /** What stands before each key: empty, or a path that ends in `/`. */
  readonly prefix: string;
  readonly region: string | undefined;
  /** An address with its scheme; undefined: AWS itself. */
  readonly endpoint: string | undefined;
  readonly forcePathStyle: boolean;
  /** A profile of the shared AWS configuration. */
  readonly profile: string | undefined;
}

/**
 * Reads an address as the engine does.
 *
 * @returns undefined where it is none of S3's
 * @example bucketAddress("s3://states/shop?region=auto&endpoint=https://example.r2.cloudflarestorage.com", {})
 */
export function bucketAddress(url: string, variables: Variables): BucketAddress | undefined {
  const [, bucket, path = "", query = ""] = /^s3:\/\/([^/?]+)\/?([^?]*)(?:\?(.*))?$/.exec(url) ?? [];
  if (bucket === undefined) return undefined;
  const options = new URLSearchParams(query);
  const given = (name: string, ...names: readonly string[]): string | undefined =>
    options.get(name) ?? names.map((each) => variables[each]).find((value) => value);
  const endpoint = given("endpoint", "AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL");
  const scheme = options.get("disableSSL") === "true" ? "http" : "https";
  return {
    bucket,
    prefix: path === "" ? "" : `${path.replace(/\/+$/, "")}/`,
    region: given("region", "AWS_REGION", "AWS_DEFAULT_REGION"),
    endpoint: endpoint === undefined || /^https?:\/\//.test(endpoint) ? endpoint : `${scheme}://${endpoint}`,
    forcePathStyle: options.get("s3ForcePathStyle") === "true",
    profile: given("profile", "AWS_PROFILE"),
  };
}

/** Milliseconds. */
const patience = { connect: 10_000, answer: 30_000 } as const;

/** The store in a bucket. Nothing is loaded and nobody is asked before the first use. */
export function bucketStore(address: BucketAddress, variables: Variables): StateStore {
  const { bucket: Bucket, prefix } = address;
  let opened: { readonly sdk: typeof Sdk; readonly client: Sdk.S3Client } | undefined;
  const open = (): NonNullable<typeof opened> => {
    if (opened !== undefined) return opened;
    const sdk = loadSdk();
    return (opened = { sdk, client: new sdk.S3Client(configOf(address, variables)) });
  };
  const asked = async <Result>(
    ask: (sdk: typeof Sdk, client: Sdk.S3Client) => Promise<Result>,
  ): Promise<Result> => {
    const { sdk, client } = open();
    return ask(sdk, client).catch((error: unknown) => {
      throw isMissing(error) ? error : unreachable(address, error);
    });
  };
  const list = async (folder: string): Promise<StoredFile[]> => {
    const Prefix = `${prefix}${folder}/`;
    const files: StoredFile[] = [];
    for (
      let ContinuationToken: string | undefined, more = true;
      more;
      more = ContinuationToken !== undefined
    ) {
      const page = await asked((sdk, client) =>
        client.send(
          new sdk.ListObjectsV2Command({
            ...{ Bucket, Prefix, Delimiter: "/" },
            ...(ContinuationToken === undefined ? {} : { ContinuationToken }),
          }),
        ),
      );
      for (const { Key = "", LastModified } of page.Contents ?? []) {
        files.push({ name: Key.slice(Prefix.length), written: LastModified?.getTime() ?? Date.now() });
      }
      ContinuationToken = page.IsTruncated === true ? page.NextContinuationToken : undefined;
    }
    return files;
  };
  return {
    // Each request tells by itself where it is not answered.
    assertReadable: () => Promise.resolve(),
    list,
    read: (path) =>
      asked(async (sdk, client) => {
        const { Body } = await client.send(new sdk.GetObjectCommand({ Bucket, Key: `${prefix}${path}` }));
        return Body?.transformToString("utf8");
      }).catch((error: unknown) => {
        if (isMissing(error)) return undefined;
        throw error;
      }),
    async write(path, text) {
      await asked((sdk, client) =>
        client.send(
          new sdk.PutObjectCommand({
            ...{ Bucket, Key: `${prefix}${path}`, Body: text },
            ContentType: "application/json",
          }),
        ),
      );
    },
    async remove(path) {
      await asked((sdk, client) =>
        client.send(new sdk.DeleteObjectCommand({ Bucket, Key: `${prefix}${path}` })),
      );
    },
  };
}

function loadSdk(): typeof Sdk {
  // It says at each start that versions to come will want another Node.
  process.env["AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED"] ??= "true";
  // eslint-disable-next-line @typescript-eslint/no-require-imports -- only where it is needed; the command's script knows no import()
  return require("@aws-sdk/client-s3") as typeof Sdk;
}

function configOf(
  { region, endpoint, forcePathStyle, profile }: BucketAddress,
  variables: Variables,
): Sdk.S3ClientConfig {
  const accessKeyId = variables["AWS_ACCESS_KEY_ID"];
  const secretAccessKey = variables["AWS_SECRET_ACCESS_KEY"];
  const sessionToken = variables["AWS_SESSION_TOKEN"];
  return {
    forcePathStyle,
    requestHandler: { connectionTimeout: patience.connect, requestTimeout: patience.answer },
    // Not every store that speaks S3 knows the newer checksums.
    requestChecksumCalculation: "WHEN_REQUIRED",
    responseChecksumValidation: "WHEN_REQUIRED",
    ...(region === undefined ? {} : { region }),
    ...(endpoint === undefined ? {} : { endpoint }),
    ...(profile === undefined ? {} : { profile }),
    // Without them, and with a profile: shared configuration, or the machine's own role, as with every program of AWS's.
    ...(accessKeyId && secretAccessKey
      ? { credentials: { accessKeyId, secretAccessKey, ...(sessionToken ? { sessionToken } : {}) } }
      : {}),
  };
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && /^(?:NoSuchKey|NotFound)$/.test(error.name);
}

function unreachable({ bucket, endpoint }: BucketAddress, cause: unknown): UserError {
  const reason = cause instanceof Error ? `${cause.name}: ${cause.message}` : String(cause);
  return new UserError({
    what: "the backend with the states cannot be reached",
    value: `bucket ${bucket}${endpoint === undefined ? "" : ` at ${endpoint}`}: ${reason}`,
    next: "look at the network and its credentials; pulumi login or PULUMI_BACKEND_URL leads elsewhere",
    cause,
  });
}
