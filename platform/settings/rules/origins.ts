import { dirname } from "node:path";
import { isAddress, isPublicAddress } from "../addresses";
import { isWithin } from "../hostnames";
import { listOf, nearest } from "../nearest";
import { projectsOf } from "../on-host";
import { configPath, type Keys } from "../paths";
import type { SwarmOriginSettings } from "../schema/origins";
import { declaredNames, isDeclared, type Rule, type RuleContext } from "./context";
import { deployedOrigins, portsOfProxy, tlsOfProxy } from "./deployed";

/** Reports a name that no entry of `part` has. */
export function mustExist(context: RuleContext, part: string, name: string, keys: Keys): void {
  if (isDeclared(context, part, name)) return;
  const names = declaredNames(context, part);
  const better = nearest(name, names);
  context.report({
    keys,
    what: `groundwork:${part} has no entry of this name`,
    value: true,
    allowed: names.length === 0 ? `nothing: groundwork:${part} is empty` : listOf(names),
    fix: better === undefined ? `add ${name} to groundwork:${part}` : `write ${better}`,
  });
}

const names: Rule = (context) => {
  for (const [name, origin] of deployedOrigins(context)) {
    const own = context.values.origins[name];
    if (own?.kind === "swarm") swarmHosts(name, own, context);
    else mustExist(context, "hosts", origin.host, ["origins", name, "host"]);
    if (origin.kind === "tunnel") mustExist(context, "tunnels", origin.tunnel, ["origins", name, "tunnel"]);
    const { migrations } = origin;
    if (migrations?.database !== undefined) {
      mustExist(context, "databases", migrations.database, ["origins", name, "migrations", "database"]);
    }
    if (migrations === undefined || context.isTouched(["origins", name, "services"])) continue;
    const services = Object.keys(origin.services);
    if (!services.includes(migrations.service)) {
      const better = nearest(migrations.service, services);
      context.report({
        keys: ["origins", name, "migrations", "service"],
        what: `the origin has no service of this name`,
        value: true,
        allowed: listOf(services) || "a service of the origin",
        fix: better === undefined ? `add it to groundwork:origins.${name}.services` : `write ${better}`,
      });
    }
  }
  for (const [name, { jump }] of Object.entries(context.values.hosts)) {
    if (jump === undefined) continue;
    mustExist(context, "hosts", jump, ["hosts", name, "jump"]);
    if (jump === name || context.values.hosts[jump]?.jump !== undefined) {
      context.report({
        keys: ["hosts", name, "jump"],
        what:
          jump === name
            ? "a host cannot jump over itself"
            : "the host to jump over needs a jump itself; one is possible",
        value: true,
        allowed: "a host that is reached directly",
        fix: "name another host, or remove it",
      });
    }
  }
};

function swarmHosts(
  name: string,
  { hosts, advertiseAddresses }: SwarmOriginSettings,
  context: RuleContext,
): void {
  hosts.forEach((host, index) => {
    mustExist(context, "hosts", host, ["origins", name, "hosts", index]);
    if (hosts.indexOf(host) === index) return;
    context.report({
      keys: ["origins", name, "hosts", index],
      what: "the host is there twice",
      value: true,
      allowed: "each host once",
      fix: "remove one of them",
    });
  });
  for (const host of Object.keys(advertiseAddresses)) {
    if (hosts.includes(host)) continue;
    context.report({
      keys: ["origins", name, "advertiseAddresses", host],
      atKey: true,
      what: "the origin does not run on this host",
      allowed: listOf(hosts),
      fix: "add it to hosts, or remove it",
    });
  }
}

const addresses: Rule = (context) => {
  for (const [name, origin] of Object.entries(context.values.origins)) {
    if (origin.kind !== "compose" && origin.kind !== "swarm") continue;
    if (origin.addresses === undefined) {
      if (context.isTouched(["origins", name, "addresses"])) continue;
      for (const key of origin.kind === "swarm" ? origin.hosts : [origin.host]) {
        const host = context.values.hosts[key];
        if (host === undefined) continue;
        if (isAddress(host.address)) checkAddress(host.address, ["hosts", key, "address"], context);
        else {
          context.report({
            keys: ["origins", name],
            atKey: true,
            what: `the public address is not known: groundwork:hosts.${key}.address is a host name`,
            allowed: "addresses in the origin, or an address in the host",
            fix: `add addresses: ["<the host's public address>"] to groundwork:origins.${name}`,
          });
        }
      }
      continue;
    }
    origin.addresses.forEach((address, index) =>
      checkAddress(address, ["origins", name, "addresses", index], context),
    );
  }
};

function checkAddress(address: string, keys: Keys, context: RuleContext): void {
  if (isPublicAddress(address)) return;
  context.report({
    keys,
    what: "nobody outside reaches this address, so a DNS record cannot point to it",
    value: true,
    allowed: "a public address; groundwork:resolve says where a host really is",
    fix: "write the host's public address, or use kind: tunnel, which needs none",
  });
}

const services: Rule = (context) => {
  for (const [name, origin] of deployedOrigins(context)) {
    const at = ["origins", name, "services"];
    if (context.isTouched(at)) continue;
    if (Object.keys(origin.services).length === 0) {
      context.report({
        keys: at,
        what: "the origin has no service, so there is nothing to release",
        allowed: "at least one service of the compose file",
        fix: `add a service to groundwork:${configPath(at)}, such as api: {port: 4000, healthPath: /health}`,
      });
    }
    for (const [service, { replicas, publish, tls }] of Object.entries(origin.services)) {
      const published = publish ?? tls?.publish;
      if (published === undefined) continue;
      if (replicas > 1) {
        context.report({
          keys: [...at, service, "replicas"],
          what: `${replicas} containers cannot all have port ${published} of the host`,
          value: true,
          allowed: "1 for a service that publishes a port",
          fix: `write 1, or remove publish and have a proxy in front: proxy: {} in groundwork:origins.${name}`,
        });
      }
    }
  }
};

const projects: Rule = (context) => {
  const seen = new Map<string, string>();
  for (const [name, origin] of deployedOrigins(context)) {
    for (const project of projectsOf(origin)) {
      const place = `${origin.host} ${project}`;
      const first = seen.get(place);
      if (first === undefined) {
        seen.set(place, name);
        continue;
      }
      const which = project === origin.project ? "this compose project" : `the compose project ${project}`;
      context.report({
        keys: ["origins", name, "project"],
        what: `origins.${first} has ${which} on the same host already`,
        value: true,
        allowed: "one origin for a compose project, and for those of its colours and its proxy",
        fix: `choose another project, or put the services into groundwork:origins.${first}.services`,
      });
      break;
    }
  }
};

const externals: Rule = (context) => {
  const { values } = context;
  for (const [name, origin] of Object.entries(values.origins)) {
    if (origin.kind !== "external") continue;
    if (origin.releaseCommand === undefined) {
      for (const key of [
        "image",
        "version",
        "migrateCommand",
        "rollbackCommand",
        "downgradeCommand",
      ] as const) {
        if (origin[key] === undefined) continue;
        context.report({
          keys: ["origins", name, key],
          atKey: true,
          what: "nothing is released from here, so this would do nothing",
          allowed: "releaseCommand beside it",
          fix: `add releaseCommand to groundwork:origins.${name}, or remove ${key}`,
        });
      }
    }
    if (!isWithin(origin.target, values.domain) || context.isTouched(["domain"])) continue;
    context.report({
      keys: ["origins", name, "target"],
      what: "the target is in the zone itself, so requests would go in a circle",
      value: true,
      allowed: "the platform's own name for the application, such as <app>.fly.dev",
      fix: "write the name that the platform gave the application",
    });
  }
};

const files: Rule = (context) => {
  for (const [name, origin] of deployedOrigins(context)) {
    const folder = dirname(origin.composeFile);
    origin.files.forEach((file, index) => {
      if (folder === "." || file.startsWith(`${folder}/`)) return;
      context.report({
        keys: ["origins", name, "files", index],
        what: "the file is not below the compose file's folder, so the host would not find it at the same place",
        value: true,
        allowed: `paths that start with ${folder}/`,
        fix: `move it below ${folder}/`,
      });
    });
  }
};

/** What `ssl` asks of the origins, where this stack owns the zone and so knows it. */
const certificates: Rule = (context) => {
  const { zone } = context.values;
  for (const [name, origin] of deployedOrigins(context)) {
    if (origin.kind !== "compose" || context.isTouched(["origins", name, "services"])) continue;
    const at = ["origins", name];
    const all = Object.values(origin.services);
    if (origin.originCertificate !== undefined) {
      if (!origin.proxied) {
        context.report({
          keys: [...at, "originCertificate"],
          atKey: true,
          what: "browsers do not trust Cloudflare's Origin CA, and with proxied: false they see its certificate",
          allowed: "originCertificate with proxied: true, or ownCertificate: true",
          fix: "set proxied to true, or let the services get a certificate and write ownCertificate: true",
        });
      }
      if (!all.some(({ tls }) => tls !== undefined) && tlsOfProxy(origin) !== "origin-certificate") {
        context.report({
          keys: [...at, "originCertificate"],
          atKey: true,
          what: "no service speaks TLS, so nothing uses the certificate",
          allowed: "a service with tls: {port: <inside>, publish: 443}, or a proxy",
          fix: `add tls to a service in groundwork:${configPath([...at, "services"])}, or proxy: {} to the origin`,
        });
      }
      if (origin.ownCertificate) {
        context.report({
          keys: [...at, "ownCertificate"],
          what: "originCertificate and ownCertificate exclude each other",
          value: true,
          allowed: "one of the two",
          fix: "remove one of them",
        });
      }
    }
    if (zone === undefined || !origin.proxied || context.isTouched(["zone"])) continue;
    const published = new Set([
      ...all.flatMap(({ publish, tls }) => [publish, tls?.publish]),
      ...portsOfProxy(name, origin).map(({ port }) => port),
    ]);
    if (zone.ssl === "strict" && origin.originCertificate === undefined && !origin.ownCertificate) {
      context.report({
        keys: at,
        atKey: true,
        what: "the zone has ssl: strict, but this origin has no valid certificate: visitors would see error 526",
        allowed: "originCertificate, or ownCertificate: true where the services get one by themselves",
        fix: `add originCertificate: {} to groundwork:${configPath(at)}`,
      });
    }
    const wanted = zone.ssl === "strict" || zone.ssl === "full" ? 443 : 80;
    if (!published.has(wanted)) {
      context.report({
        keys: [...at, "services"],
        atKey: true,
        what: `with ssl: ${zone.ssl} Cloudflare connects to port ${wanted} of the host, which no service publishes`,
        allowed:
          origin.proxy !== undefined
            ? `a proxy at port ${wanted}`
            : `a service with ${wanted === 443 ? "tls.publish: 443, or publish: 443" : "publish: 80"}`,
        fix:
          origin.proxy !== undefined
            ? wanted === 443
              ? "set proxy.tls to origin-certificate and leave proxy.httpsPort out"
              : "leave proxy.httpPort out"
            : wanted === 443
              ? "add tls: {port: <inside>, publish: 443} to the service"
              : "add publish: 80 to the service",
      });
    }
  }
};

export const originRules: readonly Rule[] = [
  names,
  addresses,
  services,
  projects,
  externals,
  files,
  certificates,
];
