import { parseListen } from "../listen";
import { configPath, type Keys } from "../paths";
import type { Rule, RuleContext } from "./context";
import { deployedOrigins, portsOfProxy } from "./deployed";
import { onHost } from "../on-host";

interface PublishedPort {
  readonly host: string;
  readonly port: number;
  readonly keys: Keys;
}

/** Ports of hosts that services take, with where that is said. */
export function publishedPorts(context: RuleContext): PublishedPort[] {
  const ports: PublishedPort[] = [];
  for (const [name, origin] of deployedOrigins(context)) {
    for (const [service, { publish, tls }] of Object.entries(origin.services)) {
      const at = ["origins", name, "services", service];
      if (publish !== undefined) ports.push({ host: origin.host, port: publish, keys: [...at, "publish"] });
      if (tls?.publish !== undefined)
        ports.push({ host: origin.host, port: tls.publish, keys: [...at, "tls", "publish"] });
    }
    for (const { port, keys } of portsOfProxy(name, origin)) ports.push({ host: origin.host, port, keys });
  }
  return ports;
}

const DATABASE_PORTS: Readonly<Record<number, string>> = {
  1433: "SQL Server",
  3306: "MySQL",
  5432: "PostgreSQL",
  6379: "Redis",
  9200: "Elasticsearch",
  11211: "Memcached",
  27017: "MongoDB",
};

const onePortOneService: Rule = (context) => {
  const seen = new Map<string, Keys>();
  const taken: PublishedPort[] = [...publishedPorts(context)];
  for (const [name, database] of Object.entries(context.values.databases)) {
    if (database.kind !== "container" || database.listen === undefined) continue;
    const port = parseListen(database.listen)?.port;
    const origin = database.origin === undefined ? undefined : context.values.origins[database.origin];
    const host = database.host ?? (origin && onHost(origin))?.host;
    if (port !== undefined && host !== undefined)
      taken.push({ host, port, keys: ["databases", name, "listen"] });
  }
  for (const { host, port, keys } of taken) {
    const place = `${host} ${port}`;
    const first = seen.get(place);
    if (first === undefined) seen.set(place, keys);
    else {
      context.report({
        keys,
        what: `two services want port ${port} of host ${host}: groundwork:${configPath(first)} has it already`,
        value: true,
        allowed: "each port of a host once",
        fix: "choose another port, or another host",
      });
    }
    const sshPort = context.values.hosts[host]?.port;
    if (sshPort === port) {
      context.report({
        keys,
        what: `port ${port} of host ${host} is the SSH server's`,
        value: true,
        allowed: "another port",
        fix: "choose another port",
      });
    }
  }
};

const insideToo: Rule = (context) => {
  for (const [name, origin] of deployedOrigins(context)) {
    for (const [service, { port, publish, tls }] of Object.entries(origin.services)) {
      const at = ["origins", name, "services", service];
      if (publish !== undefined && port === undefined && !context.isTouched([...at, "port"])) {
        context.report({
          keys: [...at, "publish"],
          what: "there is no port inside the container that it could lead to",
          value: true,
          allowed: "publish together with port",
          fix: `add port to groundwork:${configPath(at)}`,
        });
      }
      if (tls !== undefined && port === tls.port) {
        context.report({
          keys: [...at, "tls", "port"],
          what: "one port cannot speak both HTTP and TLS",
          value: true,
          allowed: "two different ports, or only one of them",
          fix: "write the port that speaks TLS",
        });
      }
      if (origin.kind === "tunnel" && (publish ?? tls?.publish) !== undefined) {
        context.report({
          keys: [...at, publish === undefined ? "tls" : "publish"],
          what: "an origin behind a tunnel needs no inbound port, and this one would bypass the tunnel",
          value: true,
          allowed: "no published port with kind: tunnel",
          fix: "remove it",
        });
      }
    }
    origin.closedPorts.forEach((port, index) => {
      const open = publishedPorts(context).find(
        (published) => published.host === origin.host && published.port === port,
      );
      if (open === undefined) return;
      context.report({
        keys: ["origins", name, "closedPorts", index],
        what: `the port shall be closed, but groundwork:${configPath(open.keys)} opens it`,
        value: true,
        allowed: "ports that nothing publishes",
        fix: "remove one of the two",
      });
    });
  }
};

const noDatabaseInPublic: Rule = (context) => {
  const databaseServices = new Set(
    Object.values(context.values.databases).flatMap((database) =>
      database.kind === "container" ? [database.service] : [],
    ),
  );
  for (const { port, keys } of publishedPorts(context)) {
    const service = String(keys[3]);
    const kind = DATABASE_PORTS[port];
    if (kind === undefined && !databaseServices.has(service)) continue;
    context.report({
      keys,
      what: `a database on a public address: port ${port} of the host${kind === undefined ? "" : ` is ${kind}'s, and it`} would be open to everybody`,
      value: true,
      allowed: "no published port: containers reach the database by its service's name",
      fix: "remove it; tools on your machine get in through an SSH tunnel: `npx groundwork db tunnel`",
    });
  }
};

export const portRules: readonly Rule[] = [onePortOneService, insideToo, noDatabaseInPublic];
