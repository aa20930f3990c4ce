import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { flag, isSet, parseArguments, UsageError } from "../docker/arguments";
import type { HostConfig } from "../config";
import { chooseImage, substitutionNotice } from "../images/image";
import type { HostLayout } from "../layout";
import { ComposeError } from "./compose-file";
import { addNetwork, readNames, removeNetwork } from "./names";
import { fillTemplate, inspectEntry, labelsOf, portsText, statusText, table } from "./output";
import type { ProcessRunner } from "./runner";
import type { StoredService } from "./store";

interface DockerContext {
  readonly layout: HostLayout;
  readonly config: HostConfig;
  readonly runner: ProcessRunner;
  readonly args: readonly string[];
  readonly print: (text: string) => void;
}

/** The version that is told: what Compose wants at least. The word behind it says that no daemon is there. */
const version = "20.10.24-sandbox-processes";

/** Commands of plain `docker` that scripts use, upon the services of the process runner. */
export async function runDocker(context: DockerContext): Promise<number> {
  const { args, print } = context;
  const [command = "", ...rest] = args[0] === "container" ? args.slice(1) : args;
  switch (command) {
    case "version":
    case "--version":
    case "-v":
    case "info":
      return showVersion(command, rest, print);
    case "ps":
    case "ls":
      return ps(context, rest);
    case "exec":
      return exec(context, rest);
    case "logs":
      return logs(context, rest);
    case "inspect":
      return inspect(context, rest);
    case "stop":
    case "start":
    case "restart": {
      const parsed = parseArguments(rest, {
        values: ["time", "timeout", "signal"],
        booleans: [],
        aliases: { t: "time", s: "signal" },
      });
      for (const name of parsed.words) {
        const service = find(context, name);
        if (command !== "start") await context.runner.stop([service]);
        const now = { ...service, state: context.runner.store.state(service.folder) };
        if (command !== "stop") await context.runner.start(service.spec.project, [now]);
        print(`${name}\n`);
      }
      return 0;
    }
    case "rm":
      return rm(context, rest);
    case "pull":
      return pull(context, rest);
    case "image":
      return image(context, rest);
    case "login":
    case "logout":
      process.stderr.write("sandbox: no registry is asked; images are made from local files\n");
      if (command === "login") print("Login Succeeded\n");
      return 0;
    case "network":
      return network(context, rest);
    case "volume":
      return volume(context, rest);
    default:
      throw new UsageError(`docker ${command} is not supported by the sandbox without Docker`);
  }
}

function showVersion(command: string, rest: readonly string[], print: (text: string) => void): number {
  const parsed = parseArguments(rest, { values: ["format"], booleans: [], aliases: { f: "format" } });
  const format = flag(parsed, "format");
  const facts = {
    Client: { Version: version },
    Server: { Version: version },
    ServerVersion: version,
    OperatingSystem: "Groundwork sandbox (plain processes)",
    Driver: "none",
  };
  if (format === "json") print(`${JSON.stringify(facts)}\n`);
  else if (format !== undefined) print(`${fillTemplate(format, facts)}\n`);
  else if (command === "version" || command === "info")
    print(`Client:\n Version: ${version}\nServer:\n Version: ${version}\n`);
  else print(`Docker version ${version}\n`);
  return 0;
}

function find({ runner }: DockerContext, name: string): StoredService {
  const found = runner.store
    .all()
    .find(
      ({ spec }) => spec.container === name || (/^[0-9a-f]{4,64}$/.test(name) && spec.id.startsWith(name)),
    );
  if (found === undefined) throw new ComposeError(`Error response from daemon: No such container: ${name}`);
  return found;
}

function ps({ runner, print }: DockerContext, rest: readonly string[]): number {
  const parsed = parseArguments(rest, {
    values: ["format", "filter", "last"],
    booleans: ["all", "quiet", "no-trunc"],
    aliases: { a: "all", q: "quiet", f: "filter", n: "last" },
  });
  const filters = (parsed.flags["filter"] ?? []).map(
    (text) => [text.slice(0, text.indexOf("=")), text.slice(text.indexOf("=") + 1)] as const,
  );
  const services = runner.store.all().filter(({ spec, state }) => {
    const byStatus = filters.some(([key]) => key === "status");
    if (!isSet(parsed, "all") && !byStatus && state.status !== "running" && state.status !== "restarting")
      return false;
    return filters.every(([key, value]) => {
      if (key === "name") return spec.container.includes(value);
      if (key === "id") return spec.id.startsWith(value);
      if (key === "status") return state.status === value;
      if (key === "health") return state.health === value;
      if (key === "label") {
        const [label = "", wanted] = value.split("=");
        const labels = labelsOf(spec);
        return label in labels && (wanted === undefined || labels[label] === wanted);
      }
      throw new UsageError(`invalid filter '${key}'`);
    });
  });
  const rows = services.map(({ spec, state }) => ({
    ID: isSet(parsed, "no-trunc") ? spec.id : spec.id.slice(0, 12),
    Names: spec.container,
    Image: spec.image,
    Command: JSON.stringify(spec.argv.join(" ")),
    State: state.status,
    Status: statusText({ spec, state }),
    Ports: portsText(spec),
    CreatedAt: spec.createdAt,
    Labels: Object.entries(labelsOf(spec))
      .map(([key, value]) => `${key}=${value}`)
      .join(","),
    Networks: spec.networks.join(","),
  }));
  const format = flag(parsed, "format");
  if (isSet(parsed, "quiet")) print(rows.map(({ ID }) => `${ID}\n`).join(""));
  else if (format === "json") print(rows.map((row) => `${JSON.stringify(row)}\n`).join(""));
  else if (format !== undefined)
    print(rows.map((row) => `${fillTemplate(format.replace(/^table /, ""), row)}\n`).join(""));
  else
    print(
      table(
        ["CONTAINER ID", "IMAGE", "STATUS", "PORTS", "NAMES"],
        rows.map((row) => [row.ID, row.Image, row.Status, row.Ports, row.Names]),
      ),
    );
  return 0;
}

async function exec(context: DockerContext, rest: readonly string[]): Promise<number> {
  const parsed = parseArguments(rest, {
    values: ["env", "user", "workdir"],
    booleans: ["interactive", "tty", "detach", "privileged"],
    aliases: { e: "env", u: "user", w: "workdir", i: "interactive", t: "tty", d: "detach" },
    stopAtWord: true,
  });
  const [name = "", ...argv] = parsed.words;
  const service = find(context, name);
  if (service.state.status !== "running") {
    throw new ComposeError(`Error response from daemon: Container ${service.spec.id} is not running`);
  }
  const environment = Object.fromEntries(
    (parsed.flags["env"] ?? []).map((entry) => [
      entry.split("=")[0] ?? "",
      entry.slice(entry.indexOf("=") + 1),
    ]),
  );
  const workingDirectory = flag(parsed, "workdir");
  return context.runner.exec(service, argv, {
    environment,
    ...(workingDirectory !== undefined && { workingDirectory }),
  });
}

function logs(context: DockerContext, rest: readonly string[]): number {
  const parsed = parseArguments(rest, {
    values: ["tail", "since", "until"],
    booleans: ["follow", "timestamps", "details"],
    aliases: { n: "tail", f: "follow", t: "timestamps" },
  });
  const service = find(context, parsed.words[0] ?? "");
  const file = join(service.folder, "log");
  const lines = (existsSync(file) ? readFileSync(file, "utf8") : "")
    .split("\n")
    .filter((line) => line !== "");
  const tail = flag(parsed, "tail") ?? "all";
  for (const line of tail === "all" ? lines : lines.slice(-Number(tail))) {
    const [, stream, ...text] = line.split(" ");
    (stream === "e" ? process.stderr : process.stdout).write(`${text.join(" ")}\n`);
  }
  return 0;
}

function inspect(context: DockerContext, rest: readonly string[]): number {
  const parsed = parseArguments(rest, {
    values: ["format", "type"],
    booleans: ["size"],
    aliases: { f: "format", s: "size" },
  });
  const entries = parsed.words.map((name) => inspectEntry(find(context, name)));
  const format = flag(parsed, "format");
  if (format === undefined) context.print(`${JSON.stringify(entries, null, 4)}\n`);
  else for (const entry of entries) context.print(`${fillTemplate(format, entry)}\n`);
  return 0;
}

async function rm(context: DockerContext, rest: readonly string[]): Promise<number> {
  const parsed = parseArguments(rest, {
    values: [],
    booleans: ["force", "volumes"],
    aliases: { f: "force", v: "volumes" },
  });
  for (const name of parsed.words) {
    const service = find(context, name);
    if (isSet(parsed, "force")) await context.runner.stop([service], 0);
    else if (service.state.status === "running") {
      throw new ComposeError(
        `Error response from daemon: You cannot remove a running container ${service.spec.id}. Stop the container before attempting removal or force remove`,
      );
    }
    await context.runner.remove([service], { volumes: isSet(parsed, "volumes") });
    context.print(`${name}\n`);
  }
  return 0;
}

function choice(context: DockerContext, reference: string): { hash: string } {
  const found = chooseImage(reference, context.config.images);
  if (found === undefined) throw new ComposeError(`Error response from daemon: No such image: ${reference}`);
  process.stderr.write(`${substitutionNotice(reference, found)}\n`);
  return found.image as unknown as { hash: string };
}

function pull(context: DockerContext, rest: readonly string[]): number {
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

function image(context: DockerContext, [verb = "", ...rest]: readonly string[]): number {
  if (verb === "pull") return pull(context, rest);
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

async function network(context: DockerContext, [verb = "", ...rest]: readonly string[]): Promise<number> {
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

function volume(context: DockerContext, [verb = "", ...rest]: readonly string[]): number {
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
