import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { projectRoot } from "../../../common/project-root";
import { type Bench, type Reply, accountId, startBench, zoneId } from "./support";

const file = join(projectRoot(), "..", "shared", "contracts", "cloudflare-provider-wire.json");

interface WireRequest {
  method: string;
  path: string;
  headers?: Record<string, string>;
  body?: Record<string, unknown>;
}

/** Requests of the record that Cloudflare refuses: the status they get, and why that is right. */
const refusals: readonly { method: string; path: RegExp; nth: number; status: number; why: string }[] = [
  {
    method: "POST",
    path: /\/r2\/buckets$/,
    nth: 2,
    status: 409,
    why: "the bucket of that name is still there",
  },
  {
    method: "DELETE",
    path: /\/r2\/buckets\/[^/]+\/cors$/,
    nth: 1,
    status: 404,
    why: "its bucket was deleted before it",
  },
  {
    method: "DELETE",
    path: /\/domains\/custom\//,
    nth: 1,
    status: 404,
    why: "its bucket was deleted before it",
  },
];

/** Members of a body that a read does not give back. */
const writeOnly = new Set(["locationHint", "storageClass", "client_secret_version", "policies", "source"]);

/** Gives the placeholders of the record their ids, as the answers bring them. */
class Replay {
  readonly #ids = new Map<string, string>([
    ["account_id", accountId],
    ["zone_id", zoneId],
    ["id1", "2efd5506f9c8494dacb1fa10a3e7d5b6"],
  ]);

  constructor(
    readonly bench: Bench,
    readonly requests: readonly WireRequest[],
  ) {}

  fill<T>(template: T): T {
    const text = JSON.stringify(template).replace(
      /\{(\w+)\}/g,
      (all, name: string) => this.#ids.get(name) ?? all,
    );
    return JSON.parse(text) as T;
  }

  async send(index: number): Promise<Reply> {
    const { method, path, body, headers } = this.requests[index]!;
    const reply = await this.bench.send(
      method,
      this.fill(path),
      this.fill(body ?? null) ?? undefined,
      headers,
    );
    const id = (reply.body?.result as { id?: string } | null)?.id;
    if (method === "POST" && id !== undefined) this.#bind(path, id, index);
    return reply;
  }

  /** The id of what was created is the first placeholder that the record puts behind its path and that is not bound yet. */
  #bind(path: string, id: string, index: number): void {
    for (const later of this.requests.slice(index + 1)) {
      const name = later.path.startsWith(`${path}/{`)
        ? /^\{(\w+)\}/.exec(later.path.slice(path.length + 1))?.[1]
        : undefined;
      if (name !== undefined && !this.#ids.has(name)) {
        this.#ids.set(name, id);
        return;
      }
    }
  }
}

if (existsSync(file)) {
  describe("the requests that the real provider makes", () => {
    it("are all answered rightly, and what was sent is what is read", async () => {
      const requests = JSON.parse(readFileSync(file, "utf8")) as WireRequest[];
      const bench = await startBench();
      const replay = new Replay(bench, requests);
      const counts = new Map<unknown, number>();
      /** What was last written, by the path where it is read. */
      const written = new Map<string, Record<string, unknown>>();
      let reads = 0;
      for (const [index, request] of requests.entries()) {
        const reply = await replay.send(index);
        const path = replay.fill(request.path);
        const rule = refusals.find(
          ({ method, path: pattern }) => method === request.method && pattern.test(path),
        );
        const count = (counts.get(rule) ?? 0) + 1;
        counts.set(rule, count);
        const refused = rule?.nth === count;
        expect(`${request.method} ${path} ${reply.status}`).toBe(
          `${request.method} ${path} ${refused ? rule.status : statusOf(request, reply)}`,
        );
        if (refused) continue;
        const result = reply.body?.result as Record<string, unknown> | null;
        if (request.body !== undefined) {
          const body = replay.fill(request.body);
          // A new object is read by its id or by its name.
          const names = [result?.["id"], body["name"], body["domain"]].map(String);
          const places = request.method === "POST" ? names.map((name) => `${path}/${name}`) : [path];
          for (const at of places) {
            written.set(at, request.method === "PATCH" ? merge(written.get(at) ?? {}, body) : body);
          }
        } else if (request.method === "GET") {
          const sent = written.get(path);
          expect(sent).toBeDefined();
          const kept = Object.fromEntries(Object.entries(sent!).filter(([name]) => !writeOnly.has(name)));
          expect(result).toMatchObject(kept);
          reads += 1;
        }
      }
      expect(reads).toBe(requests.filter(({ method }) => method === "GET").length);
      await bench.close();
    });

    it("for a bucket give back location and storage class as they were sent", async () => {
      const bench = await startBench();
      const path = `/accounts/${accountId}/r2/buckets`;
      await bench.send(
        "POST",
        path,
        { name: "audio-staging", locationHint: "weur", storageClass: "Standard" },
        { "cf-r2-jurisdiction": "default" },
      );
      const read = await bench.send("GET", `${path}/audio-staging`, undefined, {
        "cf-r2-jurisdiction": "default",
      });
      expect(read.body.result).toMatchObject({
        location: "weur",
        storage_class: "Standard",
        jurisdiction: "default",
      });
      await bench.close();
    });
  });
} else {
  it("the provider's requests are not replayed: ../shared/contracts/cloudflare-provider-wire.json is not beside this checkout", () => {
    console.warn(
      "skipped: ../shared/contracts is absent, so the provider's recorded requests are not replayed",
    );
    expect(existsSync(file)).toBe(false);
  });
}

function merge(before: Record<string, unknown>, change: Record<string, unknown>): Record<string, unknown> {
  const isObject = (value: unknown): value is Record<string, unknown> =>
    typeof value === "object" && value !== null && !Array.isArray(value);
  const merged = { ...before };
  for (const [key, value] of Object.entries(change)) {
    const old = merged[key];
    merged[key] = isObject(value) && isObject(old) ? merge(old, value) : value;
  }
  return merged;
}

/** What a request that is not refused answers. */
function statusOf({ method }: WireRequest, reply: Reply): number {
  const allowed = method === "POST" ? [200, 201] : method === "DELETE" ? [200, 202, 204] : [200];
  return allowed.includes(reply.status) ? reply.status : allowed[0]!;
}
