import { createHash } from "node:crypto";
import { S3Client, type S3ClientConfig, type S3ServiceException } from "@aws-sdk/client-s3";
import { type Storage, startStorage, type StorageOptions } from "../../../sandbox/storage/server";
import { accountId, type Bench, startBench } from "../cloudflare/support";

// It says at each start that versions of next year will want another Node.
process.env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED = "true";

export interface Keys {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
}

/** Permission groups for a bucket's objects, as Cloudflare publishes them. */
const groupIds = {
  read: "6a018a9f2fc74eb6b293b0c548f38b39",
  write: "2efd5506f9c8494dacb1fa10a3e7d5b6",
} as const;

type Grants = Readonly<Record<string, "read" | "write">>;

/** Cloudflare's API with R2's storage beside it. */
export class StorageWorld {
  storage!: Storage;
  private readonly clients: S3Client[] = [];

  private constructor(
    readonly bench: Bench,
    private readonly options: Partial<StorageOptions>,
  ) {}

  static async start(options: Partial<StorageOptions> = {}): Promise<StorageWorld> {
    let world: StorageWorld | undefined = undefined;
    const bench = await startBench({
      objects: {
        count: (bucket) => world!.storage.objects.count(bucket),
        sorted: (bucket) => world!.storage.objects.sorted(bucket),
        delete: (bucket, key) => world!.storage.objects.delete(bucket, key),
      },
    });
    world = new StorageWorld(bench, options);
    await world.open();
    return world;
  }

  /** Ends the storage and starts it again on the same folder. */
  async restart(): Promise<void> {
    await this.storage.close();
    await this.open();
  }

  private async open(): Promise<void> {
    const { server, folder } = this.bench;
    this.storage = await startStorage({
      directory: `${folder}/storage`,
      account: server.storage,
      ...this.options,
    });
  }

  async bucket(name: string, jurisdiction?: "eu"): Promise<void> {
    const where = jurisdiction === undefined ? {} : { "cf-r2-jurisdiction": jurisdiction };
    await this.bench.client.r2.buckets.create({ account_id: accountId, name, ...where });
  }

  /** S3 keys as a stack makes them: a token with a policy for each kind of permission. */
  async keys(grants: Grants, jurisdiction = "default"): Promise<Keys> {
    const policies = Object.entries(grants).map(([bucket, permission]) => ({
      effect: "allow" as const,
      permission_groups: [{ id: groupIds[permission] }],
      resources: { [`com.cloudflare.edge.r2.bucket.${accountId}_${jurisdiction}_${bucket}`]: "*" },
    }));
    const name = `for ${Object.keys(grants).join()}`;
    return this.keysOf(
      await this.bench.client.accounts.tokens.create({ account_id: accountId, name, policies }),
    );
  }

  /** What a token comes to as S3 keys. */
  keysOf({ id, value }: { id?: string; value?: string }): Keys {
    return { accessKeyId: id!, secretAccessKey: hash(value!) };
  }

  /** Keys of the token that may do everything. */
  async ownKeys(): Promise<Keys> {
    const { id } = await this.bench.client.accounts.tokens.verify({ account_id: accountId });
    return { accessKeyId: id, secretAccessKey: hash(this.bench.apiToken) };
  }

  /** The official SDK as an application sets it up: nothing but endpoint, region and keys. It does not retry. */
  client(credentials: Keys, config: S3ClientConfig = {}): S3Client {
    const client = new S3Client({
      endpoint: this.storage.url,
      region: "auto",
      credentials,
      maxAttempts: 1,
      ...config,
    });
    this.clients.push(client);
    return client;
  }

  async close(): Promise<void> {
    for (const client of this.clients) client.destroy();
    await this.storage.close();
    await this.bench.close();
  }
}

export function hash(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}

/** The code and status that a call was refused with. */
export async function refusalOf(
  call: Promise<unknown>,
): Promise<{ code: string; status: number | undefined }> {
  try {
    await call;
  } catch (error) {
    const { name, $metadata } = error as S3ServiceException;
    return { code: name, status: $metadata?.httpStatusCode };
  }
  throw new Error("the call was not refused");
}
