import { randomBytes } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer, type IncomingHttpHeaders, type Server } from "node:http";
import { request } from "node:https";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import Cloudflare from "cloudflare";
import { type CloudflareServer, startCloudflare } from "../../../../sandbox/cloudflare/server";
import { openAccess } from "../../../../sandbox/edge/access/access";
import { accessFolder, type PendingPin, pendingPins } from "../../../../sandbox/edge/access/logins";
import { type Edge, startEdge } from "../../../../sandbox/edge/edge";
import type { EdgeHooks } from "../../../../sandbox/edge/pipeline";

export const accountId = `${"0".repeat(29)}0a1`;
export const zone = "plyr.example";
export const site = `stg.${zone}`;
export const api = `api-stg.${zone}`;
export const team = "sandbox.cloudflareaccess.com";
const originAddress = "203.0.113.10";

/** An answer of the edge; nothing is followed. */
export interface Got {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
}

export interface Ask {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

/** An edge in front of one origin, for the hosts of an account; the official SDK is what the account is changed with. */
export class AccessWorld {
  readonly cloudflare: Cloudflare;
  readonly account = { account_id: accountId };
  /** What the origin was asked last. */
  received: { readonly url: string; readonly headers: IncomingHttpHeaders } | undefined;

  private constructor(
    readonly server: CloudflareServer,
    readonly edge: Edge,
    private readonly directory: string,
    private readonly origin: Server,
    apiToken: string,
  ) {
    this.cloudflare = new Cloudflare({ baseURL: server.url, apiToken });
  }

  /** @param now another clock for Access and for the API, milliseconds since 1970 */
  static async start(now?: () => number): Promise<AccessWorld> {
    const directory = await mkdtemp(join(tmpdir(), "access-"));
    const apiToken = randomBytes(30).toString("hex");
    const server = await startCloudflare({
      stateDirectory: join(directory, "cloudflare"),
      accountId,
      apiToken,
      ...(now === undefined ? {} : { now: () => new Date(now()) }),
    });
    const origin = createServer();
    await new Promise<void>((resolve) => origin.listen(0, "127.0.0.1", resolve));
    const { port } = origin.address() as AddressInfo;
    const edge = await startEdge({
      view: server.view,
      directory: join(directory, "edge"),
      hooks: now === undefined ? {} : await hooksOf(server, join(directory, "edge"), now),
      resolveOrigin: (address) => (address === originAddress ? { host: "127.0.0.1", port } : undefined),
    });
    const world = new AccessWorld(server, edge, directory, origin, apiToken);
    const { id } = await server.ensureZone({ name: zone });
    await world.cloudflare.zones.settings.edit("ssl", { zone_id: id, value: "flexible" });
    for (const name of [site, api]) {
      const record = { type: "A", name, content: originAddress, proxied: true, ttl: 1 } as const;
      await world.cloudflare.dns.records.create({ zone_id: id, ...record });
    }
    origin.on("request", ({ url = "", headers }, response) => {
      world.received = { url, headers };
      // As an application does that lets a page of another host ask it with cookies.
      response.setHeader("access-control-allow-origin", `https://${site}`);
      response.setHeader("access-control-allow-credentials", "true");
      response.setHeader("access-control-allow-headers", "x-asked");
      response.setHeader("content-type", "text/html");
      response.end(`<title>${headers.host ?? ""}</title>the origin of ${headers.host ?? ""}`);
    });
    return world;
  }

  async close(): Promise<void> {
    await this.edge.close();
    await this.server.close();
    this.origin.closeAllConnections();
    await new Promise((resolve) => this.origin.close(resolve));
    await rm(this.directory, { recursive: true, force: true });
  }

  async policy(body: object): Promise<string> {
    const { policies } = this.cloudflare.zeroTrust.access;
    const made = await policies.create({ ...this.account, name: "policy", ...body } as never);
    return made.id!;
  }

  async application(uris: readonly string[], policies: readonly string[], body: object = {}) {
    const { applications } = this.cloudflare.zeroTrust.access;
    return (await applications.create({
      ...this.account,
      type: "self_hosted",
      name: uris[0],
      destinations: uris.map((uri) => ({ type: "public", uri })),
      policies: policies.map((id, index) => ({ id, precedence: index + 1 })),
      ...body,
    } as never)) as unknown as { id: string; aud: string };
  }

  async provider(type: string, name: string, config: object): Promise<string> {
    const { identityProviders } = this.cloudflare.zeroTrust;
    const made = await identityProviders.create({ ...this.account, type, name, config } as never);
    return made.id!;
  }

  /** The PINs that somebody waits for: there is no mail. */
  pins(): Promise<PendingPin[]> {
    return pendingPins(accessFolder(join(this.directory, "edge")));
  }

  /** One request to a host, verified against the edge's authority. */
  ask(url: string, { method = "GET", headers = {}, body }: Ask = {}): Promise<Got> {
    const { hostname, pathname, search } = new URL(url);
    // As written: a URL would take dots away.
    const path = /^https:\/\/[^/]+(\/.*)$/.exec(url)?.[1] ?? `${pathname}${search}`;
    return new Promise((resolve, reject) => {
      const asked = request(
        {
          host: "127.0.0.1",
          port: this.edge.httpsPort,
          servername: hostname,
          ca: this.edge.authority.certificatePem,
          method,
          path,
          agent: false,
          headers: {
            host: hostname,
            ...(body === undefined
              ? {}
              : {
                  "content-type": "application/x-www-form-urlencoded",
                  "content-length": String(Buffer.byteLength(body)),
                }),
            ...headers,
          },
        },
        (answer) => {
          let text = "";
          answer.setEncoding("utf8").on("data", (part: string) => (text += part));
          answer.on("end", () => resolve({ status: answer.statusCode ?? 0, headers: answer.headers, text }));
        },
      );
      asked.on("error", reject);
      asked.end(body);
    });
  }
}

async function hooksOf(server: CloudflareServer, directory: string, now: () => number): Promise<EdgeHooks> {
  const { team: teamStep, gate } = await openAccess({
    view: server.view.access!,
    directory: accessFolder(directory),
    now,
  });
  return { team: teamStep, access: gate };
}

/** A browser without a window: cookies by host, forms, redirects one at a time. */
export class Visitor {
  private readonly jars = new Map<string, Map<string, string>>();

  constructor(private readonly world: AccessWorld) {}

  cookie(host: string, name: string): string | undefined {
    return this.jars.get(host)?.get(name);
  }

  async get(url: string, ask: Ask = {}): Promise<Got> {
    const host = new URL(url).hostname;
    const jar = this.jars.get(host) ?? new Map<string, string>();
    this.jars.set(host, jar);
    const sent = [...jar].map(([name, value]) => `${name}=${value}`).join("; ");
    const got = await this.world.ask(url, {
      ...ask,
      headers: { ...(sent === "" ? {} : { cookie: sent }), ...ask.headers },
    });
    for (const line of got.headers["set-cookie"] ?? []) {
      const [pair = ""] = line.split(";");
      const [name = "", value = ""] = [pair.slice(0, pair.indexOf("=")), pair.slice(pair.indexOf("=") + 1)];
      if (/expires=Thu, 01 Jan 1970/i.test(line)) jar.delete(name);
      else jar.set(name, value);
    }
    return got;
  }

  /** Follows redirects. @returns the last answer, and every address on the way */
  async follow(url: string, ask: Ask = {}): Promise<Got & { readonly way: readonly string[] }> {
    const way = [url];
    let got = await this.get(url, ask);
    while (got.status === 302 && way.length < 20) {
      const next = new URL(got.headers.location!, way.at(-1)).toString();
      way.push(next);
      got = await this.get(next);
    }
    return { ...got, way };
  }

  /** Fills the only form of a page of a host in, and follows. */
  async submit(host: string, page: Got, fields: Readonly<Record<string, string>>) {
    const action = /<form method="post" action="([^"]+)"/.exec(page.text)?.[1] ?? "";
    const hidden: [string, string][] = [
      ...page.text.matchAll(/<input type="hidden" name="([^"]+)" value="([^"]*)"/g),
    ].map(([, name = "", value = ""]) => [
      name,
      value.replaceAll(/&#(\d+);/g, (_all, code: string) => String.fromCharCode(Number(code))),
    ]);
    const body = new URLSearchParams({ ...Object.fromEntries(hidden), ...fields }).toString();
    return this.follow(`https://${host}${action}`, { method: "POST", body });
  }

  /** The whole login by PIN, from an address. */
  async logIn(world: AccessWorld, url: string, email: string) {
    const form = await this.follow(url);
    const waiting = await this.submit(team, form, { email });
    const pin = (await world.pins()).find((pending) => pending.email === email)?.pin;
    return this.submit(team, waiting, { code: pin ?? "none was made" });
  }
}
