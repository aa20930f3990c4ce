import { UsageError } from "./arguments";
import { projectLabel } from "./labels";

export interface RewriteContext {
  readonly prefix: string;
  /** `name=value` of the label on everything of this host. */
  readonly label: string;
  /** Whether what has this id is this host's. */
  readonly ownsId: (id: string) => Promise<boolean>;
  readonly imageFor: (reference: string) => Promise<string>;
  /** Where a published port really is. Undefined: nobody here publishes it. */
  readonly localPort: (port: number) => number | undefined;
}

/** Flags that take a value, of the commands below. */
const valueFlags = new Set(
  (
    "-e --env -u --user -w --workdir --env-file --detach-keys -n --tail --since --until -f --format --filter -t --time " +
    "--timeout -s --signal --type --driver -d -o --opt --label --subnet --gateway --last"
  ).split(" "),
);
/** Of these, `-f` and `-t`, `-d` and `-s` mean something without a value. */
const booleanHere: Readonly<Record<string, readonly string[]>> = {
  logs: ["-f", "-t"],
  rm: ["-f"],
  exec: ["-d", "-t"],
  volumeRm: ["-f"],
  inspect: ["-s"],
  ps: ["-s"],
  networkRm: ["-f"],
};
const containers = new Set([
  "exec",
  "logs",
  "inspect",
  "stop",
  "start",
  "restart",
  "kill",
  "rm",
  "top",
  "port",
  "wait",
  "stats",
]);
const passed = new Set(["version", "info", "--version", "-v", "help"]);

/**
 * The arguments of a plain `docker` command, limited to what is this host's: names get the prefix, lists a filter, ids
 * are checked.
 *
 * @throws UsageError for a command that could touch anything else.
 */
export async function rewriteDockerArguments(
  args: readonly string[],
  context: RewriteContext,
): Promise<string[]> {
  const [first = "", second = ""] = args;
  if (passed.has(first) || args.length === 0) return [...args];
  if (first === "ps" || (first === "container" && ["ls", "ps", "list"].includes(second))) {
    const rest = args.slice(first === "ps" ? 1 : 2);
    return ["ps", ...filtered(rest, context)];
  }
  if (first === "image" && second === "inspect") {
    return ["image", "inspect", ...(await words(args.slice(2), "inspect", false, context.imageFor))];
  }
  const [kind, verb, rest] = first === "container" ? ["", second, args.slice(2)] : ["", first, args.slice(1)];
  if (containers.has(verb)) {
    return [
      ...(kind === "" ? [] : [kind]),
      verb,
      ...(await words(rest, verb, ["exec", "port", "top"].includes(verb), (name) => ownName(name, context))),
    ];
  }
  if (first === "network" || first === "volume") return resource(first, second, args.slice(2), context);
  throw new UsageError(
    `docker ${first}: not on the sandbox's host, which shares its Docker with other things`,
  );
}

async function resource(
  kind: string,
  verb: string,
  rest: readonly string[],
  context: RewriteContext,
): Promise<string[]> {
  if (verb === "ls" || verb === "list") return [kind, "ls", ...filtered(rest, context)];
  const named = (): Promise<string[]> =>
    words(rest, `${kind}${verb === "rm" ? "Rm" : ""}`, false, (name) => ownName(name, context));
  if (verb === "create") return [kind, "create", "--label", context.label, ...(await named())];
  if (["inspect", "rm", "remove", "connect", "disconnect"].includes(verb))
    return [kind, verb, ...(await named())];
  throw new UsageError(
    `docker ${kind} ${verb}: not on the sandbox's host, which shares its Docker with other things`,
  );
}

/** Changes the words of a command line that are no flags, or only the first of them. */
async function words(
  args: readonly string[],
  command: string,
  onlyFirst: boolean,
  change: (word: string) => Promise<string>,
): Promise<string[]> {
  const result: string[] = [];
  let changed = 0;
  for (let index = 0; index < args.length; index++) {
    const arg = args[index] ?? "";
    if (onlyFirst && changed > 0) result.push(arg);
    else if (arg.startsWith("-")) {
      result.push(arg);
      const takesValue = valueFlags.has(arg) && !(booleanHere[command] ?? []).includes(arg);
      if (takesValue && index + 1 < args.length) result.push(args[++index] ?? "");
    } else {
      result.push(await change(arg));
      changed++;
    }
  }
  return result;
}

async function ownName(name: string, { prefix, ownsId }: RewriteContext): Promise<string> {
  if (name.startsWith(`${prefix}-`)) return name;
  if (/^[0-9a-f]{12,64}$/.test(name)) {
    if (await ownsId(name)) return name;
    throw new UsageError(`Error response from daemon: No such object: ${name}`);
  }
  return `${prefix}-${name}`;
}

/** Arguments of a list, cut down to what is this host's. */
function filtered(args: readonly string[], context: RewriteContext): string[] {
  const own = args.map((arg) => withLocalPort(withProject(arg, context.prefix), context));
  return ["--filter", `label=${context.label}`, ...own];
}

/** `publish=80` in a filter. A port that nobody has becomes one that nobody takes. */
function withLocalPort(arg: string, { localPort }: RewriteContext): string {
  return arg.replace(/^((?:--filter=)?publish=)(\d+)/, (_, name: string, port: string) => {
    return `${name}${localPort(Number(port)) ?? 1}`;
  });
}

/** `label=com.docker.compose.project=x` in a filter: the project behind the prefix. */
function withProject(arg: string, prefix: string): string {
  const marker = `label=${projectLabel}=`;
  const at = arg.indexOf(marker);
  if (at === -1) return arg;
  const project = arg.slice(at + marker.length);
  return project.startsWith(`${prefix}-`) ? arg : `${arg.slice(0, at)}${marker}${prefix}-${project}`;
}
