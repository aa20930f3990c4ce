import {
  chmodSync,
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  realpathSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { dirname, join, relative } from "node:path";
import type { PostgresClients } from "../../engine/postgres-clients";
import { toolFile, type ToolName } from "../bundle-names";
import { findDatabaseClient, findRealProgram } from "../postgres/real-program";
import { runProgram } from "../run-program";
import { findBusybox, plainPrograms } from "./busybox";
import type { SandboxImage } from "./image";
import { linkedLibraries } from "./libraries";

/** Counted up when the make-up of images changes, so that they are made anew. */
export const recipeVersion = 2;

/** Where PostgreSQL lies in its image. */
export const postgresHome = "/usr/local/postgres";
const toolsHome = "/usr/local/lib/groundwork";
/** Owner of the database's files, as in the official image. */
export const postgresUid = 999;

/** The folder tree of an image, made from this machine's own files. */
class Rootfs {
  constructor(readonly root: string) {}

  /** The place of an absolute container path. */
  at(path: string): string {
    return join(this.root, path);
  }

  folder(path: string, mode = 0o755): void {
    mkdirSync(this.at(path), { recursive: true });
    chmodSync(this.at(path), mode);
  }

  copy(source: string, target: string, mode?: number): void {
    mkdirSync(dirname(this.at(target)), { recursive: true });
    copyFileSync(realpathSync(source), this.at(target));
    chmodSync(this.at(target), mode ?? statSync(source).mode & 0o777);
  }

  write(path: string, content: string, mode = 0o644): void {
    mkdirSync(dirname(this.at(path)), { recursive: true });
    writeFileSync(this.at(path), content);
    chmodSync(this.at(path), mode);
  }

  link(path: string, target: string): void {
    mkdirSync(dirname(this.at(path)), { recursive: true });
    if (!existsSync(this.at(path))) symlinkSync(target, this.at(path));
  }

  async libraries(programs: readonly string[], within?: string): Promise<void> {
    for (const library of await linkedLibraries(programs, within)) this.copy(library, library, 0o755);
  }
}

/** What every image has: a shell, users, certificates. */
async function plainBase(root: string, programs: readonly string[] = []): Promise<Rootfs> {
  const tree = new Rootfs(root);
  for (const path of [
    "/etc",
    "/root",
    "/usr/bin",
    "/usr/local/bin",
    "/bin",
    "/var/run",
    "/proc",
    "/sys",
    "/dev",
  ])
    tree.folder(path);
  tree.folder("/tmp", 0o1777);
  tree.write(
    "/etc/passwd",
    `root:x:0:0:root:/root:/bin/sh\npostgres:x:${postgresUid}:${postgresUid}::/var/lib/postgresql:/bin/sh\nnode:x:1000:1000::/home/node:/bin/sh\nnobody:x:65534:65534::/:/bin/false\n`,
  );
  tree.write("/etc/group", `root:x:0:\npostgres:x:${postgresUid}:\nnode:x:1000:\nnogroup:x:65534:\n`);
  tree.write("/etc/nsswitch.conf", "passwd: files\ngroup: files\nhosts: files dns\n");
  const authorities = "/etc/ssl/certs/ca-certificates.crt";
  if (existsSync(authorities)) tree.copy(authorities, authorities, 0o644);
  const linked = [...programs];
  const busybox = await findBusybox();
  if (busybox === undefined) {
    for (const name of plainPrograms) {
      const program = findRealProgram(name);
      if (program === undefined) continue;
      tree.copy(program, `/bin/${name}`, 0o755);
      tree.link(`/usr/bin/${name}`, `/bin/${name}`);
      linked.push(program);
    }
  } else {
    tree.copy(busybox, "/bin/busybox", 0o755);
    const { stdout } = await runProgram(busybox, ["--list"]);
    for (const applet of stdout.split("\n").filter((name) => /^[\w[.-]+$/.test(name) && name !== "busybox")) {
      tree.link(`/bin/${applet}`, "busybox");
      tree.link(`/usr/bin/${applet}`, "/bin/busybox");
    }
  }
  await tree.libraries(linked);
  return tree;
}

/** The same with node. */
async function base(root: string): Promise<Rootfs> {
  const tree = await plainBase(root, [process.execPath]);
  tree.copy(process.execPath, "/usr/local/bin/node", 0o755);
  return tree;
}

/** The tree of Caddy: its binary, and files by their whole paths. */
export async function caddyRootfs(root: string, { program = "", files = {} }: SandboxImage): Promise<void> {
  const tree = await plainBase(root);
  tree.copy(program, "/usr/bin/caddy", 0o755);
  for (const path of ["/etc/caddy", "/config", "/data", "/srv"]) tree.folder(path);
  for (const [path, source] of Object.entries(files)) tree.copy(source, path);
}

/** The tree of a node-app: its files in the working folder. */
export async function nodeAppRootfs(
  root: string,
  content: string,
  { workingDirectory = "/app", programs = {} }: Pick<SandboxImage, "workingDirectory" | "programs">,
): Promise<void> {
  const tree = await base(root);
  mkdirSync(tree.at(workingDirectory), { recursive: true });
  cpSync(content, tree.at(workingDirectory), { recursive: true });
  for (const [name, file] of Object.entries(programs)) {
    const program = `exec /usr/local/bin/node ${workingDirectory}/${file} "$@"`;
    tree.write(`/usr/local/bin/${name}`, `#!/bin/sh\n${program}\n`, 0o755);
  }
}

/** Programs for dumps. Those that find their libraries by their own place keep it; by default all use the local socket. */
async function dumpPrograms(
  tree: Rootfs,
  names: readonly string[],
  { bin, root }: PostgresClients,
): Promise<void> {
  const home = `${toolsHome}/postgres`;
  if (root !== undefined) {
    const libraries = "embedded_postgres.libs";
    cpSync(join(root, libraries), tree.at(`${home}/${libraries}`), { recursive: true });
  }
  for (const name of names) {
    const program = join(bin, name);
    const place = root === undefined ? `${home}/bin/${name}` : `${home}/${relative(root, program)}`;
    tree.copy(program, place, 0o755);
    const script = `PGHOST=\${PGHOST:-/var/run/postgresql} exec ${place} "$@"`;
    tree.write(`/usr/local/bin/${name}`, `#!/bin/sh\n${script}\n`, 0o755);
    await tree.libraries([program], root);
  }
}

/** The tree of PostgreSQL: its binaries, our entrypoint, `psql` and `pg_isready` (the machine's, else stand-ins). */
export async function postgresRootfs(
  root: string,
  postgres: string,
  tools: string,
  clients?: PostgresClients,
): Promise<void> {
  const tree = await base(root);
  cpSync(postgres, tree.at(postgresHome), { recursive: true, verbatimSymlinks: true });
  const programs = ["postgres", "initdb"].map((name) => join(postgres, "bin", name));
  await tree.libraries(programs, postgres);
  const tool = (name: ToolName): void => {
    tree.copy(toolFile(tools, name), `${toolsHome}/${name}.js`, 0o644);
    tree.write(
      `/usr/local/bin/${name}`,
      `#!/bin/sh\nexec /usr/local/bin/node ${toolsHome}/${name}.js "$@"\n`,
      0o755,
    );
  };
  tool("postgres-entrypoint");
  const own = findDatabaseClient("psql") === undefined ? ["psql"] : [];
  if (clients !== undefined) await dumpPrograms(tree, ["pg_dump", "pg_restore", ...own], clients);
  for (const name of ["psql", "pg_isready"] as const) {
    if (clients !== undefined && own.includes(name)) continue;
    const real = findDatabaseClient(name);
    if (real === undefined) tool(name);
    else {
      tree.copy(real, `/usr/local/bin/${name}`, 0o755);
      await tree.libraries([real]);
    }
  }
  tree.folder("/var/lib/postgresql/data", 0o700);
  tree.folder("/var/run/postgresql", 0o755);
}
