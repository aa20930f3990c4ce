import { standInProgram, type StandInTask } from "../stand-in/task";

/** The compose file as `docker compose config --format json` prints it, as far as it is looked at. */
export interface ComposeConfig {
  readonly name: string;
  readonly services?: Readonly<Record<string, ConfigService>>;
  readonly networks?: Readonly<Record<string, ConfigNamed | null>>;
  readonly volumes?: Readonly<Record<string, ConfigNamed | null>>;
}

export interface ConfigService {
  readonly image?: string;
  readonly container_name?: string;
  readonly network_mode?: string;
  readonly ports?: readonly ConfigPort[];
  readonly environment?: Readonly<Record<string, string | null>>;
  readonly command?: readonly string[] | null;
  readonly volumes?: readonly { readonly type: string; readonly source?: string; readonly target: string }[];
  readonly healthcheck?: { readonly test?: string | readonly string[]; readonly disable?: boolean };
}

export interface ConfigPort {
  readonly target: number;
  readonly published?: string;
  readonly protocol?: string;
}

interface ConfigNamed {
  readonly name?: string;
  readonly external?: boolean;
}

export interface OverrideInput {
  readonly config: ComposeConfig;
  /** Prefix of names: `<prefix>-`. */
  readonly prefix: string;
  readonly label: { readonly name: string; readonly value: string };
  /** Image that runs for a service, where it is not the one of the file. */
  readonly image: (service: string) => string | undefined;
  /** Variables of a service's image that stand over those of the file. */
  readonly imposed?: (service: string) => Readonly<Record<string, string>> | undefined;
  /** Folders of this machine that a service sees, by its image: place in the container -> folder. */
  readonly mounts?: (service: string) => Readonly<Record<string, string>> | undefined;
  /** What a stand-in is told that runs in place of a service's own image. */
  readonly standIn?: (service: string) => StandInTask | undefined;
  /** Configuration of Caddy that runs instead of the user's own, a file of this machine: see images/caddy-config.ts. */
  readonly caddyConfig?: (service: string) => string | undefined;
  /** Loopback port for a published one. */
  readonly localPort: (service: string, port: ConfigPort) => number | undefined;
}

/** Where a container finds {@link OverrideInput.caddyConfig}. */
const caddyConfigPlace = "/etc/groundwork-caddy.json";

/**
 * The override file (YAML) that moves a project into the sandbox: published ports to free ones of 127.0.0.1, images to
 * those made locally, every name behind the prefix, a label on all of it. Pure.
 */
export function composeOverride({
  config,
  prefix,
  label,
  image,
  imposed,
  mounts,
  standIn,
  caddyConfig,
  localPort,
}: OverrideInput): string {
  const labels = `labels: { ${JSON.stringify(label.name)}: ${JSON.stringify(label.value)} }`;
  const withPrefix = (name: string): string => (name.startsWith(`${prefix}-`) ? name : `${prefix}-${name}`);
  const lines: string[] = ["services:"];
  for (const [name, service] of Object.entries(config.services ?? {})) {
    lines.push(`  ${JSON.stringify(name)}:`, `    ${labels}`);
    const local = image(name);
    if (local !== undefined) lines.push(`    image: ${JSON.stringify(local)}`, "    pull_policy: never");
    const caddy = caddyConfig?.(name);
    const folders = Object.entries({
      ...mounts?.(name),
      ...(caddy !== undefined && { [caddyConfigPlace]: caddy }),
    }).map(([target, source]) => ({ type: "bind", source, target }));
    if (caddy !== undefined)
      lines.push(`    command: ${JSON.stringify(["caddy", "run", "--config", caddyConfigPlace])}`);
    if (folders.length > 0) lines.push(`    volumes: ${JSON.stringify(folders)}`);
    const variables = imposed?.(name);
    if (variables !== undefined) lines.push(`    environment: ${literal(variables)}`);
    const task = standIn?.(name);
    if (task !== undefined) lines.push(...standInLines(task, service));
    if (service.container_name !== undefined) {
      lines.push(`    container_name: ${JSON.stringify(withPrefix(service.container_name))}`);
    }
    const ports = (service.ports ?? []).map((port) => {
      const published = localPort(name, port);
      return {
        target: port.target,
        host_ip: "127.0.0.1",
        protocol: port.protocol ?? "tcp",
        mode: "host",
        ...(published !== undefined && { published: String(published) }),
      };
    });
    if (ports.length > 0) lines.push(`    ports: !override ${JSON.stringify(ports)}`);
  }
  const named = (kind: string, entries: Readonly<Record<string, ConfigNamed | null>>): void => {
    if (Object.keys(entries).length > 0) lines.push(`${kind}:`);
    for (const [key, entry] of Object.entries(entries)) {
      const name = withPrefix(entry?.name ?? key);
      lines.push(`  ${JSON.stringify(key)}:`, `    name: ${JSON.stringify(name)}`);
      if (entry?.external !== true) lines.push(`    ${labels}`);
    }
  };
  named("networks", { default: null, ...config.networks });
  named("volumes", config.volumes ?? {});
  return `${lines.join("\n")}\n`;
}

/** As a flow of YAML in which Compose finds no variable. */
function literal(value: Readonly<Record<string, string>>): string {
  return JSON.stringify(value).replaceAll("$", "$$$$");
}

/** Its own program instead of the image's: a command of the image is then an argument, which it does not run. */
function standInLines(task: StandInTask, { healthcheck }: ConfigService): string[] {
  const program = ["/usr/local/bin/node", standInProgram];
  const json = JSON.stringify(task);
  return [
    `    entrypoint: ${JSON.stringify(program)}`,
    '    command: ["serve"]',
    "    working_dir: /app",
    `    environment: ${literal({ GROUNDWORK_STAND_IN: json })}`,
    ...(healthcheck?.test === undefined || healthcheck.disable === true
      ? []
      : [`    healthcheck: { test: ${JSON.stringify(["CMD", ...program, "health"])} }`]),
  ];
}
