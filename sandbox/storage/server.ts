import { createServer } from "node:http";
import type { Socket } from "node:net";
import { join } from "node:path";
import { type Log, silent } from "../../common/log";
import type { ClientRequest } from "../edge/exchange";
import type { Step } from "../edge/pipeline";
import type { ClientResponse } from "../edge/respond";
import type { BucketObjects } from "../cloudflare/call";
import { listenAtLastPort } from "../listen";
import type { StorageAccount } from "./account";
import { Buckets } from "./buckets";
import { expire } from "./lifecycle";
import { publicStep } from "./public";
import { serveStorage, type StorageServices } from "./serve";

/** What {@link startStorage} needs. */
export interface StorageOptions {
  /** Objects are kept here; made if missing. */
  readonly directory: string;
  readonly account: StorageAccount;
  /** @default 0: a free one */
  readonly port?: number;
  /** The clock, for tests of expiry. @default the system's */
  readonly now?: () => Date;
  /** How often old objects are looked for, in milliseconds. @default 60000 */
  readonly expireEveryMs?: number;
  /** One line for each request. @default silent */
  readonly log?: Log;
}

/** What holds the objects of R2's buckets, and speaks S3. */
export interface Storage {
  /** Where S3 clients reach it on this machine, buckets in the path: `http://127.0.0.1:<port>`. */
  readonly url: string;
  readonly port: number;
  /** Answers a request for a host of R2's S3 interface. */
  readonly serve: (request: ClientRequest, response: ClientResponse) => Promise<void>;
  /** Lets everybody read at the public domains of buckets: the edge's hook `buckets`. */
  readonly publicStep: Step;
  /** For the API. */
  readonly objects: BucketObjects;
  close(): Promise<void>;
}

/**
 * Starts R2's S3 interface on loopback, over the objects in a folder.
 *
 * @example
 * const storage = await startStorage({ directory: ".groundwork/storage", account: api.storage });
 * const client = new S3Client({ endpoint: storage.url, region: "auto", forcePathStyle: true, credentials });
 */
export async function startStorage(options: StorageOptions): Promise<Storage> {
  const { account, now = () => new Date(), log = silent } = options;
  const buckets = new Buckets(join(options.directory, "buckets"));
  buckets.keepOnly(account.buckets());
  const services: StorageServices = { account, buckets, now, log };
  const serve: Storage["serve"] = (request, response) => serveStorage(services, request, response);
  const server = createServer({ requestTimeout: 0, keepAliveTimeout: 75_000 }, (request, response) => {
    void serve(request, response);
  });
  expire(account, buckets, now());
  // R2 takes up to a day for it.
  const clock = setInterval(() => expire(account, buckets, now()), options.expireEveryMs ?? 60_000).unref();
  const sockets = new Set<Socket>();
  server.on("connection", (socket) => {
    sockets.add(socket);
    socket.once("close", () => sockets.delete(socket));
  });
  const port = await listenAtLastPort(server, options.port, options.log);
  return {
    url: `http://127.0.0.1:${port}`,
    port,
    serve,
    publicStep: publicStep(account, buckets),
    objects: {
      count: (bucket) => buckets.of(bucket).count,
      sorted: (bucket) => buckets.of(bucket).sorted(),
      delete: (bucket, key) => buckets.of(bucket).delete(key),
    },
    async close() {
      clearInterval(clock);
      const closed = new Promise((resolve) => server.close(resolve));
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}
