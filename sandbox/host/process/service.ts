import { existsSync, readFileSync } from "node:fs";
import { isAbsolute, resolve } from "node:path";
import { ComposeError, record, type Raw, type Source } from "./compose-file";
import type {
  Condition,
  Dependency,
  Healthcheck,
  Mount,
  PublishedPort,
  ComposeService,
} from "./compose-model";
import { parseEnvFile } from "./env-file";
import type { Lookup } from "./interpolate";
import { assignments } from "./merge";
import { parseDuration, splitWords } from "./words";

export interface ServiceContext {
  readonly project: string;
  readonly workingDirectory: string;
  readonly lookup: Lookup;
  readonly networks: Readonly<Record<string, { readonly name: string }>>;
  readonly volumes: Readonly<Record<string, { readonly name: string }>>;
  readonly secrets: Readonly<Record<string, Source>>;
  readonly configs: Readonly<Record<string, Source>>;
}

/** Keys that are read below. */
const followed = new Set(
  (
    "image command entrypoint environment env_file depends_on healthcheck ports volumes restart working_dir " +
    "networks labels stop_signal stop_grace_period profiles container_name scale deploy secrets configs"
  ).split(" "),
);
/** Keys that are Compose's, but mean nothing to a plain process. */
const ignorable = new Set(
  (
    "annotations attach blkio_config build cap_add cap_drop cgroup cgroup_parent cpu_count cpu_percent cpu_period " +
    "cpu_quota cpu_shares cpus cpuset develop device_cgroup_rules devices dns dns_opt dns_search domainname expose " +
    "external_links extra_hosts group_add hostname init ipc isolation links logging mac_address mem_limit " +
    "mem_reservation mem_swappiness memswap_limit oom_kill_disable oom_score_adj pid pids_limit platform privileged " +
    "pull_policy read_only runtime security_opt shm_size stdin_open storage_opt sysctls tmpfs tty ulimits user " +
    "userns_mode uts"
  ).split(" "),
);
/** Ignored without a word: they change nothing that could be noticed here. */
const silent = new Set([
  "expose",
  "init",
  "logging",
  "pull_policy",
  "hostname",
  "platform",
  "tty",
  "stdin_open",
]);
const unsupported = new Set(["extends", "network_mode", "provider", "volumes_from"]);

/** One service of a compose file, checked. */
export function normaliseService(name: string, raw: Raw, context: ServiceContext): ComposeService {
  const at = `services.${name}`;
  for (const key of Object.keys(raw)) {
    if (unsupported.has(key))
      throw new ComposeError(`${at}.${key} is not supported by the sandbox without Docker`, 15);
    if (!followed.has(key) && !ignorable.has(key) && !key.startsWith("x-")) {
      throw new ComposeError(`validating compose file: ${at} additional properties '${key}' not allowed`, 15);
    }
  }
  const image = raw["image"];
  if (typeof image !== "string" || image === "") {
    if (raw["build"] === undefined) {
      throw new ComposeError(`service "${name}" has neither an image nor a build context specified`, 15);
    }
    throw new ComposeError(
      `${at}.build is not supported by the sandbox without Docker: name an image as well`,
      15,
    );
  }
  const command = words(raw["command"], `${at}.command`);
  const entrypoint = words(raw["entrypoint"], `${at}.entrypoint`);
  const healthcheck = readHealthcheck(raw["healthcheck"], `${at}.healthcheck`);
  const deploy = record(raw["deploy"]);
  const workingDirectory = text(raw["working_dir"]);
  const containerName = text(raw["container_name"]);
  const stopGrace = raw["stop_grace_period"];
  return {
    name,
    image,
    ...(command && { command }),
    ...(entrypoint && { entrypoint }),
    environment: readEnvironment(raw, context),
    dependsOn: readDependencies(raw["depends_on"], at),
    ...(healthcheck && { healthcheck }),
    ports: list(raw["ports"]).flatMap((port, index) => readPort(port, `${at}.ports.[${index}]`)),
    mounts: [
      ...list(raw["volumes"]).map((mount, index) => readMount(mount, context, `${at}.volumes.[${index}]`)),
      ...readSources(raw["secrets"], context.secrets, "/run/secrets/", name, "secret"),
      ...readSources(raw["configs"], context.configs, "/", name, "config"),
    ],
    restart: readRestart(raw["restart"], deploy, at),
    ...(workingDirectory !== undefined && { workingDirectory }),
    networks: readNetworks(raw["networks"], context, name),
    labels: Object.fromEntries(
      Object.entries(assignments(raw["labels"])).map(([key, value]) => [key, value ?? ""]),
    ),
    stopSignal: text(raw["stop_signal"]) ?? "SIGTERM",
    stopGraceMs:
      typeof stopGrace === "string" || typeof stopGrace === "number" ? parseDuration(stopGrace) : 10_000,
    profiles: list(raw["profiles"]).map(String),
    ...(containerName !== undefined && { containerName }),
    replicas: Number(raw["scale"] ?? deploy["replicas"] ?? 1),
    ignored: Object.keys(raw).filter((key) => ignorable.has(key) && !silent.has(key)),
  };
}

function text(value: unknown): string | undefined {
  return typeof value === "string" ? value : undefined;
}

function list(value: unknown): unknown[] {
  return Array.isArray(value) ? value : value === undefined || value === null ? [] : [value];
}

function words(value: unknown, at: string): string[] | undefined {
  if (value === undefined || value === null) return undefined;
  if (typeof value === "string") return splitWords(value);
  if (Array.isArray(value)) return value.map(String);
  throw new ComposeError(`validating compose file: ${at} must be a string or a list`, 15);
}

function readEnvironment(raw: Raw, { workingDirectory, lookup }: ServiceContext): Record<string, string> {
  let values: Record<string, string> = {};
  for (const entry of list(raw["env_file"])) {
    const { path, required = true } = typeof entry === "string" ? { path: entry } : record(entry);
    const file = resolve(workingDirectory, String(path));
    if (!existsSync(file)) {
      if (required !== false)
        throw new ComposeError(`env file ${file} not found: stat ${file}: no such file or directory`, 14);
      continue;
    }
    values = { ...values, ...parseEnvFile(readFileSync(file, "utf8"), lookup) };
  }
  for (const [name, value] of Object.entries(assignments(raw["environment"]))) {
    const found = value ?? lookup(name);
    if (found !== undefined) values[name] = found;
  }
  return values;
}

const conditions = new Set<unknown>(["service_started", "service_healthy", "service_completed_successfully"]);

function readDependencies(value: unknown, at: string): Record<string, Dependency> {
  if (Array.isArray(value)) {
    return Object.fromEntries(
      value.map((name) => [String(name), { condition: "service_started", required: true }]),
    );
  }
  return Object.fromEntries(
    Object.entries(record(value)).map(([name, details]): [string, Dependency] => {
      const { condition = "service_started", required = true } = record(details);
      if (!conditions.has(condition)) {
        throw new ComposeError(
          `validating compose file: ${at}.depends_on.${name}.condition value must be one of 'service_started', 'service_healthy', 'service_completed_successfully'`,
          15,
        );
      }
      return [name, { condition: condition as Condition, required: required !== false }];
    }),
  );
}

function readHealthcheck(value: unknown, at: string): Healthcheck | undefined {
  const raw = record(value);
  if (Object.keys(raw).length === 0 || raw["disable"] === true) return undefined;
  const duration = (key: string, fallback: number): number => {
    const given = raw[key];
    return typeof given === "string" || typeof given === "number" ? parseDuration(given) : fallback;
  };
  const times = {
    interval: duration("interval", 30_000),
    timeout: duration("timeout", 30_000),
    retries: Number(raw["retries"] ?? 3),
    startPeriod: duration("start_period", 0),
    startInterval: duration("start_interval", 5000),
  };
  const test = raw["test"];
  if (typeof test === "string") return { test: [test], shell: true, ...times };
  const [kind, ...rest] = list(test).map(String);
  if (kind === "NONE") return undefined;
  if (kind === "CMD-SHELL") return { test: [rest.join(" ")], shell: true, ...times };
  if (kind === "CMD" && rest.length > 0) return { test: rest, shell: false, ...times };
  throw new ComposeError(
    `${at}.test: when it's an array the first item must be either NONE, CMD or CMD-SHELL`,
    15,
  );
}

function readPort(value: unknown, at: string): PublishedPort[] {
  if (value !== null && typeof value === "object") {
    const { target, published, protocol = "tcp", host_ip: address = "0.0.0.0" } = record(value);
    return [
      {
        hostPort: portNumber(published ?? 0, at),
        containerPort: portNumber(target, at),
        protocol: protocol === "udp" ? "udp" : "tcp",
        hostAddress: String(address),
      },
    ];
  }
  const match = /^(?:(?:(\[[^\]]+\]|[0-9.]+):)?(\d*(?:-\d+)?):)?(\d+)(?:-(\d+))?(?:\/(tcp|udp))?$/.exec(
    String(value),
  );
  if (match === null) throw new ComposeError(`${at}: invalid containerPort: ${String(value)}`, 15);
  const [, address = "0.0.0.0", host = "0", first = "", last = first, protocol = "tcp"] = match;
  const from = host === "" ? 0 : portNumber(host.split("-")[0], at);
  return Array.from({ length: Number(last) - Number(first) + 1 }, (_, index) => ({
    hostPort: from === 0 ? 0 : from + index,
    containerPort: portNumber(Number(first) + index, at),
    protocol: protocol === "udp" ? "udp" : "tcp",
    hostAddress: address.replace(/[[\]]/g, ""),
  }));
}

function portNumber(value: unknown, at: string): number {
  const port = Number(value);
  if (!Number.isInteger(port) || port < 0 || port > 65535) {
    throw new ComposeError(`${at}: invalid port: ${String(value)}`, 15);
  }
  return port;
}

function readMount(value: unknown, context: ServiceContext, at: string): Mount {
  if (typeof value === "string") {
    const [first = "", second, options = ""] = value.split(":");
    const readOnly = options.split(",").includes("ro");
    if (second === undefined)
      return { type: "volume", source: anonymous(at, context), target: first, readOnly, mustExist: false };
    return mountOf(first, second, { readOnly, mustExist: false }, context, at);
  }
  const raw = record(value);
  const { type, source, target, read_only: readOnly } = raw;
  if (typeof target !== "string")
    throw new ComposeError(`validating compose file: ${at} target is required`, 15);
  if (type === "tmpfs") return { type, source: "", target, readOnly: false, mustExist: false };
  if (type !== "bind" && type !== "volume")
    throw new ComposeError(`${at}: type ${String(type)} is not supported here`, 15);
  const flags = {
    readOnly: readOnly === true,
    mustExist: type === "bind" && record(raw["bind"])["create_host_path"] !== true,
  };
  if (typeof source !== "string") return { type: "volume", source: anonymous(at, context), target, ...flags };
  return mountOf(
    type === "bind" && !/^[./~]/.test(source) ? `./${source}` : source,
    target,
    flags,
    context,
    at,
  );
}

function mountOf(
  source: string,
  target: string,
  flags: { readOnly: boolean; mustExist: boolean },
  context: ServiceContext,
  at: string,
): Mount {
  if (/^[./~]/.test(source)) {
    const home = context.lookup("HOME") ?? "";
    const path = source.replace(/^~(?=\/|$)/, home);
    return { type: "bind", source: resolve(context.workingDirectory, path), target, ...flags };
  }
  const volume = context.volumes[source];
  if (volume === undefined) {
    const [, service = ""] = at.split(".");
    throw new ComposeError(
      `service "${service}" refers to undefined volume ${source}: invalid compose project`,
      15,
    );
  }
  return { type: "volume", source: volume.name, target, ...flags };
}

function anonymous(at: string, { project }: ServiceContext): string {
  return `${project}_${at.replace(/[^a-z0-9]+/gi, "-")}`;
}

/** Secrets and configs become read-only mounts; content that is no file is written by the runner. */
function readSources(
  value: unknown,
  known: Readonly<Record<string, Source>>,
  folder: string,
  service: string,
  kind: string,
): Mount[] {
  return list(value).map((entry) => {
    const { source, target } = typeof entry === "string" ? { source: entry } : record(entry);
    const found = known[String(source)];
    if (found === undefined) {
      throw new ComposeError(
        `service "${service}" refers to undefined ${kind} ${String(source)}: invalid compose project`,
        15,
      );
    }
    const place = typeof target === "string" ? target : String(source);
    const path = isAbsolute(place) ? place : `${folder}${place}`;
    const common = { type: "bind", target: path, readOnly: true, mustExist: true } as const;
    return "file" in found
      ? { ...common, source: found.file }
      : { ...common, source: "", content: found.content };
  });
}

function readRestart(value: unknown, deploy: Raw, at: string): string {
  const policy = record(deploy["restart_policy"])["condition"];
  if (value === undefined) return policy === "any" ? "always" : policy === "on-failure" ? "on-failure" : "no";
  const given = typeof value === "string" ? value : "no";
  if (!/^(no|always|unless-stopped|on-failure(:\d+)?)$/.test(given)) {
    throw new ComposeError(`${at}.restart: invalid restart policy '${given}'`, 15);
  }
  return given;
}

function readNetworks(value: unknown, context: ServiceContext, service: string): Record<string, string[]> {
  const given: Record<string, unknown> = Array.isArray(value)
    ? Object.fromEntries(value.map((name) => [String(name), null]))
    : record(value);
  if (Object.keys(given).length === 0) return { default: [] };
  return Object.fromEntries(
    Object.entries(given).map(([name, details]) => {
      if (name !== "default" && context.networks[name] === undefined) {
        throw new ComposeError(
          `service "${service}" refers to undefined network ${name}: invalid compose project`,
          15,
        );
      }
      return [name, list(record(details)["aliases"]).map(String)];
    }),
  );
}
