import { readdirSync, readFileSync, statSync } from "node:fs";
import { dirname, join, relative, resolve, sep } from "node:path";
import { parse } from "yaml";

/** What is looked at in a user's compose file. Nothing of it is checked: that is Compose's own task, on the host. */
export interface ComposeSummary {
  readonly services: Readonly<Record<string, ComposeService | null>>;
  readonly networks?: Readonly<Record<string, NamedPart | null>> | null;
  readonly volumes?: Readonly<Record<string, NamedPart | null>> | null;
  readonly include?: unknown;
}

export interface ComposeService {
  readonly image?: unknown;
  readonly build?: unknown;
  readonly networks?: unknown;
  readonly network_mode?: unknown;
  readonly volumes?: unknown;
  readonly volumes_from?: unknown;
  readonly depends_on?: unknown;
  readonly extends?: unknown;
}

/** A network or volume at the top of a compose file. */
export interface NamedPart {
  readonly name?: unknown;
  readonly external?: unknown;
}

/** A service's part; an empty one where it has none. */
export function serviceOf(summary: ComposeSummary, service: string): ComposeService {
  return summary.services[service] ?? {};
}

/** Names in a part of a service that is a list or a map, such as `networks` and `depends_on`. */
export function namesIn(part: unknown): string[] {
  if (Array.isArray(part)) return part.filter((name): name is string => typeof name === "string");
  return typeof part === "object" && part !== null ? Object.keys(part) : [];
}

/** Networks that a service is in; `default` where it names none. */
export function networksOf(summary: ComposeSummary, service: string): string[] {
  const { networks, network_mode: mode } = serviceOf(summary, service);
  if (mode !== undefined) return [];
  const names = namesIn(networks);
  return names.length === 0 ? ["default"] : names;
}

/** Named volumes that a service mounts. */
export function volumesOf(summary: ComposeSummary, service: string): string[] {
  const { volumes } = serviceOf(summary, service);
  if (!Array.isArray(volumes)) return [];
  const declared = Object.keys(summary.volumes ?? {});
  return volumes.flatMap((mount: unknown) => {
    const source =
      typeof mount === "string" ? mount.split(":")[0] : (mount as { source?: unknown } | null)?.source;
    return typeof source === "string" && declared.includes(source) ? [source] : [];
  });
}

/** Reads a compose file and what is next to it; says what is wrong instead of throwing. */
export function readComposeFile(
  path: string,
): { readonly text: string; readonly summary: ComposeSummary } | { readonly problem: string } {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch {
    return { problem: `cannot be read from ${relative(process.cwd(), resolve(path)) || path}` };
  }
  return summarise(text);
}

/** The services of a compose file's text. */
export function summarise(
  text: string,
): { readonly text: string; readonly summary: ComposeSummary } | { readonly problem: string } {
  let document: unknown;
  try {
    document = parse(text, { logLevel: "error", merge: true });
  } catch (error) {
    const line = error instanceof Error ? error.message.split("\n")[0] : String(error);
    return { problem: `is not YAML: ${line ?? ""}` };
  }
  const services = (document as { services?: unknown } | null)?.services;
  if (typeof services !== "object" || services === null || Array.isArray(services))
    return { problem: "has no services" };
  return { text, summary: document as ComposeSummary };
}

/** A text file that goes to the host. */
export interface HostFile {
  /** Relative to the project's folder, with forward slashes. */
  readonly path: string;
  readonly content: string;
  readonly mode: "0600" | "0644" | "0755";
}

/** What is wrong with a file: its path, the problem, what is allowed instead. */
export type FileProblem = readonly [path: string, problem: string, allowed?: string];

/** What goes to the host as it is here; a later file of the same path counts. */
export function sentAsTheyAre(composeText: string, further: readonly HostFile[]): HostFile[] {
  return [...further, { path: "compose.yaml", content: composeText, mode: "0600" }];
}

/** What the scripts keep of their own in the project's folder on the host, beside what is sent. */
export const ofTheHost = new RegExp(
  `^(?:${[
    "\\.groundwork\\..*",
    "\\.(?:compose|files|redact|vault)",
    "base\\.(?:count|kept|lost|state)",
    "compose\\.(?:colour|swarm)\\.yaml",
    "(?:compose\\.override|migrate\\.release)\\.json",
    "certificates/origin\\.(?:key|pem)",
    "proxy/(?:Caddyfile|(?:compose|stack)\\.json|unloaded|(?:config|upstreams)/.*)",
    "lock\\.holder|rollout\\.(?:alive|holder)",
    "(?:breaking|colours|current|fence|lock|previous|releases|rollouts|swarm|wanted)(?:/.*)?",
  ].join("|")})$`,
);

/** Files (and all files in folders) that go beside the compose file, at the same place relative to it. */
export function readFurtherFiles(
  composeFile: string,
  paths: readonly string[],
): { readonly files: readonly HostFile[]; readonly problems: readonly FileProblem[] } {
  const base = dirname(resolve(composeFile));
  const files: HostFile[] = [];
  const problems: FileProblem[] = [];
  const visit = (full: string): void => {
    const info = statSync(full);
    if (info.isDirectory()) {
      for (const entry of readdirSync(full).sort()) visit(join(full, entry));
      return;
    }
    const content = readFileSync(full);
    const text = content.toString("utf8");
    const path = relative(base, full).split(sep).join("/");
    if (!/^[\w./@+,=()[\]-]+$/.test(path) || path.includes("..")) {
      problems.push([
        path,
        "has a name that cannot go to a host: rename it",
        "letters, digits and ._/@+,=()[]-, no two dots in a row",
      ]);
    }
    if (ofTheHost.test(path)) {
      problems.push([path, "is what the host keeps of its own beside the compose file: rename it"]);
    }
    if (Buffer.compare(Buffer.from(text, "utf8"), content) !== 0) problems.push([path, "is not a text file"]);
    files.push({ path, content: text, mode: (info.mode & 0o100) === 0 ? "0644" : "0755" });
  };
  for (const path of paths) {
    const full = resolve(path);
    if (full !== base && !full.startsWith(`${base}${sep}`)) {
      problems.push([path, "is not below the compose file's folder"]);
      continue;
    }
    try {
      visit(full);
    } catch {
      problems.push([path, "cannot be read"]);
    }
  }
  return { files, problems };
}

/** One service in the override file. */
export interface ServiceOverride {
  readonly image?: string | undefined;
  readonly command?: readonly string[] | undefined;
  readonly environment?: Readonly<Record<string, string>> | undefined;
  readonly ports?: readonly string[] | undefined;
  readonly volumes?: readonly string[] | undefined;
  readonly networks?: Readonly<Record<string, object>> | undefined;
  readonly labels?: Readonly<Record<string, string>> | undefined;
  readonly healthcheck?: Readonly<Record<string, string | number | readonly string[]>> | undefined;
  readonly restart?: string | undefined;
  readonly stop_grace_period?: string | undefined;
  readonly scale?: number | undefined;
}

/** For JSON.stringify: doubles dollars, as Compose would substitute variables. */
export function literalDollars(_key: string, value: unknown): unknown {
  return typeof value === "string" ? value.replaceAll("$", "$$$$") : value;
}

/**
 * The second compose file, laid over the user's own: JSON, which is YAML, in which no value can be mistaken for
 * anything else. Dollars are doubled, as Compose would substitute variables.
 */
export function overrideFile(
  services: Readonly<Record<string, ServiceOverride>>,
  networks: Readonly<Record<string, object>> = {},
): string {
  const sorted = Object.fromEntries(
    Object.entries(services).sort(([one], [other]) => (one < other ? -1 : 1)),
  );
  const document = { services: sorted, ...(Object.keys(networks).length === 0 ? {} : { networks }) };
  return `${JSON.stringify(document, literalDollars, 2)}\n`;
}
