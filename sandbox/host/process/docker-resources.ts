import { existsSync, mkdirSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import type { HostConfig } from "../config";
import { flag, isSet, parseArguments, UsageError } from "../docker/arguments";
import { chooseImage, substitutionNotice } from "../images/image";
import type { HostLayout } from "../layout";
import { ComposeError } from "./compose-file";
import { addNetwork, readNames, removeNetwork } from "./names";
import { fillTemplate, labelsOf } from "./output";
import type { ProcessRunner } from "./runner";

/** What a plain `docker` command works with. */
export interface DockerContext {
  readonly layout: HostLayout;
  readonly config: HostConfig;
  readonly runner: ProcessRunner;
  readonly args: readonly string[];
  readonly print: (text: string) => void;
}

function choice(context: DockerContext, reference: string): { hash: string } {
  const found = chooseImage(reference, context.config.images);
  if (found === undefined) throw new ComposeError(`Error response from daemon: No such image: ${reference}`);
  process.stderr.write(`${substitutionNotice(reference, found)}\n`);
  return found.image as unknown as { hash: string };
}

export function pull(context: DockerContext, rest: readonly string[]): number {
  const parsed = parseArguments(rest, {
    values: ["platform"],
    booleans: ["quiet", "all-tags"],
    aliases: { q: "quiet", a: "all-tags" },
  });
  for (const reference of parsed.words) {
    choice(context, reference);
    context.print(`${reference}\n`);
  }
  return 0;
}

export function image(context: DockerContext, [verb = "", ...rest]: readonly string[]): number {
  if (verb === "pull") return pull(context, rest);
  if (verb === "rm") {
    // The name alone goes: what it was made from is this machine's own.
    for (const reference of rest) if (!reference.startsWith("-")) context.print(`Untagged: ${reference}\n`);
    return 0;
  }
  if (verb !== "inspect")
    throw new UsageError(`docker image ${verb} is not supported by the sandbox without Docker`);
  const parsed = parseArguments(rest, { values: ["format"], booleans: [], aliases: { f: "format" } });
  for (const reference of parsed.words) {
    const { hash } = choice(context, reference);
    const entry = { Id: `sha256:${hash}`, RepoTags: [reference], RepoDigests: [] };
    const format = flag(parsed, "format");
    context.print(
      `${format === undefined ? JSON.stringify([entry], null, 4) : fillTemplate(format, entry)}\n`,
    );
  }
  return 0;
}

export async function network(
  context: DockerContext,
  [verb = "", ...rest]: readonly string[],
): Promise<number> {
  const { layout, print } = context;
  const parsed = parseArguments(rest, {
    values: ["format", "filter", "driver", "label", "subnet", "opt"],
    booleans: ["quiet", "internal", "attachable", "ipv6", "force"],
    aliases: { f: "filter", q: "quiet", d: "driver", o: "opt" },
  });
  const { networks } = readNames(layout);
  const missing = parsed.words.find((name) => networks[name] === undefined);
  switch (verb) {
    case "create": {
      const [name = ""] = parsed.words;
      if (missing === undefined)
        throw new ComposeError(`Error response from daemon: network with name ${name} already exists`);
      await addNetwork(layout, name);
      print(`${name}\n`);
      return 0;
    }
    case "ls":
      print(
        Object.keys(networks)
          .filter(listed(context, parsed))
          .map((name) => `${name}\n`)
          .join(""),
      );
      return 0;
    case "inspect":
    case "rm":
    case "remove":
      if (missing !== undefined)
        throw new ComposeError(`Error response from daemon: network ${missing} not found`);
      for (const name of parsed.words) {
        if (verb === "inspect") {
          const format = flag(parsed, "format");
          const entry = { Name: name, Driver: "loopback", Containers: networks[name] };
          print(`${format === undefined ? JSON.stringify([entry], null, 4) : fillTemplate(format, entry)}\n`);
          continue;
        }
        if (Object.keys(networks[name] ?? {}).length > 0) {
          throw new ComposeError(
            `Error response from daemon: error while removing network: network ${name} has active endpoints`,
          );
        }
        await removeNetwork(layout, name);
        print(`${name}\n`);
      }
      return 0;
    default:
      throw new UsageError(`docker network ${verb} is not supported by the sandbox without Docker`);
  }
}

export function volume(context: DockerContext, [verb = "", ...rest]: readonly string[]): number {
  const { config, print, runner } = context;
  const parsed = parseArguments(rest, {
    values: ["format", "filter", "driver", "label", "opt"],
    booleans: ["quiet", "force"],
    aliases: { q: "quiet", f: verb === "ls" ? "filter" : "force", d: "driver", o: "opt" },
  });
  const folder = (name: string): string => {
    if (!/^[a-zA-Z0-9][a-zA-Z0-9_.-]*$/.test(name)) throw new ComposeError(`invalid volume name: ${name}`);
    return join(config.volumes, name);
  };
  const missing = parsed.words.find((name) => !existsSync(folder(name)));
  switch (verb) {
    case "create":
      for (const name of parsed.words) {
        mkdirSync(folder(name), { recursive: true });
        print(`${name}\n`);
      }
      return 0;
    case "ls":
      print(
        (existsSync(config.volumes) ? readdirSync(config.volumes).sort() : [])
          .filter(listed(context, parsed))
          .map((name) => `${name}\n`)
          .join(""),
      );
      return 0;
    case "inspect":
    case "rm":
      if (missing !== undefined && !isSet(parsed, "force")) {
        throw new ComposeError(`Error response from daemon: get ${missing}: no such volume`);
      }
      for (const name of parsed.words) {
        if (verb === "inspect") {
          const format = flag(parsed, "format");
          const entry = { Name: name, Driver: "local", Mountpoint: folder(name) };
          print(`${format === undefined ? JSON.stringify([entry], null, 4) : fillTemplate(format, entry)}\n`);
          continue;
        }
        const user = runner.store
          .all()
          .find(({ spec }) => spec.paths.some(([, path]) => path === folder(name)));
        if (user !== undefined) {
          throw new ComposeError(
            `Error response from daemon: remove ${name}: volume is in use - [${user.spec.id}]`,
          );
        }
        rmSync(folder(name), { recursive: true, force: true });
        print(`${name}\n`);
      }
      return 0;
    default:
      throw new UsageError(`docker volume ${verb} is not supported by the sandbox without Docker`);
  }
}

const projectLabel = "com.docker.compose.project";
const swarmLabel = "com.docker.stack.namespace";
/** Of the network between a project's proxy and its services: remote/proxy.sh makes it. */
const proxyLabel = "groundwork.project";

/**
 * Which names `ls` gives. Networks and volumes are kept here by their names alone, and Compose's own begin with their
 * project's: of two projects that both fit, the longer one has it. A filter that is not known is refused: a list that is too
 * long may be a list of what is removed.
 */
function listed(
  { runner }: DockerContext,
  parsed: ReturnType<typeof parseArguments>,
): (name: string) => boolean {
  const projects = runner.store.all().map(({ spec }) => labelsOf(spec)[projectLabel] ?? "");
  const tests = (parsed.flags["filter"] ?? []).map((filter): ((name: string) => boolean) => {
    const [key = "", value = "", wanted = ""] = filter.split("=");
    if (key === "name") return (name) => name.includes(value);
    // Here is no swarm, so nothing is one's.
    if (key === "label" && value === swarmLabel && wanted !== "") return () => false;
    if (key === "label" && value === proxyLabel && wanted !== "") return (name) => name === `${wanted}-edge`;
    if (key !== "label" || value !== projectLabel || wanted === "") {
      throw new UsageError(`the filter ${filter} is not supported by the sandbox without Docker`);
    }
    return (name) =>
      name.startsWith(`${wanted}_`) &&
      !projects.some((other) => other.length > wanted.length && name.startsWith(`${other}_`));
  });
  return (name) => tests.every((test) => test(name));
}
