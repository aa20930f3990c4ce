/**
 * Loaded by `node --require` into every Node.js process of a service that runs without Docker. It gives the process
 * what a container's network would: the names of the other services, an address of its own, and a localhost that is
 * only itself. Sockets of other runtimes are not changed.
 */
import dns from "node:dns";
import { readFileSync, statSync } from "node:fs";
import net from "node:net";

const own = process.env["GROUNDWORK_ADDRESS"];
const namesFile = process.env["GROUNDWORK_NAMES_FILE"];
const networks = (process.env["GROUNDWORK_NETWORKS"] ?? "").split(",");
const loopback = new Set(["", "localhost", "127.0.0.1", "::1", "0.0.0.0", "::", "[::1]", "ip6-localhost"]);

let read: { readonly mtime: number; readonly names: ReadonlyMap<string, readonly string[]> } | undefined;

/** Names of the other services, read anew when the table has changed. */
function names(): ReadonlyMap<string, readonly string[]> {
  if (namesFile === undefined) return new Map();
  try {
    const mtime = statSync(namesFile).mtimeMs;
    if (read?.mtime === mtime) return read.names;
    const table = JSON.parse(readFileSync(namesFile, "utf8")) as {
      networks?: Record<string, Record<string, string | string[]>>;
    };
    const found = new Map<string, readonly string[]>();
    for (const network of networks) {
      for (const [name, address] of Object.entries(table.networks?.[network] ?? {}))
        found.set(name, [address].flat());
    }
    read = { mtime, names: found };
    return found;
  } catch {
    return read?.names ?? new Map();
  }
}

function addressOf(host: unknown): string | undefined {
  if (host !== undefined && host !== null && typeof host !== "string") return undefined;
  if (loopback.has((host ?? "").toLowerCase())) return own;
  // Several services may share a name: any of them answers, as in Docker.
  const found = names().get((host ?? "").toLowerCase()) ?? [];
  return found[Math.floor(Math.random() * found.length)];
}

type LookupCallback = (error: Error | null, address: unknown, family?: number) => void;
/** A port as Node.js takes it: a number, or digits. */
const isPort = (value: unknown): boolean =>
  typeof value === "number" || (typeof value === "string" && /^\d+$/.test(value));

type AnyFunction = (this: unknown, ...args: unknown[]) => unknown;

function patchLookup(): void {
  const lookup = dns.lookup as unknown as AnyFunction;
  const patched = function (this: unknown, host: unknown, ...rest: unknown[]): unknown {
    const address = addressOf(host);
    const callback = rest.at(-1) as LookupCallback;
    if (address === undefined || typeof callback !== "function") return lookup.call(this, host, ...rest);
    const options = rest.length > 1 ? rest[0] : undefined;
    const all =
      typeof options === "object" && options !== null && (options as { all?: boolean }).all === true;
    process.nextTick(() => (all ? callback(null, [{ address, family: 4 }]) : callback(null, address, 4)));
    return {};
  };
  Object.assign(dns, { lookup: patched });

  const promised = dns.promises.lookup as unknown as AnyFunction;
  Object.assign(dns.promises, {
    lookup: function (this: unknown, host: unknown, options?: unknown): unknown {
      const address = addressOf(host);
      if (address === undefined) return promised.call(this, host, options);
      const all =
        typeof options === "object" && options !== null && (options as { all?: boolean }).all === true;
      return Promise.resolve(all ? [{ address, family: 4 }] : { address, family: 4 });
    },
  });
}

interface HostOptions {
  host?: unknown;
  path?: unknown;
  port?: unknown;
}

function patchConnect(): void {
  // eslint-disable-next-line @typescript-eslint/unbound-method -- called with the socket it is of
  const connect = net.Socket.prototype.connect as unknown as AnyFunction;
  const redirect = (options: HostOptions): HostOptions => {
    if (options.path !== undefined && options.path !== null) return options;
    const host = addressOf(options.host);
    return host === undefined ? options : { ...options, host };
  };
  const patched = function (this: unknown, ...args: unknown[]): unknown {
    const [first, second] = args;
    if (Array.isArray(first)) {
      // What net.connect() hands on: the arguments, already normalised.
      first[0] = redirect(first[0] as HostOptions);
    } else if (typeof first === "object" && first !== null) {
      args[0] = redirect(first);
    } else if (isPort(first)) {
      const host = addressOf(typeof second === "string" ? second : undefined);
      if (host !== undefined) args.splice(1, typeof second === "string" ? 1 : 0, host);
    }
    return connect.apply(this, args);
  };
  Object.assign(net.Socket.prototype, { connect: patched });
}

function patchListen(address: string): void {
  // eslint-disable-next-line @typescript-eslint/unbound-method -- called with the server it is of
  const listen = net.Server.prototype.listen as unknown as AnyFunction;
  const patched = function (this: unknown, ...args: unknown[]): unknown {
    const [first, second] = args;
    if (typeof first === "object" && first !== null) {
      const options = first as HostOptions;
      const host = options.host;
      if (
        options.port !== undefined &&
        (host === undefined || host === null || (typeof host === "string" && loopback.has(host)))
      ) {
        args[0] = { ...options, host: address };
      }
    } else if (first === undefined || first === null || isPort(first)) {
      if (typeof second === "string") {
        if (loopback.has(second)) args[1] = address;
      } else args.splice(0, 1, first ?? 0, address);
    } else if (typeof first === "function") args.unshift(0, address);
    if (args.length === 0) args.push(0, address);
    return listen.apply(this, args);
  };
  Object.assign(net.Server.prototype, { listen: patched });
}

patchLookup();
patchConnect();
if (own !== undefined && own !== "") patchListen(own);
