import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import Cloudflare from "cloudflare";
import {
  type CloudflareOptions,
  type CloudflareServer,
  startCloudflare,
} from "../../../sandbox/cloudflare/server";

export const accountId = "000000000000000000000000000000a1";
export const zoneId = "000000000000000000000000000000b1";

/** A running server with its folder, token and clients. */
export interface Bench {
  readonly server: CloudflareServer;
  readonly folder: string;
  readonly apiToken: string;
  readonly zoneId: string;
  /** The official SDK with the token that may do everything; it does not retry. */
  readonly client: Cloudflare;
  /** The official SDK with another token. */
  as(apiToken: string): Cloudflare;
  /** A plain request: what no SDK would send. `body` is sent as it is when a string, else as JSON. */
  send(method: string, path: string, body?: unknown, headers?: Record<string, string>): Promise<Reply>;
  /** Stops the server and starts it on the same folder. */
  restart(): Promise<Bench>;
  close(): Promise<void>;
}

export interface Reply {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  readonly body: {
    success: boolean;
    errors: { code: number; message: string; error_chain?: { message: string }[] }[];
    messages: unknown[];
    result: unknown;
    result_info?: unknown;
  };
}

/** Servers that still run: a test that fails before it closes its own must not keep jest from ending. */
const running = new Set<CloudflareServer>();
afterAll(async () => {
  for (const server of running) await server.close();
});

/** Starts a server with the zone `example.com` on a free plan in a folder of its own. */
export async function startBench(options: Partial<CloudflareOptions> = {}): Promise<Bench> {
  const folder = options.stateDirectory ?? mkdtempSync(join(tmpdir(), "groundwork-cloudflare-"));
  const apiToken = options.apiToken ?? randomBytes(20).toString("hex");
  const server = await startCloudflare({ accountId, ...options, stateDirectory: folder, apiToken });
  running.add(server);
  await server.ensureZone({ id: zoneId, name: "example.com" });
  const as = (token: string): Cloudflare =>
    new Cloudflare({ apiToken: token, baseURL: server.url, maxRetries: 0 });
  return {
    server,
    folder,
    apiToken,
    zoneId,
    client: as(apiToken),
    as,
    async send(method, path, body, headers = {}) {
      const init: RequestInit = { method, headers: { authorization: `Bearer ${apiToken}`, ...headers } };
      if (body !== undefined) {
        init.body = typeof body === "string" ? body : JSON.stringify(body);
        init.headers = { "content-type": "application/json", ...init.headers };
      }
      const response = await fetch(server.url + path, init);
      const text = await response.text();
      const isJson = response.headers.get("content-type")?.includes("json") ?? false;
      return {
        status: response.status,
        headers: response.headers,
        text,
        body: (isJson ? JSON.parse(text) : undefined) as Reply["body"],
      };
    },
    async restart() {
      running.delete(server);
      await server.close();
      return startBench({ ...options, stateDirectory: folder, apiToken });
    },
    async close() {
      running.delete(server);
      await server.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** All of a paginated list. */
export async function collect<T>(pages: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of pages) all.push(item);
  return all;
}
