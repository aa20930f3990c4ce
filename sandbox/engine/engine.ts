import { execFile } from "node:child_process";
import { access, copyFile, mkdir, readFile, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import semver from "semver";
import { cacheDirectory, exclusively } from "../../common/cache";
import { type Log, silent } from "../../common/log";
import { projectRoot } from "../../common/project-root";
import { UserError } from "../../common/user-error";
import { buildGoTool } from "./go-build";
import { type FoundPulumi, pulumiOnPath } from "./pulumi-on-path";

const execute = promisify(execFile);

/** A Pulumi CLI that serves, with the language host for Node.js programs beside it. */
export interface Engine {
  /** Path of the `pulumi` binary. */
  readonly pulumi: string;
  /** The folder to put first on PATH: holds `pulumi` and its language hosts. */
  readonly binDirectory: string;
  readonly version: string;
  /** How it was had. */
  readonly source: "path" | "cache" | "download" | "build";
}

/** What the search asks of the outside: replaced in tests. */
export interface EngineSources {
  /** Version of the `pulumi` on PATH and where it stands; undefined where there is none. */
  onPath(): Promise<FoundPulumi | undefined>;
  /** Puts the vendor's own release below `root` (bin/pulumi). Rejects where the vendor's site is out of reach. */
  download(version: string, root: string): Promise<void>;
  /** Builds the CLI and the language host from their Go modules into `root`/bin. */
  build(root: string, log: Log): Promise<void>;
  hasGo(): Promise<boolean>;
}

/**
 * Finds the engine: a `pulumi` on PATH whose version serves, one already in the cache, the vendor's installer, a build
 * from Go. Says in a line for each step what it does and why.
 *
 * @throws UserError with both remedies where there is neither a download nor Go.
 */
export async function findEngine({
  log = silent,
  cache = cacheDirectory(),
  sources = realSources,
}: { log?: Log; cache?: string; sources?: EngineSources } = {}): Promise<Engine> {
  const wanted = await sdkVersion();
  const own = await sources.onPath();
  if (own !== undefined && serves(own.version, wanted)) {
    return { ...own, binDirectory: join(own.pulumi, ".."), source: "path" };
  }
  if (own !== undefined)
    log(`pulumi ${own.version} on PATH does not serve: ${wanted} or a newer 3.x is needed`);

  const root = join(cache, `pulumi-${wanted}`);
  const binDirectory = join(root, "bin");
  const engine = { pulumi: join(binDirectory, "pulumi"), binDirectory, version: wanted };
  if (await complete(binDirectory)) return { ...engine, source: "cache" };

  return exclusively(
    root,
    async (): Promise<Engine> => {
      if (await complete(binDirectory)) return { ...engine, source: "cache" };
      log(`no pulumi ${wanted} on this machine yet: asking the vendor's installer`);
      let refusal: string;
      try {
        await sources.download(wanted, root);
        if (await complete(binDirectory)) return { ...engine, source: "download" };
        refusal = "it left no pulumi behind";
      } catch (error) {
        refusal = firstLine(error);
      }
      log(`the vendor's installer did not serve (${refusal})`);
      if (!(await sources.hasGo())) throw neitherDownloadNorGo(wanted, refusal);
      log("building the engine from its Go modules instead");
      await sources.build(root, log);
      return { ...engine, source: "build" };
    },
    { log, doing: `install pulumi ${wanted}` },
  );
}

/** An engine serves when it is of the SDK's major version and not older than the SDK. */
export function serves(version: string, wanted: string): boolean {
  return (
    semver.valid(version) !== null && semver.satisfies(version, `^${wanted}`, { includePrerelease: true })
  );
}

/** The version of `@pulumi/pulumi` that package.json pins: engine and SDK go together. */
async function sdkVersion(): Promise<string> {
  const manifest = JSON.parse(await readFile(join(projectRoot(), "package.json"), "utf8")) as {
    dependencies: Record<string, string>;
  };
  const version = manifest.dependencies["@pulumi/pulumi"];
  if (version === undefined) throw new Error("package.json does not name @pulumi/pulumi");
  return version;
}

async function complete(binDirectory: string): Promise<boolean> {
  const needed = ["pulumi", "pulumi-language-nodejs"].map((name) => access(join(binDirectory, name)));
  return Promise.all(needed).then(
    () => true,
    () => false,
  );
}

function neitherDownloadNorGo(version: string, refusal: string): UserError {
  return new UserError({
    what: `there is no Pulumi engine, it could not be downloaded (${refusal}), and there is no Go to build it with`,
    allowed: `pulumi ${version} or a newer 3.x`,
    next:
      "install Pulumi (https://www.pulumi.com/docs/install/) so that `pulumi version` answers, " +
      "or install Go (https://go.dev/doc/install); then run the same command again",
  });
}

function firstLine(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  return message.split("\n").find((line) => line.trim() !== "") ?? "no reason given";
}

const realSources: EngineSources = {
  onPath: () => pulumiOnPath(),

  async download(version, root) {
    const { PulumiCommand } = await import("@pulumi/pulumi/automation/index.js");
    await PulumiCommand.install({ root, version: new semver.SemVer(version) });
  },

  async build(root, log) {
    const version = await sdkVersion();
    const cli = await buildGoTool(
      {
        module: "cli",
        package: "github.com/pulumi/pulumi/pkg/v3/cmd/pulumi",
        output: "pulumi",
        ldflags: `-X github.com/pulumi/pulumi/sdk/v3/go/common/version.Version=v${version}`,
      },
      log,
    );
    const languageHost = await buildGoTool(
      {
        module: "language-host",
        package: "github.com/pulumi/pulumi/sdk/v3/nodejs/cmd/pulumi-language-nodejs",
        output: "pulumi-language-nodejs",
      },
      log,
    );
    const bin = join(root, "bin");
    await mkdir(bin, { recursive: true });
    for (const [from, name] of [
      [languageHost, "pulumi-language-nodejs"],
      [cli, "pulumi"],
    ] as const) {
      const partial = join(bin, `.${name}-${process.pid}`);
      await copyFile(from, partial);
      await rename(partial, join(bin, name)).finally(() => rm(partial, { force: true }));
    }
  },

  async hasGo() {
    return execute("go", ["version"]).then(
      () => true,
      () => false,
    );
  },
};
