import { chmodSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { findOnPath } from "../../common/find-on-path";
import { shellWords } from "../../common/shell-words";
import { projectRoot } from "../../common/project-root";

/** The packages that have a provider here. */
export const providerNames = ["aws", "cloudflare", "command", "docker", "random"] as const;

export type ProviderName = (typeof providerNames)[number];

export interface InstallOptions {
  /** The PULUMI_HOME that gets the plugins; made when absent. */
  readonly pulumiHome: string;
  /**
   * `missing`: ours where no real plugin is on PATH or in that home. `always`: ours in that home in any case (a
   * plugin on PATH still wins, as Pulumi itself prefers it: that is an error here). `never`: nothing is written, and
   * ours are taken away.
   */
  readonly policy: "missing" | "always" | "never";
  /** @default all of {@link providerNames} */
  readonly packages?: readonly ProviderName[];
  /** Told in one line for each which provider is used, and why. */
  readonly log?: (line: string) => void;
  /** Where plugins are looked for. @default `process.env.PATH` */
  readonly path?: string;
}

export interface InstalledProvider {
  readonly name: ProviderName;
  /** That of the npm SDK, which is what a program asks for. */
  readonly version: string;
  /** `path`: a plugin on PATH; `home`: a real one in that home; `sandbox`: ours; `engine`: left to the engine to download. */
  readonly used: "path" | "home" | "sandbox" | "engine";
  /** The executable, where there is one. */
  readonly executable?: string;
}

/** The comment by which our own script is told from a real plugin. */
const mark = "# Groundwork's provider for the sandbox";

/**
 * Puts the sandbox's providers into a PULUMI_HOME as the exact versions of the SDKs in node_modules. A real plugin
 * wins, as in Pulumi. Calling it again changes nothing; two at once do no harm.
 *
 * @example
 * await installProviders({ pulumiHome: ".groundwork/pulumi", policy: "missing", log: console.log });
 */
export function installProviders(options: InstallOptions): Promise<InstalledProvider[]> {
  const log = options.log ?? (() => undefined);
  // A promise although nothing waits today: callers should not have to care.
  return Promise.resolve().then(() =>
    (options.packages ?? providerNames).map((name) => {
      const { installed, why } = installOne(name, options);
      const where =
        installed.used === "sandbox" ? "the sandbox's own provider" : (installed.executable ?? "the engine");
      log(`provider ${name} ${installed.version}: ${where} (${why})`);
      return installed;
    }),
  );
}

/**
 * The packages whose provider in that home is this project's own, and would be used.
 *
 * @param path where plugins are looked for, which win. Default: `process.env.PATH`
 */
export function ownProviders(pulumiHome: string, path?: string): ProviderName[] {
  return providerNames.filter((name) => {
    const { executable } = placeOf(name, pulumiHome);
    return (
      existsSync(executable) &&
      readFileSync(executable, "utf8") === scriptOf(name) &&
      findOnPath(`pulumi-resource-${name}`, path) === undefined
    );
  });
}

function installOne(
  name: ProviderName,
  options: InstallOptions,
): { installed: InstalledProvider; why: string } {
  const { version, folder, executable } = placeOf(name, options.pulumiHome);
  const onPath = findOnPath(`pulumi-resource-${name}`, options.path);
  const inHome = existsSync(executable) && !existsSync(`${folder}.partial`);
  const ours = inHome && readFileSync(executable).subarray(0, 200).includes(mark);

  if (options.policy === "never") {
    if (ours) rmSync(folder, { recursive: true, force: true });
    if (onPath !== undefined)
      return { installed: { name, version, used: "path", executable: onPath }, why: "it is on PATH" };
    if (inHome && !ours) {
      return { installed: { name, version, used: "home", executable }, why: "it is installed there" };
    }
    return {
      installed: { name, version, used: "engine" },
      why: "left to the engine to download, as asked for",
    };
  }
  if (onPath !== undefined) {
    return { installed: { name, version, used: "path", executable: onPath }, why: "a plugin on PATH wins" };
  }
  if (inHome && !ours && options.policy === "missing") {
    return { installed: { name, version, used: "home", executable }, why: "already installed, so it wins" };
  }
  const script = scriptOf(name);
  if (!ours || readFileSync(executable, "utf8") !== script) place(folder, `pulumi-resource-${name}`, script);
  const why = options.policy === "always" ? "asked for" : "no plugin on PATH or installed";
  return { installed: { name, version, used: "sandbox", executable }, why };
}

function placeOf(
  name: ProviderName,
  pulumiHome: string,
): { version: string; folder: string; executable: string } {
  const version = sdkVersion(name);
  const folder = join(pulumiHome, "plugins", `resource-${name}-v${version}`);
  return { version, folder, executable: join(folder, `pulumi-resource-${name}`) };
}

/** Whole or not at all: the folder is made beside and renamed into place. */
function place(folder: string, file: string, script: string): void {
  const staging = `${folder}.${process.pid}.staging`;
  rmSync(staging, { recursive: true, force: true });
  mkdirSync(staging, { recursive: true });
  writeFileSync(join(staging, file), script);
  chmodSync(join(staging, file), 0o755);
  mkdirSync(folder, { recursive: true });
  renameSync(join(staging, file), join(folder, file));
  rmSync(staging, { recursive: true, force: true });
  // What an interrupted download of the engine's leaves behind would make it ignore the folder.
  rmSync(`${folder}.partial`, { force: true });
}

function scriptOf(name: ProviderName): string {
  const start = [process.execPath, join(projectRoot(), "bin", "load-bundle.js"), `providers/${name}`];
  return `#!/bin/sh\n${mark}\nexec ${shellWords(start)} "$@"\n`;
}

/** The version of `@pulumi/<name>` in node_modules. */
export function sdkVersion(name: ProviderName): string {
  const require = createRequire(join(projectRoot(), "package.json"));
  return (require(`@pulumi/${name}/package.json`) as { version: string }).version;
}
