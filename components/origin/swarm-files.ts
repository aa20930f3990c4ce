import { parse } from "yaml";
import { type ServiceOverride, literalDollars } from "./compose-files";
import { caddyfile, type CaddyfileSpec, proxyPorts } from "./caddyfile";
import { edgeNetwork, edgeNetworkKey } from "./colour-file";
import { hashOf } from "./hash";

type Members = Readonly<Record<string, unknown>>;

/** A compose file's document as far as it is looked at for a swarm. */
export interface ComposeDocument {
  readonly services: Readonly<Record<string, Members>>;
  readonly networks: Readonly<Record<string, Members | null>>;
  readonly secrets: Readonly<Record<string, Members | null>>;
  readonly configs: Readonly<Record<string, Members | null>>;
}

/** Reads the document of a text that has services. */
export function composeDocument(text: string): ComposeDocument {
  const document = (parse(text, { logLevel: "error", merge: true }) ?? {}) as Record<string, unknown>;
  const part = <T>(name: string): Readonly<Record<string, T>> =>
    typeof document[name] === "object" && document[name] !== null
      ? (document[name] as Readonly<Record<string, T>>)
      : {};
  return {
    services: part("services"),
    networks: part("networks"),
    secrets: part("secrets"),
    configs: part("configs"),
  };
}

/** A network that reaches over all hosts. */
export interface SwarmNetwork {
  readonly name: string;
  readonly internal: boolean;
  readonly encrypted: boolean;
}

/** Network that the proxies share with the services behind them. */
export const swarmEdge = (project: string): string => `${project}-edge`;

/** The networks of a compose file as they are in the swarm, by their keys; those that are somebody else's are left out. */
export function swarmNetworks(document: ComposeDocument, project: string): Record<string, SwarmNetwork> {
  const declared: Record<string, Members | null> = { default: null, ...document.networks };
  return Object.fromEntries(
    Object.entries(declared).flatMap(([key, network]) => {
      if (network?.["external"] !== undefined && network["external"] !== false) return [];
      const name = typeof network?.["name"] === "string" ? network["name"] : `${project}_${key}`;
      const options = (network?.["driver_opts"] ?? {}) as Members;
      return [
        [key, { name, internal: network?.["internal"] === true, encrypted: "encrypted" in options }] as const,
      ];
    }),
  );
}

/** A service that the swarm runs. */
export interface SwarmService {
  readonly port?: number | undefined;
  readonly replicas?: number | undefined;
  /** `start-first` ends an old task only when the new one is healthy. @default "recreate" */
  readonly strategy?: "recreate" | "start-first" | undefined;
}

/** What {@link swarmOverrides} makes files of. */
export interface SwarmSpec {
  readonly project: string;
  readonly composeText: string;
  /** Files that go to the host beside the compose file, by paths relative to it. */
  readonly files: readonly { readonly path: string; readonly content: string }[];
  readonly services: Readonly<Record<string, SwarmService>>;
  /** What is said about services besides, such as variables. @default {} */
  readonly overrides?: Readonly<Record<string, ServiceOverride>>;
}

/** Nothing that a swarm knows, and nothing that is missed there. */
const withoutMeaning = [
  "build",
  "container_name",
  "depends_on",
  "develop",
  "expose",
  "links",
  "platform",
  "ports",
  "profiles",
  "pull_policy",
  "restart",
  "scale",
];

/** Written otherwise for a swarm. */
const limits = {
  mem_limit: ["limits", "memory"],
  cpus: ["limits", "cpus"],
  mem_reservation: ["reservations", "memory"],
} as const;

/** What a container of a swarm cannot have. */
export const impossible = [
  "cgroup_parent",
  "devices",
  "gpus",
  "ipc",
  "network_mode",
  "pid",
  "privileged",
  "runtime",
  "security_opt",
  "userns_mode",
  "volumes_from",
] as const;

/** A text with a tag of Compose's before it: not JSON any more, but YAML. */
class Tagged {
  constructor(
    readonly tag: "!reset" | "!override",
    readonly value: unknown,
  ) {}
}

function yamlOf(value: unknown): string {
  if (value instanceof Tagged) return `${value.tag} ${yamlOf(value.value)}`;
  if (Array.isArray(value)) return `[${value.map(yamlOf).join(", ")}]`;
  if (typeof value !== "object" || value === null) return JSON.stringify(literalDollars("", value));
  const members = Object.entries(value).filter(([, member]) => member !== undefined);
  return `{${members.map(([key, member]) => `${JSON.stringify(key)}: ${yamlOf(member)}`).join(", ")}}`;
}

const sectioned = (document: Readonly<Record<string, object>>): string =>
  Object.entries(document)
    .filter(([, members]) => Object.keys(members).length > 0)
    .map(
      ([section, members]) =>
        `${JSON.stringify(section)}:\n` +
        Object.entries(members)
          .map(([key, member]) => `  ${JSON.stringify(key)}: ${yamlOf(member)}\n`)
          .join(""),
    )
    .join("");

/**
 * The two files laid over the user's: `base` for what compose runs on the manager (databases, migrations), in networks that
 * reach over all hosts; `stack` over both for what the swarm runs.
 */
export function swarmOverrides(spec: SwarmSpec): { readonly base: string; readonly stack: string } {
  const document = composeDocument(spec.composeText);
  const networks = Object.fromEntries(
    Object.entries(swarmNetworks(document, spec.project)).map(([key, { name }]) => [
      key,
      new Tagged("!override", { name, external: true }),
    ]),
  );
  const services = Object.fromEntries(
    Object.entries(spec.services).map(([name, service]) => [name, taskOf(document, name, service, spec)]),
  );
  const usesEdge = Object.values(spec.services).some(({ port }) => port !== undefined);
  // The number of tasks is told to the swarm alone, and ports are the proxy's.
  const overrides = Object.fromEntries(
    Object.entries(spec.overrides ?? {}).map(([name, override]) => [
      name,
      spec.services[name] === undefined ? override : { ...override, scale: undefined, ports: undefined },
    ]),
  );
  return {
    base: sectioned({
      services: overrides,
      networks: { ...networks, ...(usesEdge ? edgeNetwork(spec.project) : {}) },
    }),
    stack: sectioned({
      services,
      secrets: versioned(document.secrets, spec),
      configs: versioned(document.configs, spec),
    }),
  };
}

function taskOf(
  document: ComposeDocument,
  name: string,
  service: SwarmService,
  { project }: SwarmSpec,
): object {
  const own = document.services[name] ?? {};
  const deploy = (own["deploy"] ?? {}) as Members;
  const order = service.strategy === "start-first" ? "start-first" : "stop-first";
  const resources: Record<string, Record<string, string>> = {};
  for (const [key, [part, member]] of Object.entries(limits)) {
    const limit = own[key];
    if (typeof limit === "string" || typeof limit === "number")
      resources[part] = { ...resources[part], [member]: String(limit) };
  }
  const gone = [...withoutMeaning, ...Object.keys(limits)].filter((key) => own[key] !== undefined);
  const health = (own["healthcheck"] ?? {}) as Members;
  const joined = own["networks"];
  const keys = Array.isArray(joined) ? joined.map(String) : Object.keys(joined ?? { default: {} });
  return {
    ...Object.fromEntries(gone.map((key) => [key, new Tagged("!reset", key === "depends_on" ? {} : null)])),
    ...(health["start_interval"] === undefined
      ? {}
      : { healthcheck: { start_interval: new Tagged("!reset", null) } }),
    // Its own only where it is behind the proxy: then `default` has to be named as well.
    ...(service.port === undefined
      ? {}
      : { networks: Object.fromEntries([...keys, edgeNetworkKey].map((key) => [key, {}])) }),
    deploy: {
      ...(service.replicas === undefined ? {} : { replicas: service.replicas }),
      // Addresses of tasks instead of one for all: the proxy sees each come and go, and hosts need no IPVS for it.
      ...(deploy["endpoint_mode"] === undefined ? { endpoint_mode: "dnsrr" } : {}),
      update_config: {
        monitor: "2s",
        ...(deploy["update_config"] as Members | undefined),
        order,
        failure_action: "rollback",
      },
      rollback_config: { parallelism: 0, ...(deploy["rollback_config"] as Members | undefined), order },
      placement: { constraints: [`node.labels.groundwork.${project} == member`] },
      ...(Object.keys(resources).length === 0 ? {} : { resources }),
    },
  };
}

/** Secrets and configurations of a swarm never change: another content is another one, so its hash is in the name. */
function versioned(
  declared: ComposeDocument["secrets"],
  { project, files }: SwarmSpec,
): Record<string, { readonly name: string }> {
  return Object.fromEntries(
    Object.entries(declared).flatMap(([key, entry]) => {
      const path = entry?.["file"];
      if (typeof path !== "string") return [];
      const content = files.find((file) => file.path === path.replace(/^\.\//, ""))?.content;
      return [[key, { name: `${project}_${key}-${hashOf([content])}` }]];
    }),
  );
}

/** The configuration of the proxies: as on a single host, but that services are tasks which come and go one by one. */
export function swarmCaddyfile(spec: CaddyfileSpec): string {
  return caddyfile({
    ...spec,
    upstreams: spec.upstreams.map((upstream) => ({ ...upstream, rolling: false, tasks: true })),
  });
}

/** What {@link proxyStack} needs. */
export interface ProxyStackSpec {
  readonly project: string;
  readonly image: string;
  readonly httpPort: number;
  /** Undefined where nothing speaks TLS. */
  readonly httpsPort?: number | undefined;
}

/** The stack of the proxies: one on each of the project's hosts, at the host's own ports. */
export function proxyStack({ project, image, httpPort, httpsPort }: ProxyStackSpec): string {
  const publish = (target: number, published: number) => ({
    target,
    published,
    protocol: "tcp",
    mode: "host",
  });
  const caddy = {
    image,
    command: ["caddy", "run", "--adapter", "caddyfile", "--config", "/etc/caddy/Caddyfile"],
    environment: {
      CERTIFICATES: "/etc/caddy/certificates",
      XDG_DATA_HOME: "/data",
      XDG_CONFIG_HOME: "/config",
    },
    ports: [
      publish(proxyPorts.http, httpPort),
      ...(httpsPort === undefined ? [] : [publish(proxyPorts.https, httpsPort)]),
    ],
    networks: ["edge"],
    volumes: ["configuration:/etc/caddy", "data:/data"],
    stop_grace_period: "40s",
    deploy: {
      mode: "global",
      endpoint_mode: "dnsrr",
      placement: { constraints: [`node.labels.groundwork.${project} == member`] },
      // Two cannot have a port of one host; host after host, so that the others go on.
      update_config: { order: "stop-first", parallelism: 1, failure_action: "rollback", monitor: "2s" },
    },
  };
  return `${JSON.stringify(
    {
      version: "3.8",
      services: { caddy },
      networks: { edge: { external: true, name: swarmEdge(project) } },
      volumes: {
        configuration: { name: `${project}-proxy-config` },
        data: { name: `${project}-proxy-data` },
      },
    },
    literalDollars,
    2,
  )}\n`;
}
