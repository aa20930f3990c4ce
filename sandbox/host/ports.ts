import { randomInt } from "node:crypto";
import { createServer } from "node:net";
import { readJson, withFileLock, writeJson } from "./files";

/** One published port of the machine and the free loopback port it was moved to. */
export interface PortEntry {
  /** Where it really listens: 127.0.0.1:<local>. */
  readonly local: number;
  /** Compose project and service that published it last. */
  readonly project: string;
  readonly service: string;
  readonly containerPort: number;
}

/** Content of ports.json: "<host port>/<tcp|udp>" -> where it is. */
export type PortTable = Readonly<Record<string, PortEntry>>;

export type Protocol = "tcp" | "udp";

/** A port that a service wants to publish. */
export interface PortRequest {
  readonly hostPort: number;
  readonly containerPort: number;
  readonly protocol: Protocol;
}

export function portKey(hostPort: number, protocol: Protocol): string {
  return `${hostPort}/${protocol}`;
}

/** The project of a port that is only reserved. */
const nobody = "";

/** The ports that a service has published. */
export function readPorts(file: string): PortTable {
  return Object.fromEntries(Object.entries(tableIn(file)).filter(([, { project }]) => project !== nobody));
}

function tableIn(file: string): PortTable {
  return readJson<PortTable>(file) ?? {};
}

/** The loopback port behind a published TCP port, or undefined where nothing publishes it. */
export function resolvePort(file: string, hostPort: number): number | undefined {
  return readPorts(file)[portKey(hostPort, "tcp")]?.local;
}

/**
 * Where TCP ports of the machine are, or will be once a service publishes them. Until then nothing listens there, as at a
 * closed port.
 *
 * @returns the loopback port of each host port
 */
export async function reservePorts(
  file: string,
  hostPorts: readonly number[],
): Promise<ReadonlyMap<number, number>> {
  if (hostPorts.length === 0) return new Map();
  return withFileLock(file, async () => {
    const table: Record<string, PortEntry> = { ...tableIn(file) };
    const before = Object.keys(table).length;
    const places = new Map<number, number>();
    for (const hostPort of hostPorts) {
      const taken = new Set(Object.values(table).map((entry) => entry.local));
      const { local } = (table[portKey(hostPort, "tcp")] ??= {
        project: nobody,
        service: nobody,
        local: await freePort(taken),
        containerPort: hostPort,
      });
      places.set(hostPort, local);
    }
    if (Object.keys(table).length !== before) writeJson(file, table);
    return places;
  });
}

/**
 * Gives each wanted host port a loopback port, the same as before where it has one: addresses stay over restarts.
 *
 * @param isAlive says whether a service still runs; a port of another service that does is refused.
 * @throws Error with Docker's own words where another service holds the port.
 */
export async function allocatePorts(
  file: string,
  owner: { project: string; service: string },
  requests: readonly PortRequest[],
  isAlive: (entry: PortEntry) => boolean | Promise<boolean>,
): Promise<Map<PortRequest, number>> {
  return withFileLock(file, async () => {
    const table: Record<string, PortEntry> = { ...tableIn(file) };
    const result = new Map<PortRequest, number>();
    const before = JSON.stringify(table);
    for (const request of requests) {
      const key = portKey(request.hostPort, request.protocol);
      const held = table[key];
      const same = held?.project === owner.project && held.service === owner.service;
      const alive = held !== undefined && held.project !== nobody && (await isAlive(held));
      if (held !== undefined && !same && alive) {
        throw new Error(
          `driver failed programming external connectivity on endpoint ${owner.project}-${owner.service}-1: ` +
            `Bind for 0.0.0.0:${request.hostPort} failed: port is already allocated ` +
            `(by ${held.service} of project ${held.project})`,
        );
      }
      const taken = new Set(Object.values(table).map((entry) => entry.local));
      const kept = held !== undefined && (alive || (await isFree(held.local))) ? held.local : undefined;
      const local = kept ?? (await freePort(taken));
      table[key] = { ...owner, local, containerPort: request.containerPort };
      result.set(request, local);
    }
    if (JSON.stringify(table) !== before) writeJson(file, table);
    return result;
  });
}

/** Below what systems hand out by themselves (from 32768 on Linux), so that nobody takes a port between two starts. */
const portRange = { first: 20_000, count: 12_000 };

/** A port of 127.0.0.1 that nobody listens on now and that is not in `taken`. */
export async function freePort(taken: ReadonlySet<number> = new Set()): Promise<number> {
  for (let attempt = 0; attempt < 1000; attempt++) {
    const port = portRange.first + randomInt(portRange.count);
    if (!taken.has(port) && (await isFree(port))) return port;
  }
  throw new Error(`no free port found on 127.0.0.1 from ${portRange.first} on`);
}

/** Whether a port of 127.0.0.1 can be listened on now. */
export function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(false));
    server.listen(port, "127.0.0.1", () => server.close(() => resolve(true)));
  });
}
