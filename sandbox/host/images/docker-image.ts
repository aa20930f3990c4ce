import { mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import type { Readable } from "node:stream";
import { create } from "tar";
import { UserError } from "../../../common/user-error";
import { toolFile, type ToolName } from "../bundle-names";
import type { DockerConfig, PreparedImage } from "../config";
import { dockerEnvironment } from "../docker/environment";
import { hashTree, sha256 } from "../hash";
import type { HostLayout } from "../layout";
import { hydratePostgres } from "../postgres/binaries";
import { cacheDirectory } from "../../../common/cache";
import { findDatabaseClient } from "../postgres/real-program";
import { runProgram } from "../run-program";
import { prepareCaddy } from "./caddy";
import type { SandboxImage } from "./image";
import { prepareNodeApp } from "./prepare";
import { caddyRootfs, nodeAppRootfs, postgresHome, postgresRootfs, recipeVersion } from "./rootfs";

export interface ImageContext {
  readonly layout: HostLayout;
  readonly docker: DockerConfig;
  /** Images are tagged `<name>/…`. */
  readonly name: string;
  readonly log: (line: string) => void;
}

const cacheRepository = "groundwork-cache";

/** Makes an image in Docker from this machine's own files, unless one of the same content is there. */
export async function makeImage(image: SandboxImage, context: ImageContext): Promise<PreparedImage> {
  const { layout, docker, name, log } = context;
  const environment = dockerEnvironment(docker);
  const prepared = prepare(image, layout);
  const hash = sha256(
    JSON.stringify([prepared.hash, recipeVersion, statSync(process.execPath).size, process.version]),
  ).slice(0, 16);
  const tag = `${name}/${image.kind}:${hash}`;
  const cached = `${cacheRepository}/${image.kind}:${hash}`;
  const done = { ...prepared, hash, tag };
  const docker_ = (args: readonly string[], input?: Readable): ReturnType<typeof runProgram> =>
    runProgram(docker.client, args, { environment, ...(input && { input }) });
  if ((await docker_(["image", "inspect", tag])).code === 0) return done;
  // The sandboxes' own daemon keeps images for the next sandbox; in the user's own nothing stays. A proxy's holds the
  // authority of its sandbox, so it is of no use to another.
  const keep = docker.ownDaemon && image.kind !== "caddy";
  if (keep && (await docker_(["tag", cached, tag])).code === 0) return done;

  log(`making the image ${image.names[0] ?? image.kind} from local files`);
  const root = mkdtempSync(join(tmpdir(), "groundwork-image-"));
  try {
    if (image.kind === "node-app") await nodeAppRootfs(root, prepared.content ?? "", image);
    else if (image.kind === "caddy") await caddyRootfs(root, image);
    else await postgresRootfs(root, cachedPostgres(), layout.tools, image.clients);
    // `portable` leaves this machine's users out: everything is root's.
    const archive = create({ cwd: root, portable: true }, ["."]) as unknown as Readable;
    const changes = changesOf(image).flatMap((change) => ["--change", change]);
    const result = await docker_(["import", ...changes, "-", tag], archive);
    if (result.code !== 0) {
      throw new UserError({
        what: `Docker does not take the image ${image.names[0] ?? image.kind}`,
        value: result.stderr.trim(),
        next: "look at the daemon's disk space: docker system df",
      });
    }
    if (keep) await docker_(["tag", tag, cached]);
    return done;
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
}

function prepare(image: SandboxImage, layout: HostLayout): PreparedImage {
  switch (image.kind) {
    case "node-app":
      return prepareNodeApp(image, layout.images);
    case "caddy":
      return prepareCaddy(image);
    case "postgres":
      return { ...image, hash: postgresHash(image, layout) };
  }
}

function cachedPostgres(): string {
  return hydratePostgres(join(cacheDirectory(), "postgres"));
}

function postgresHash(image: SandboxImage, layout: HostLayout): string {
  const tools: readonly ToolName[] = ["postgres-entrypoint", "psql", "pg_isready"];
  const files = tools.map((name) => hashTree(toolFile(layout.tools, name)));
  const clients = (["psql", "pg_isready"] as const).map((name) => findDatabaseClient(name) ?? "");
  const postgres = cachedPostgres();
  const server = [basename(postgres), hashTree(join(postgres, "share", "postgresql", "extension"))];
  return sha256(
    JSON.stringify([server, files, clients, image.command, image.environment, image.clients]),
  ).slice(0, 16);
}

function changesOf(image: SandboxImage): string[] {
  const environment: Record<string, string> = {
    PATH: "/usr/local/bin:/usr/bin:/bin",
    ...(image.kind === "postgres" && {
      PGDATA: "/var/lib/postgresql/data",
      GROUNDWORK_POSTGRES: postgresHome,
    }),
    ...image.environment,
  };
  const variables = Object.entries(environment).map(([key, value]) => `ENV ${key}=${JSON.stringify(value)}`);
  if (image.kind === "postgres") {
    return [
      ...variables,
      'ENTRYPOINT ["/usr/local/bin/postgres-entrypoint"]',
      `CMD ${JSON.stringify(image.command ?? ["postgres"])}`,
      'VOLUME ["/var/lib/postgresql/data"]',
      "EXPOSE 5432",
    ];
  }
  return [
    ...variables,
    `WORKDIR ${image.workingDirectory ?? "/app"}`,
    ...(image.entrypoint === undefined ? [] : [`ENTRYPOINT ${JSON.stringify(image.entrypoint)}`]),
    `CMD ${JSON.stringify(image.command ?? ["node", "server.js"])}`,
  ];
}
