import type { ServiceSpec } from "./spec";
import type { StoredService } from "./store";

/** One line of `ps --format json`, with the names Compose gives. */
export function psEntry({ spec, state }: StoredService, now = Date.now()): Record<string, unknown> {
  const publishers = spec.published.map((port) => ({
    URL: "127.0.0.1",
    TargetPort: port.containerPort,
    PublishedPort: port.local,
    Protocol: port.protocol,
  }));
  return {
    Command: JSON.stringify(spec.argv.join(" ").slice(0, 60)),
    CreatedAt: spec.createdAt,
    ExitCode: state.status === "exited" ? state.exitCode : 0,
    Health: state.status === "running" ? state.health : "",
    ID: spec.id.slice(0, 12),
    Image: spec.image,
    Labels: Object.entries(labelsOf(spec))
      .map(([name, value]) => `${name}=${value}`)
      .join(","),
    Name: spec.container,
    Names: spec.container,
    Networks: spec.networks.join(","),
    Ports: portsText(spec),
    Project: spec.project,
    Publishers: publishers,
    RunningFor: `${ago(spec.createdAt, now)} ago`,
    Service: spec.service,
    State: state.status,
    Status: statusText({ spec, state }, now),
  };
}

export function labelsOf(spec: ServiceSpec): Record<string, string> {
  return {
    "com.docker.compose.project": spec.project,
    "com.docker.compose.service": spec.service,
    "com.docker.compose.config-hash": spec.configHash,
    "com.docker.compose.container-number": "1",
    "com.docker.compose.oneoff": "False",
    ...spec.labels,
  };
}

/** Ports as they really are on this machine, not as the file asks for them; ports.json holds both. */
export function portsText(spec: ServiceSpec): string {
  return spec.published
    .map((port) => `127.0.0.1:${port.local}->${port.containerPort}/${port.protocol}`)
    .join(", ");
}

export function statusText({ state }: Pick<StoredService, "state" | "spec">, now = Date.now()): string {
  switch (state.status) {
    case "created":
      return "Created";
    case "restarting":
      return `Restarting (${state.exitCode}) ${ago(state.finishedAt, now)} ago`;
    case "exited":
      return `Exited (${state.exitCode}) ${ago(state.finishedAt, now)} ago`;
    case "running": {
      const health =
        state.health === "starting" ? " (health: starting)" : state.health === "" ? "" : ` (${state.health})`;
      return `Up ${ago(state.startedAt, now)}${health}`;
    }
  }
}

function ago(since: string | undefined, now: number): string {
  const seconds = since === undefined ? 0 : Math.max(0, Math.floor((now - Date.parse(since)) / 1000));
  if (seconds < 1) return "Less than a second";
  if (seconds < 60) return `${seconds} seconds`;
  if (seconds < 120) return "About a minute";
  if (seconds < 3600) return `${Math.floor(seconds / 60)} minutes`;
  if (seconds < 48 * 3600) return `${Math.floor(seconds / 3600)} hours`;
  return `${Math.floor(seconds / 86_400)} days`;
}

/** A table as Docker prints one: columns as wide as their widest cell, three spaces between. */
export function table(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = header.map((title, column) =>
    Math.max(title.length, ...rows.map((row) => row[column]?.length ?? 0)),
  );
  const line = (cells: readonly string[]): string =>
    cells
      .map((cell, column) => (column === cells.length - 1 ? cell : cell.padEnd((widths[column] ?? 0) + 3)))
      .join("")
      .trimEnd();
  return [header, ...rows].map((row) => `${line(row)}\n`).join("");
}

/** What `docker inspect` tells of a container, as far as scripts ask for it. */
export function inspectEntry({ spec, state }: StoredService): Record<string, unknown> {
  return {
    Id: spec.id,
    Created: spec.createdAt,
    Name: `/${spec.container}`,
    Image: spec.image,
    RestartCount: state.restarts,
    Config: {
      Image: spec.image,
      Cmd: spec.argv,
      Labels: labelsOf(spec),
      WorkingDir: spec.cwd,
      Env: Object.entries(spec.environment).map(([name, value]) => `${name}=${value}`),
    },
    State: {
      Status: state.status,
      Running: state.status === "running",
      Restarting: state.status === "restarting",
      ExitCode: state.exitCode,
      Pid: state.status === "running" ? (state.child?.pid ?? 0) : 0,
      StartedAt: state.startedAt ?? "",
      FinishedAt: state.finishedAt ?? "",
      Error: state.error ?? "",
      ...(spec.healthcheck && {
        Health: {
          Status: state.health,
          Log: [{ ExitCode: state.health === "healthy" ? 0 : 1, Output: state.healthOutput ?? "" }],
        },
      }),
    },
    NetworkSettings: {
      Networks: Object.fromEntries(spec.networks.map((network) => [network, { IPAddress: spec.address }])),
    },
  };
}

/**
 * Fills a Go template as far as Docker's users write them: `{{.Field.Field}}`, `{{json .Field}}`,
 * `{{index .Field "key"}}`, `{{.Label "name"}}`, and `{{if .Field}}…{{else}}…{{end}}` without nesting.
 */
export function fillTemplate(template: string, value: unknown): string {
  const look = (path: string): unknown =>
    path
      .split(".")
      .filter((part) => part !== "")
      .reduce<unknown>(
        (node, part) =>
          node !== null && typeof node === "object" ? (node as Record<string, unknown>)[part] : undefined,
        value,
      );
  const show = (found: unknown): string => {
    if (found === undefined || found === null) return "<no value>";
    return typeof found === "string" ? found : JSON.stringify(found);
  };
  return template
    .replace(
      /\{\{-?\s*if\s+(\.[\w.]+)\s*-?\}\}([\s\S]*?)(?:\{\{-?\s*else\s*-?\}\}([\s\S]*?))?\{\{-?\s*end\s*-?\}\}/g,
      (_, path: string, yes: string, no = "") => (look(path) ? yes : String(no)),
    )
    .replace(/\{\{-?\s*(.*?)\s*-?\}\}/g, (whole, body: string) => {
      const json = /^json\s+(\.[\w.]*)$/.exec(body);
      if (json?.[1] !== undefined) return JSON.stringify(look(json[1]) ?? null);
      const index = /^index\s+(\.[\w.]+)\s+"([^"]+)"$/.exec(body);
      if (index?.[1] !== undefined)
        return show((look(index[1]) as Record<string, unknown> | undefined)?.[index[2] ?? ""]);
      const label = /^\.Label\s+"([^"]+)"$/.exec(body)?.[1];
      if (label !== undefined) return labelOf(look("Labels"), label);
      if (/^\.[\w.]*$/.test(body)) return show(look(body));
      throw new Error(`template not understood by the sandbox: ${whole}`);
    })
    .replace(/\\n/g, "\n")
    .replace(/\\t/g, "\t");
}

/** A label's value out of `docker ps`'s list, `name=value,name=value`. */
function labelOf(labels: unknown, name: string): string {
  const entries = typeof labels === "string" ? labels.split(",") : [];
  return entries.find((entry) => entry.startsWith(`${name}=`))?.slice(name.length + 1) ?? "";
}
