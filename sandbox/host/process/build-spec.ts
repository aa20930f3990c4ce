import { createHash, randomBytes } from "node:crypto";
import {
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  realpathSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { dirname, isAbsolute, join } from "node:path";
import type { HostConfig, PreparedImage } from "../config";
import type { HostLayout } from "../layout";
import { shellWords } from "../../../common/shell-words";
import { toolFile } from "../bundle-names";
import { isGroundworkProxy } from "../images/caddy";
import { caddyScript, outsideContainer } from "./caddy";
import { ComposeError } from "./compose-file";
import type { ComposeProject, ComposeService, Mount } from "./compose-model";
import { rewritePaths, type PublishedSpec, type ServiceSpec } from "./spec";
import { namesFile } from "./names";

export interface SpecInput {
  readonly layout: HostLayout;
  readonly config: HostConfig;
  readonly project: ComposeProject;
  readonly service: ComposeService;
  readonly image: PreparedImage;
  readonly address: string;
  readonly published: readonly PublishedSpec[];
  /** The service's folder. */
  readonly folder: string;
}

export const defaultPgdata = "/var/lib/postgresql/data";

/** Over all that makes Compose create a container anew: the service's settings and the image behind its name. */
export function configHash(service: ComposeService, image: PreparedImage | undefined): string {
  const { dependsOn: _, profiles: __, replicas: ___, ...settings } = service;
  return createHash("sha256")
    .update(JSON.stringify([settings, image?.hash]))
    .digest("hex");
}

/** What runs for a service; makes its folders and links on the way. */
export function buildSpec(input: SpecInput): ServiceSpec {
  const { config, project, service, image, address, folder, layout } = input;
  const root = join(folder, "root");
  rmSync(root, { recursive: true, force: true });
  const workingDirectory = service.workingDirectory ?? image.workingDirectory ?? "/app";
  const paths: [string, string][] = [];
  const anonymousVolumes: string[] = [];

  if (image.content !== undefined) {
    const application = image.workingDirectory ?? "/app";
    linkChildren(image.content, join(root, application));
    paths.push([application, join(root, application)]);
  }
  for (const [target, source] of Object.entries(image.mounts ?? {})) {
    link(source, join(root, target));
    paths.push([target, source]);
  }
  for (const mount of service.mounts) {
    const source = mountSource(mount, config, root);
    if (
      mount.type === "volume" &&
      !Object.values(project.volumes).some(({ name }) => name === mount.source)
    ) {
      anonymousVolumes.push(source);
    }
    link(source, join(root, mount.target));
    paths.push([mount.target, source]);
  }
  const programs = writePrograms(input);
  const environment: Record<string, string> = {
    ...image.environment,
    ...service.environment,
    ...image.imposed,
  };
  if (image.kind === "postgres") {
    const pgdata = (environment["PGDATA"] ??= defaultPgdata);
    if (!paths.some(([from]) => pgdata === from || pgdata.startsWith(`${from}/`))) {
      const source = join(config.volumes, `${project.name}_${service.name}-pgdata`);
      mkdirSync(source, { recursive: true });
      anonymousVolumes.push(source);
      paths.push([pgdata, source]);
    }
  }
  paths.sort(([a], [b]) => b.length - a.length);
  mkdirSync(join(root, "root"), { recursive: true });
  const cwd = isAbsolute(workingDirectory) ? join(root, workingDirectory) : root;
  mkdirSync(cwd, { recursive: true });

  const caddy =
    image.kind === "caddy"
      ? outsideContainer(image, service, { address, paths, root, sockets: config.sockets })
      : undefined;
  const sockets = join(config.sockets, address);
  const rewrite = (text: string): string => rewritePaths(text, paths);
  const id = randomBytes(32).toString("hex");
  const networks = Object.keys(service.networks).map((name) => project.networks[name]?.name ?? name);
  return {
    project: project.name,
    service: service.name,
    container: service.containerName ?? `${project.name}-${service.name}-1`,
    id,
    image: service.image,
    configHash: configHash(service, image),
    createdAt: new Date().toISOString(),
    argv: commandOf(service, image, layout).map(rewrite),
    cwd,
    environment: {
      PATH: [
        ...programs,
        ...(image.program === undefined ? [] : [dirname(image.program)]),
        join(layout.tools, "bin"),
        dirname(process.execPath),
        ...["/usr/local/bin", "/usr/bin", "/bin"],
      ].join(":"),
      HOME: join(root, "root"),
      HOSTNAME: id.slice(0, 12),
      ...Object.fromEntries(Object.entries(environment).map(([name, value]) => [name, rewrite(value)])),
      NODE_OPTIONS: [
        `--require ${JSON.stringify(toolFile(layout.tools, "preload"))}`,
        environment["NODE_OPTIONS"],
      ]
        .filter((part) => part !== undefined)
        .join(" "),
      GROUNDWORK_ADDRESS: address,
      GROUNDWORK_NAMES_FILE: namesFile(layout),
      GROUNDWORK_NETWORKS: networks.join(","),
      ...(image.kind === "postgres" && postgresEnvironment(config, sockets)),
      ...caddy?.environment,
    },
    // Without a host, psql takes the local socket, as it does in a container.
    execEnvironment: image.kind === "postgres" ? { PGHOST: environment["PGHOST"] ?? sockets } : {},
    paths,
    address,
    networks,
    published: input.published,
    ...(caddy && { listens: caddy.listens, resolverPort: caddy.resolverPort }),
    restart: service.restart,
    ...(service.healthcheck && { healthcheck: service.healthcheck }),
    stopSignal: service.stopSignal,
    stopGraceMs: service.stopGraceMs,
    labels: service.labels,
    anonymousVolumes,
  };
}

/** Puts the programs of a service's own into a folder. @returns what goes to the front of PATH for them */
function writePrograms({ image, service, layout, folder }: SpecInput): string[] {
  const directory = join(folder, "bin");
  rmSync(directory, { recursive: true, force: true });
  const { programs = {}, content = "", program = "" } = image;
  const scripts = Object.entries(programs).map(([name, file]): [string, string] => [
    name,
    `exec ${shellWords([process.execPath, join(content, file)])} "$@"`,
  ]);
  if (image.kind === "caddy" && !isGroundworkProxy(service.mounts)) {
    const command = toolFile(layout.tools, "caddy-command");
    scripts.push(["caddy", caddyScript({ program, command, target: join(folder, "caddy.json") })]);
  }
  if (scripts.length === 0) return [];
  mkdirSync(directory, { recursive: true });
  for (const [name, script] of scripts)
    writeFileSync(join(directory, name), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  return [directory];
}

function commandOf(service: ComposeService, image: PreparedImage, layout: HostLayout): string[] {
  const isPostgres = image.kind === "postgres";
  const imageEntrypoint = isPostgres
    ? [process.execPath, toolFile(layout.tools, "postgres-entrypoint")]
    : (image.entrypoint ?? []);
  const imageCommand = image.command ?? (isPostgres ? ["postgres"] : ["node", "server.js"]);
  // As in Docker: an entrypoint of the file's own takes the image's command away.
  const entrypoint = service.entrypoint ?? imageEntrypoint;
  const command = service.command ?? (service.entrypoint === undefined ? imageCommand : []);
  const argv = [...entrypoint, ...command];
  if (argv.length === 0) throw new ComposeError(`service "${service.name}": no command specified`);
  return argv;
}

function postgresEnvironment(config: HostConfig, sockets: string): Record<string, string> {
  return {
    GROUNDWORK_POSTGRES: config.postgres?.directory ?? "",
    GROUNDWORK_SOCKETS: sockets,
    ...(config.unprivileged && {
      GROUNDWORK_UID: String(config.unprivileged.uid),
      GROUNDWORK_GID: String(config.unprivileged.gid),
    }),
  };
}

function mountSource(mount: Mount, config: HostConfig, root: string): string {
  if (mount.type === "tmpfs") {
    const folder = join(root, ".tmpfs", mount.target);
    mkdirSync(folder, { recursive: true });
    return folder;
  }
  if (mount.content !== undefined) {
    const file = join(root, ".content", mount.target);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, mount.content, { mode: 0o600 });
    return file;
  }
  const source = mount.type === "volume" ? join(config.volumes, mount.source) : mount.source;
  if (existsSync(source)) return source;
  if (mount.mustExist) {
    throw new ComposeError(
      `Error response from daemon: invalid mount config for type "bind": bind source path does not exist: ${source}`,
    );
  }
  mkdirSync(source, { recursive: true });
  return source;
}

/** A folder whose entries are links to those of another: what is written beside them stays here. */
function linkChildren(source: string, target: string): void {
  mkdirSync(target, { recursive: true });
  for (const entry of readdirSync(source)) symlinkSync(join(source, entry), join(target, entry));
}

/** Puts a link in place; a linked folder on the way is opened into a folder of links. */
function link(source: string, target: string): void {
  openFolder(dirname(target));
  rmSync(target, { recursive: true, force: true });
  symlinkSync(source, target);
}

function openFolder(folder: string): void {
  const stats = lstatSync(folder, { throwIfNoEntry: false });
  if (stats === undefined) {
    openFolder(dirname(folder));
    mkdirSync(folder);
  } else if (stats.isSymbolicLink() && statSync(folder).isDirectory()) {
    const source = realpathSync(folder);
    rmSync(folder);
    linkChildren(source, folder);
  }
}
