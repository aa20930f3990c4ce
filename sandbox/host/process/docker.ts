import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { flag, isSet, parseArguments, UsageError } from "../docker/arguments";
import { ComposeError } from "./compose-file";
import { image, network, pull, volume, type DockerContext } from "./docker-resources";
import { fillTemplate, inspectEntry, labelsOf, portsText, statusText, table } from "./output";
import type { StoredService } from "./store";

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
      const seconds = flag(parsed, "time") ?? flag(parsed, "timeout");
      for (const name of parsed.words) {
        const service = find(context, name);
        if (command !== "start") {
          await context.runner.stop([service], seconds === undefined ? undefined : Number(seconds) * 1000);
        }
        const now = { ...service, state: context.runner.store.state(service.folder) };
        if (command !== "stop") await context.runner.start(service.spec.project, [now]);
        print(`${name}\n`);
      }
      return 0;
    }
    case "rm":
      return rm(context, rest);
    case "port":
      return port(context, rest);
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
      if (key === "publish") return publishes({ spec, state }, Number.parseInt(value, 10));
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

function publishes({ spec, state }: Pick<StoredService, "spec" | "state">, port: number): boolean {
  return state.status === "running" && spec.published.some(({ hostPort }) => hostPort === port);
}

/** `docker port`: where the ports of a service really are on this machine. */
function port(context: DockerContext, [name = "", wanted = ""]: readonly string[]): number {
  const { spec } = find(context, name);
  const number = Number.parseInt(wanted, 10);
  const found = spec.published.filter(
    ({ containerPort, protocol }) =>
      wanted === "" || (containerPort === number && (wanted.split("/")[1] ?? "tcp") === protocol),
  );
  if (found.length === 0 && wanted !== "") {
    throw new ComposeError(`Error response from daemon: no public port '${wanted}' published for ${name}`);
  }
  for (const { containerPort, protocol, local } of found) {
    const where = `127.0.0.1:${local}`;
    context.print(wanted === "" ? `${containerPort}/${protocol} -> ${where}\n` : `${where}\n`);
  }
  return 0;
}
