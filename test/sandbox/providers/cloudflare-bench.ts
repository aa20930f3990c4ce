/** What the tests of the Cloudflare provider share: a recording HTTP server, and an engine in a page. */
import { randomBytes } from "node:crypto";
import { createServer, type IncomingHttpHeaders } from "node:http";
import type { AddressInfo } from "node:net";
import type { DiffResult } from "../../../sandbox/providers/definition";
import { type Context, Operations } from "../../../sandbox/providers/operations";
import { provider } from "../../../sandbox/providers/cloudflare/provider";
import shapes from "../../../sandbox/providers/cloudflare/shapes.json";
import { copySecrets, fromWire, type Value, type Values } from "../../../sandbox/providers/values";

export interface Recorded {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body?: Value;
}

/** The answer to one request: a result, or a status with what belongs to it. */
export interface Reply {
  readonly status?: number;
  readonly result?: Value;
  readonly resultInfo?: Value;
  readonly errors?: readonly { code: number; message: string }[];
  readonly headers?: Readonly<Record<string, string>>;
  /** Instead of an envelope. */
  readonly text?: string;
  /** No answer: the connection is cut. */
  readonly cut?: boolean;
}

export interface Recorder {
  /** To be used as base URL. */
  readonly url: string;
  /** Every request so far. */
  readonly requests: Recorded[];
  /** Takes what was recorded, as `METHOD path`. */
  take(): string[];
  close(): Promise<void>;
}

export async function startRecorder(answer: (request: Recorded) => Reply): Promise<Recorder> {
  const requests: Recorded[] = [];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      const text = Buffer.concat(chunks).toString("utf8");
      const recorded: Recorded = {
        method: request.method ?? "",
        path: decodeURIComponent((request.url ?? "").replace(/^\/client\/v4/, "")),
        headers: request.headers,
        ...(text === "" ? {} : { body: JSON.parse(text) as Value }),
      };
      requests.push(recorded);
      const reply = answer(recorded);
      if (reply.cut) return void request.socket.destroy();
      const status = reply.status ?? 200;
      response.writeHead(status, { "content-type": "application/json", ...reply.headers });
      const envelope = {
        success: status < 400,
        errors: reply.errors ?? [],
        messages: [],
        result: reply.result ?? null,
        result_info: reply.resultInfo,
      };
      response.end(reply.text ?? JSON.stringify(envelope));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/client/v4`,
    requests,
    take: () => requests.splice(0).map(({ method, path }) => `${method} ${path}`),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

/** A token of the right form, another one at every run. */
export function someToken(): string {
  return randomBytes(20).toString("hex");
}

export type ClassName = keyof typeof shapes.resources;

export interface Declared {
  readonly type: ClassName;
  readonly name: string;
  readonly inputs: Values;
}

interface Entry {
  readonly id: string;
  readonly type: ClassName;
  /** As recorded: nested secrets in place. */
  readonly inputs: Values;
  readonly outputs: Values;
}

/** Declares a resource; inputs may refer to others by `ref(name, property)`. */
export function ref(name: string, property: string): Value {
  return { $ref: name, property };
}

/** The engine's part in a page: checks, diffs, creates before it deletes, keeps the state. */
export class TinyEngine {
  readonly state = new Map<string, Entry>();
  private readonly operations = new Operations(provider as never);

  static async at(baseUrl: string, apiToken = someToken()): Promise<TinyEngine> {
    const engine = new TinyEngine();
    await engine.operations.configure({ baseUrl, apiToken });
    return engine;
  }

  context(type: ClassName, name: string): Context {
    return {
      type: shapes.resources[type].token,
      name,
      urn: `urn:pulumi:test::test::${shapes.resources[type].token}::${name}`,
      config: this.operations.config,
      signal: new AbortController().signal,
      timeoutSeconds: 0,
      secretInputs: new Set(),
      log: () => undefined,
    };
  }

  check({ type, name, inputs }: Declared): {
    inputs: Values;
    failures: readonly { property: string; reason: string }[];
  } {
    const found = this.operations.check(
      this.context(type, name),
      {},
      this.resolved(inputs),
      new Uint8Array(),
    );
    return found;
  }

  /** @returns name -> what was done */
  async up(program: readonly Declared[]): Promise<Record<string, string>> {
    const done: Record<string, string> = {};
    const replaced: [string, Entry][] = [];
    for (const declared of program) {
      const { type, name } = declared;
      const context = this.context(type, name);
      const { inputs: checked, failures } = this.check(declared);
      if (failures.length > 0) throw new Error(failures.map(({ reason }) => reason).join("\n"));
      const inputs = fromWire(checked) as Values;
      const old = this.state.get(name);
      if (old === undefined) {
        this.state.set(name, {
          type,
          inputs: checked,
          ...(await this.operations.create(context, inputs, false)),
        });
        done[name] = "create";
        continue;
      }
      const { differences } = this.diff(declared);
      if (differences.length === 0) done[name] = "same";
      else if (differences.some(({ replace }) => replace)) {
        this.state.set(name, {
          type,
          inputs: checked,
          ...(await this.operations.create(context, inputs, false)),
        });
        replaced.push([name, old]);
        done[name] = "replace";
      } else {
        const outputs = await this.operations.update(context, old.id, ...plain(old), inputs, false);
        this.state.set(name, { ...old, inputs: checked, outputs: copySecrets(outputs, checked) });
        done[name] = "update";
      }
    }
    const kept = new Set(program.map(({ name }) => name));
    const gone = [...this.state].filter(([name]) => !kept.has(name)).reverse();
    for (const [name, entry] of [...replaced.reverse(), ...gone]) {
      await this.operations.delete(this.context(entry.type, name), entry.id, ...plain(entry));
      if (!kept.has(name)) this.state.delete(name);
    }
    return done;
  }

  diff(declared: Declared): DiffResult {
    const old = this.state.get(declared.name)!;
    const news = fromWire(this.check(declared).inputs) as Values;
    return this.operations.diff(this.context(declared.type, declared.name), old.id, ...plain(old), news);
  }

  /** @returns the names of those that are gone */
  async refresh(): Promise<string[]> {
    const gone: string[] = [];
    for (const [name, entry] of this.state) {
      const found = await this.operations.read(this.context(entry.type, name), entry.id, ...plain(entry));
      if (found !== undefined) this.state.set(name, { type: entry.type, ...found });
      else {
        this.state.delete(name);
        gone.push(name);
      }
    }
    return gone;
  }

  async import(type: ClassName, name: string, id: string): Promise<Entry | undefined> {
    const found = await this.operations.read(this.context(type, name), id, {}, {});
    if (found === undefined) return undefined;
    const entry = { type, ...found };
    this.state.set(name, entry);
    return entry;
  }

  preview(declared: Declared): Promise<{ outputs: Values }> {
    const inputs = fromWire(this.check(declared).inputs) as Values;
    return this.operations.create(this.context(declared.type, declared.name), inputs, true);
  }

  invoke(name: keyof typeof shapes.functions, args: Values): Promise<Values> {
    const { urn: _urn, name: _name, type: _type, ...context } = this.context("Zone", "");
    return this.operations.invoke(shapes.functions[name].token, args, context);
  }

  destroy(): Promise<Record<string, string>> {
    return this.up([]);
  }

  /** The recorded outputs without marks of secrets. */
  outputs(name: string): Values {
    return fromWire(this.state.get(name)!.outputs) as Values;
  }

  private resolved(value: Values): Values {
    const resolve = (item: Value): Value => {
      if (Array.isArray(item)) return item.map(resolve);
      if (typeof item !== "object" || item === null) return item;
      const { $ref, property } = item;
      if (typeof $ref === "string" && typeof property === "string") {
        return property === "id" ? this.state.get($ref)!.id : this.outputs($ref)[property];
      }
      return Object.fromEntries(Object.entries(item).map(([name, one]) => [name, resolve(one)]));
    };
    return resolve(value) as Values;
  }
}

function plain({ inputs, outputs }: Entry): [Values, Values] {
  return [fromWire(inputs) as Values, fromWire(outputs) as Values];
}
