import { execFile, spawn } from "node:child_process";
import { access, copyFile, cp, mkdir, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { createHash } from "node:crypto";
import { basename, dirname, join } from "node:path";
import { createInterface } from "node:readline";
import { promisify } from "node:util";
import { cacheDirectory, exclusively } from "../../common/cache";
import { type Log, silent } from "../../common/log";
import { projectRoot } from "../../common/project-root";
import { UserError } from "../../common/user-error";

const execute = promisify(execFile);

/** A command-line tool that is built from its Go module, pinned by go.mod and go.sum in sandbox/engine/go/<module>. */
export interface GoTool {
  /** Folder below sandbox/engine/go. */
  readonly module: string;
  /** Import path of the command. */
  readonly package: string;
  /** Name of the binary. */
  readonly output: string;
  /** Linker flags beside `-s -w`. @default none */
  readonly ldflags?: string;
  /** Build tags, with commas between them. @default none */
  readonly tags?: string;
  /** Packages that are left empty, as what they bring would take minutes to compile and is not used here. @default none */
  readonly without?: readonly LeftOut[];
}

/** A package of a dependency that another one imports for its effect alone. */
export interface LeftOut {
  /** The module's path. */
  readonly module: string;
  /** Folder of the package in the module; its last part is the package's name. */
  readonly folder: string;
}

/** The oldest Go that the modules here accept; an older one fetches a newer toolchain by itself where it may. */
export const oldestGo = "1.21";

/**
 * Builds a tool once and keeps it in the cache, named by its module files' hash, so that a new version is a new file.
 * Two processes that need the same tool at once build it once.
 *
 * @returns The path of the binary.
 * @throws UserError where Go is missing or the build fails.
 * @example
 * await buildGoTool({ module: "compose", package: "github.com/docker/compose/v2/cmd", output: "docker-compose" });
 */
export async function buildGoTool(tool: GoTool, log: Log = silent): Promise<string> {
  const source = sourceOf(tool);
  const binary = await goToolFile(tool);
  const folder = dirname(binary);
  if (await exists(binary)) return binary;
  return exclusively(
    folder,
    async () => {
      if (await exists(binary)) return binary;
      log(`building ${tool.output} from its Go module (a few minutes, once on this machine)`);
      await compile(tool, source, binary, log);
      return binary;
    },
    { log, doing: `build ${tool.output}` },
  );
}

/** Where {@link buildGoTool} puts a tool, whether it is there yet or not. */
export async function goToolFile(tool: GoTool): Promise<string> {
  const folder = `${tool.module}-${await moduleHash(sourceOf(tool))}`;
  return join(cacheDirectory(), "go", folder, tool.output);
}

function sourceOf({ module }: GoTool): string {
  return join(projectRoot(), "sandbox", "engine", "go", module);
}

async function moduleHash(source: string): Promise<string> {
  const hash = createHash("sha256");
  for (const name of ["go.mod", "go.sum"]) hash.update(await readFile(join(source, name)));
  return hash.digest("hex").slice(0, 16);
}

async function compile(tool: GoTool, source: string, binary: string, log: Log): Promise<void> {
  const started = Date.now();
  const partial = `${binary}.partial-${process.pid}`;
  await mkdir(dirname(binary), { recursive: true });
  log(`  ${tool.output}: fetching its modules`);
  await run("go", ["mod", "download"], source, () => undefined);
  let compiled = 0;
  let lastSaid = Date.now();
  const linked = ["-s", "-w", tool.ldflags].filter((flag) => flag !== undefined).join(" ");
  // What `-w` leaves out of the binary need not be made.
  const flags = ["-v", "-trimpath", "-gcflags=all=-dwarf=false", `-ldflags=${linked}`];
  if (tool.tags !== undefined) flags.push(`-tags=${tool.tags}`);
  const changed = join(dirname(binary), `changed-${process.pid}`);
  try {
    flags.push(...(await leaveOut(tool, source, changed)));
    await run("go", ["build", ...flags, "-o", partial, tool.package], source, () => {
      compiled += 1;
      if (Date.now() - lastSaid < 10_000) return;
      lastSaid = Date.now();
      log(`  ${tool.output}: ${compiled} packages compiled, ${seconds(started)} s`);
    });
    await rename(partial, binary);
  } finally {
    await rm(partial, { force: true });
    await rm(changed, { recursive: true, force: true });
  }
  log(`built ${tool.output} in ${seconds(started)} s`);
}

/**
 * Copies the modules of {@link GoTool.without} beside the module files, empties those packages, and has Go take the copies: what is
 * in its own cache must not be replaced.
 *
 * @returns Flags of `go build`.
 */
async function leaveOut({ without }: GoTool, source: string, folder: string): Promise<string[]> {
  if (without === undefined) return [];
  const moduleFile = join(folder, "go.mod");
  let text = await readFile(join(source, "go.mod"), "utf8");
  for (const { module, folder: inModule } of without) {
    const { stdout } = await execute("go", ["list", "-m", "-f", "{{.Dir}}", module], { cwd: source });
    const copied = join(folder, "src", module);
    await cp(stdout.trim(), copied, { recursive: true });
    await execute("chmod", ["-R", "u+w", copied]);
    const emptied = join(copied, inModule);
    for (const file of await readdir(emptied)) if (file.endsWith(".go")) await rm(join(emptied, file));
    await writeFile(join(emptied, "empty.go"), `package ${basename(inModule)}\n`);
    text += `\nreplace ${module} => ${copied}\n`;
  }
  await writeFile(moduleFile, text);
  await copyFile(join(source, "go.sum"), join(folder, "go.sum"));
  return [`-modfile=${moduleFile}`];
}

function seconds(started: number): number {
  return Math.round((Date.now() - started) / 1000);
}

function run(
  command: string,
  args: string[],
  cwd: string,
  onErrorLine: (line: string) => void,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, {
      cwd,
      env: { ...process.env, CGO_ENABLED: "0", GOFLAGS: "-mod=readonly" },
      stdio: ["ignore", "ignore", "pipe"],
    });
    const lastLines: string[] = [];
    createInterface({ input: child.stderr }).on("line", (line) => {
      lastLines.push(line);
      if (lastLines.length > 12) lastLines.shift();
      onErrorLine(line);
    });
    child.once("error", (cause) => reject(buildFailed(command, args, cause.message, cause)));
    child.once("close", (code) => {
      if (code === 0) resolve();
      else reject(buildFailed(command, args, lastLines.join("\n"), undefined));
    });
  });
}

function buildFailed(command: string, args: string[], detail: string, cause: unknown): UserError {
  return new UserError({
    what: `\`${command} ${args[0] ?? ""}\` failed`,
    value: detail.trim(),
    allowed: `Go ${oldestGo} or newer with its module proxy in reach`,
    next: "run the same command again: what was fetched and compiled is kept",
    cause,
  });
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
