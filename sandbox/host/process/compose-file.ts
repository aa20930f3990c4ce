import { existsSync, readFileSync } from "node:fs";
import { basename, dirname, isAbsolute, join, resolve } from "node:path";
import { parseDocument } from "yaml";
import { parseEnvFile } from "./env-file";
import { interpolate, type Lookup } from "./interpolate";
import { mergeFiles } from "./merge";
import { normaliseService } from "./service";
import type { ComposeProject } from "./compose-model";
import { readTags, without, type TaggedContent } from "./yaml-tags";

/** How the command line says which files to read. */
export interface LoadOptions {
  readonly files: readonly string[];
  readonly projectName?: string;
  readonly projectDirectory?: string;
  readonly envFiles: readonly string[];
  readonly cwd: string;
  readonly environment: NodeJS.ProcessEnv;
  readonly warn: (line: string) => void;
}

export type Raw = Record<string, unknown>;

const defaultNames = ["compose.yaml", "compose.yml", "docker-compose.yaml", "docker-compose.yml"];
const topLevel = new Set(["name", "version", "services", "networks", "volumes", "secrets", "configs"]);

/** A mistake in the file or the command line: printed alone, exit code 1 (or as given). */
export class ComposeError extends Error {
  constructor(
    message: string,
    readonly exitCode = 1,
  ) {
    super(message);
  }
}

/**
 * Reads, interpolates, merges and checks compose files.
 *
 * @throws ComposeError in Compose's own words.
 */
export function loadProject(options: LoadOptions): ComposeProject {
  const files = findFiles(options);
  const workingDirectory = resolve(options.cwd, options.projectDirectory ?? dirname(files[0] ?? ""));
  const lookup = variables(options, workingDirectory);
  const warned = new Set<string>();
  const warn = (name: string): void => {
    if (!warned.has(name)) options.warn(`The "${name}" variable is not set. Defaulting to a blank string.`);
    warned.add(name);
  };
  const raw = files.reduce<Raw>((base, file) => {
    const { content, dropped } = parseYaml(file);
    return mergeFiles(without(base, dropped) as Raw, interpolateTree(content, lookup, warn, "") as Raw);
  }, {});
  return normalise(raw, { ...options, files, workingDirectory, lookup });
}

/** The project's name without reading more than needed: for `-p X down` where no file is at hand. */
export function projectNameOf(options: LoadOptions): string {
  return options.projectName ?? options.environment["COMPOSE_PROJECT_NAME"] ?? loadProject(options).name;
}

/** The compose files given, else those found in the folder or above it. */
export function findFiles(
  options: Pick<LoadOptions, "files" | "cwd" | "environment" | "projectDirectory">,
): string[] {
  const fromEnvironment = options.environment["COMPOSE_FILE"]?.split(":").filter((file) => file !== "") ?? [];
  const given = options.files.length > 0 ? options.files : fromEnvironment;
  if (given.length > 0) {
    return given.map((file) => {
      const full = resolve(options.cwd, file);
      if (file !== "-" && !existsSync(full))
        throw new ComposeError(`open ${full}: no such file or directory`, 14);
      return file === "-" ? "/dev/stdin" : full;
    });
  }
  for (let folder = resolve(options.cwd, options.projectDirectory ?? "."); ; folder = dirname(folder)) {
    const found = defaultNames.map((name) => join(folder, name)).find((file) => existsSync(file));
    if (found !== undefined) {
      const override = found.replace(/(\.ya?ml)$/, ".override$1");
      return existsSync(override) ? [found, override] : [found];
    }
    if (folder === dirname(folder)) throw new ComposeError("no configuration file provided: not found", 14);
  }
}

function variables(options: LoadOptions, workingDirectory: string): Lookup {
  const outer: Lookup = (name) => options.environment[name];
  const defaultFile = join(workingDirectory, ".env");
  const files = options.envFiles.length > 0 ? options.envFiles : existsSync(defaultFile) ? [defaultFile] : [];
  let values: Record<string, string> = {};
  for (const file of files) {
    const full = resolve(options.cwd, file);
    if (!existsSync(full)) throw new ComposeError(`couldn't find env file: ${full}`);
    const before = values;
    values = {
      ...before,
      ...parseEnvFile(readFileSync(full, "utf8"), (name) => outer(name) ?? before[name]),
    };
  }
  return (name) => outer(name) ?? values[name];
}

function parseYaml(file: string): TaggedContent {
  const document = parseDocument(readFileSync(file, "utf8"), { merge: true, logLevel: "error" });
  const error = document.errors[0];
  if (error !== undefined) throw new ComposeError(`yaml: ${file}: ${error.message}`, 15);
  const tagged = readTags(document);
  const { content } = tagged;
  if (content === null || typeof content !== "object" || Array.isArray(content)) {
    throw new ComposeError(`${file}: empty compose file`, 15);
  }
  return tagged;
}

function interpolateTree(node: unknown, lookup: Lookup, warn: (name: string) => void, path: string): unknown {
  if (typeof node === "string") {
    try {
      return interpolate(node, lookup, warn);
    } catch (error) {
      const message = (error as Error).message;
      throw new ComposeError(
        message.startsWith("required")
          ? `error while interpolating ${path}: ${message}`
          : `${path}: ${message}`,
        15,
      );
    }
  }
  const below = (key: string): string => (path === "" ? key : `${path}.${key}`);
  if (Array.isArray(node))
    return node.map((item, index) => interpolateTree(item, lookup, warn, below(`[${index}]`)));
  if (node !== null && typeof node === "object") {
    return Object.fromEntries(
      Object.entries(node).map(([key, value]) => [key, interpolateTree(value, lookup, warn, below(key))]),
    );
  }
  return node;
}

interface NormaliseContext extends LoadOptions {
  readonly workingDirectory: string;
  readonly lookup: Lookup;
}

function normalise(raw: Raw, context: NormaliseContext): ComposeProject {
  for (const key of Object.keys(raw)) {
    if (key === "include")
      throw new ComposeError("`include` is not supported by the sandbox without Docker", 15);
    if (!topLevel.has(key) && !key.startsWith("x-")) {
      throw new ComposeError(
        `validating ${context.files.join(", ")}: additional properties '${key}' not allowed`,
        15,
      );
    }
  }
  const name =
    context.projectName ??
    context.environment["COMPOSE_PROJECT_NAME"] ??
    (typeof raw["name"] === "string" ? raw["name"] : normaliseName(basename(context.workingDirectory)));
  if (!/^[a-z0-9][a-z0-9_-]*$/.test(name)) {
    throw new ComposeError(
      `invalid project name "${name}": must consist only of lowercase alphanumeric characters, hyphens, and underscores as well as start with a letter or number`,
    );
  }
  const networks = named(raw["networks"], name);
  const volumes = named(raw["volumes"], name);
  const secrets = sources(raw["secrets"], context);
  const configs = sources(raw["configs"], context);
  const services = Object.entries(record(raw["services"])).map(([service, value]) => [
    service,
    normaliseService(service, record(value), {
      project: name,
      workingDirectory: context.workingDirectory,
      lookup: context.lookup,
      networks,
      volumes,
      secrets,
      configs,
    }),
  ]);
  const project: ComposeProject = {
    name,
    workingDirectory: context.workingDirectory,
    files: context.files,
    services: Object.fromEntries(services) as ComposeProject["services"],
    networks: { default: { name: `${name}_default`, external: false }, ...networks },
    volumes,
  };
  checkDependencies(project);
  return project;
}

function normaliseName(text: string): string {
  return text
    .toLowerCase()
    .replace(/[^a-z0-9_-]/g, "")
    .replace(/^[_-]+/, "");
}

function named(raw: unknown, project: string): Record<string, { name: string; external: boolean }> {
  return Object.fromEntries(
    Object.entries(record(raw)).map(([key, value]) => {
      const { name, external } = record(value);
      const isExternal = external === true || typeof external === "object";
      const fallback = isExternal ? key : `${project}_${key}`;
      return [key, { name: typeof name === "string" ? name : fallback, external: isExternal }];
    }),
  );
}

/** Secrets and configs: name -> the file (or variable's value) behind it. */
export type Source = { readonly file: string } | { readonly content: string };

function sources(raw: unknown, context: NormaliseContext): Record<string, Source> {
  return Object.fromEntries(
    Object.entries(record(raw)).map(([key, value]): [string, Source] => {
      const { file, environment, content } = record(value);
      if (typeof file === "string") {
        return [key, { file: isAbsolute(file) ? file : resolve(context.workingDirectory, file) }];
      }
      if (typeof environment === "string") return [key, { content: context.lookup(environment) ?? "" }];
      if (typeof content === "string") return [key, { content }];
      throw new ComposeError(
        `secret or config "${key}" needs a file, an environment variable or content`,
        15,
      );
    }),
  );
}

function checkDependencies({ services }: ComposeProject): void {
  for (const service of Object.values(services)) {
    for (const [name, { required }] of Object.entries(service.dependsOn)) {
      if (services[name] === undefined && required) {
        throw new ComposeError(
          `service "${service.name}" depends on undefined service "${name}": invalid compose project`,
          15,
        );
      }
    }
  }
  startOrder(services, Object.keys(services));
}

/** Services and what they depend on, dependencies first. */
export function startOrder(services: ComposeProject["services"], wanted: readonly string[]): string[] {
  const order: string[] = [];
  const visit = (name: string, path: readonly string[]): void => {
    if (path.includes(name))
      throw new ComposeError(`dependency cycle detected: ${[...path, name].join(" -> ")}`, 15);
    if (order.includes(name)) return;
    const service = services[name];
    if (service === undefined) return;
    for (const dependency of Object.keys(service.dependsOn)) visit(dependency, [...path, name]);
    order.push(name);
  };
  for (const name of wanted) visit(name, []);
  return order;
}

/** An object, empty for null and undefined. */
export function record(value: unknown): Raw {
  return value !== null && typeof value === "object" && !Array.isArray(value) ? (value as Raw) : {};
}
