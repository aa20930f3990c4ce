import { setTimeout as sleep } from "node:timers/promises";
import Fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from "fastify";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { createAuthority } from "../certificates";
import type { EdgeView } from "../edge/view";
import { UserError } from "../../common/user-error";
import { atLastPort } from "../listen";
import type { StorageAccount } from "../storage/account";
import { Assets } from "./assets";
import type { BucketObjects, Services } from "./call";
import { Connectors } from "./connectors";
import { ApiError, failure } from "./envelope";
import { type Fault, Faults } from "./faults";
import { isHexId, sha256, stableId } from "./ids";
import type { PlanName, Tables } from "./model";
import { mount, noRoute } from "./router";
import { routes } from "./routes";
import { addZone } from "./routes/zones";
import { storageView } from "./storage-view";
import { Store } from "./store";
import { edgeView } from "./view";

export type { Fault } from "./faults";

export interface CloudflareOptions {
  /** Everything the account knows is kept here; made if missing. */
  readonly stateDirectory: string;
  /** The one of last time; another where somebody else has it. @default a free one */
  readonly port?: number;
  /** 32 hex digits. */
  readonly accountId: string;
  /** @default "Sandbox" */
  readonly accountName?: string;
  /** The token that may do everything: 40 to 80 letters, digits, `-` and `_`. Not written to the state. */
  readonly apiToken: string;
  /** What stands for `pages.dev`. @default "pages.dev" */
  readonly pagesDomain?: string;
  readonly log?: (line: string) => void;
  /** The clock, for tests of expiry. @default the system's */
  readonly now?: () => Date;
  /** What R2's storage holds. @default nothing */
  readonly objects?: Partial<BucketObjects>;
}

/** Something in the account has changed. */
export interface Activity {
  readonly at: string;
  readonly tables: readonly (keyof Tables)[];
}

export interface CloudflareServer {
  /** What an API client takes as base URL, without a trailing slash. */
  readonly url: string;
  readonly port: number;
  readonly view: EdgeView;
  /** What R2's storage needs to know. */
  readonly storage: StorageAccount;
  readonly connectors: Connectors;
  /** Artificial failures of the API, for tests. */
  readonly faults: { add(fault: Fault): void; clear(): void };
  /** The zone of that name, made active if there is none. */
  ensureZone(zone: { id?: string; name: string; plan?: PlanName }): Promise<{ id: string; name: string }>;
  /** @returns a function that ends the calls. */
  onChange(listener: (activity: Activity) => void): () => void;
  close(): Promise<void>;
}

/**
 * Starts Cloudflare's v4 API for one account on loopback.
 *
 * @throws UserError where the account id or the token has the wrong form, or the state folder is in use or damaged.
 * @example
 * const cloudflare = await startCloudflare({ stateDirectory: ".groundwork/cloudflare", accountId, apiToken });
 * const client = new Cloudflare({ baseURL: cloudflare.url, apiToken });
 */
export async function startCloudflare(options: CloudflareOptions): Promise<CloudflareServer> {
  checkOptions(options);
  const { stateDirectory, accountId, apiToken, now = () => new Date() } = options;
  const originCa = await createAuthority(
    join(stateDirectory, "origin-ca"),
    "CloudFlare Origin Certificate Authority (sandbox)",
  );
  const store = new Store(join(stateDirectory, "store"));
  const faults = new Faults();
  const services: Services = {
    store,
    assets: new Assets(join(stateDirectory, "assets")),
    connectors: new Connectors((tunnelId) => {
      const row = store.get("tunnels", tunnelId);
      if (row?.wasConnected === false) store.put("tunnels", row.id, { ...row, wasConnected: true });
    }),
    originCa,
    account: { id: accountId, name: options.accountName ?? "Sandbox", createdOn: "2026-01-01T00:00:00Z" },
    user: { id: stableId(`user of ${accountId}`), email: "sandbox@example.com" },
    pagesDomain: options.pagesDomain ?? "pages.dev",
    objects: {
      count: (bucket) => options.objects?.count?.(bucket) ?? 0,
      sorted: (bucket) => options.objects?.sorted?.(bucket) ?? [],
      delete: (bucket, key) => options.objects?.delete?.(bucket, key),
    },
    now,
  };
  const server = await createServer(services, faults, apiToken, options.log);
  try {
    await atLastPort(options.port, options.log, (port) => server.listen({ host: "127.0.0.1", port }));
  } catch (error) {
    store.close();
    throw error;
  }
  const { port } = server.server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}/client/v4`,
    port,
    view: edgeView(services),
    storage: storageView(services, sha256(apiToken)),
    connectors: services.connectors,
    faults,
    ensureZone({ id, name, plan }) {
      const existing = store.find("zones", (zone) => zone.name === name.toLowerCase());
      const zone =
        existing ??
        addZone(store, {
          ...(id === undefined ? {} : { id }),
          ...(plan === undefined ? {} : { plan }),
          name: name.toLowerCase(),
          status: "active",
          time: now().toISOString(),
        });
      if (plan !== undefined && zone.plan !== plan) store.put("zones", zone.id, { ...zone, plan });
      return Promise.resolve({ id: zone.id, name: zone.name });
    },
    onChange: (listener) =>
      store.onCommit((changes) =>
        listener({ at: now().toISOString(), tables: [...new Set(changes.map(({ table }) => table))] }),
      ),
    async close() {
      await server.close();
      store.close();
    },
  };
}

async function createServer(
  services: Services,
  faults: Faults,
  apiToken: string,
  log: ((line: string) => void) | undefined,
): Promise<FastifyInstance> {
  // Assets come in batches of up to 40 MiB before base64.
  const server = Fastify({
    bodyLimit: 100 * 1024 * 1024,
    forceCloseConnections: true,
    routerOptions: { maxParamLength: 4000 },
  });
  server.removeAllContentTypeParsers();
  server.addContentTypeParser(/^multipart\/form-data/, { parseAs: "buffer" }, formOf);
  server.addContentTypeParser("*", { parseAs: "string" }, (_request, body, done) => done(null, body));
  server.addHook("onRequest", (request, reply) => misbehave(faults, request, reply));
  server.addHook("onResponse", (request, reply, done) => {
    log?.(`${request.method} ${request.url.replace(/\?.*$/s, "")} ${reply.statusCode}`);
    done();
  });
  server.setNotFoundHandler((request, reply) => answerError(reply, noRoute(pathOf(request))));
  server.setErrorHandler((error, request, reply) => {
    if (error instanceof ApiError) return answerError(reply, error);
    const status = (error as { statusCode?: number }).statusCode ?? 500;
    const message = error instanceof Error ? error.message : String(error);
    if (status < 500) return answerError(reply, new ApiError(status, [{ code: 6003, message }]));
    log?.(`${request.method} ${pathOf(request)} failed: ${message}`);
    return answerError(reply, new ApiError(500, [{ code: 10001, message: "Internal server error" }]));
  });
  mount(server, routes, services, sha256(apiToken));
  await server.ready();
  return server;
}

/** The parts of a multipart body as text: all that comes this way (manifest, `_headers`, …) is text. */
async function formOf(request: FastifyRequest, body: Buffer): Promise<ReadonlyMap<string, string>> {
  const headers = { "content-type": request.headers["content-type"] ?? "" };
  const form = await new Response(new Uint8Array(body), { headers }).formData().catch(() => {
    throw new ApiError(400, [{ code: 6003, message: "Malformed multipart body" }]);
  });
  const parts = new Map<string, string>();
  for (const [name, value] of form) parts.set(name, typeof value === "string" ? value : await value.text());
  return parts;
}

function pathOf(request: FastifyRequest): string {
  return request.url.replace(/\?.*$/s, "").replace(/^\/client\/v4/, "");
}

function answerError(reply: FastifyReply, error: ApiError): FastifyReply {
  return reply
    .code(error.status)
    .headers(error.headers)
    .type("application/json; charset=utf-8")
    .send(JSON.stringify(failure(error)));
}

async function misbehave(faults: Faults, request: FastifyRequest, reply: FastifyReply): Promise<unknown> {
  const fault = faults.take(request.method, pathOf(request));
  if (fault === undefined) return undefined;
  if (fault.delayMs !== undefined) await sleep(fault.delayMs);
  if (fault.kind === "cut") {
    reply.hijack();
    request.raw.socket.destroy();
    return reply;
  }
  if (fault.kind === "cut-after") {
    // The work is done; the client never learns of it.
    reply.raw.write = () => true;
    reply.raw.end = (() => {
      request.raw.socket.destroy();
      return reply.raw;
    }) as typeof reply.raw.end;
    return undefined;
  }
  const headers: Record<string, string> = {};
  if (fault.retryAfterSeconds !== undefined) headers["retry-after"] = String(fault.retryAfterSeconds);
  const message =
    fault.kind === 429
      ? "More than 1200 requests per 300 seconds reached. Please wait and consider throttling your request speed"
      : "Internal server error";
  throw new ApiError(fault.kind, [{ code: fault.kind === 429 ? 971 : 10001, message }], headers);
}

function checkOptions({ accountId, apiToken }: CloudflareOptions): void {
  if (!isHexId(accountId)) {
    throw new UserError({
      what: "the account id has the wrong form",
      value: accountId,
      allowed: "32 hex digits",
    });
  }
  if (!/^[0-9A-Za-z\-_]{40,80}$/.test(apiToken)) {
    throw new UserError({
      what: "the API token has the wrong form",
      value: `${apiToken.length} characters`,
      allowed: "40 to 80 letters, digits, - and _",
    });
  }
}
