import { flag, isSet, type ParsedArguments } from "../docker/arguments";
import { ComposeError } from "./compose-file";
import { psEntry, table } from "./output";
import type { ProcessRunner } from "./runner";
import { isActive, type StoredService } from "./store";

const print = (text: string): void => {
  process.stdout.write(text);
};

/** `compose ps` of services that were named. */
export function showServices(parsed: ParsedArguments, chosen: readonly StoredService[]): void {
  const statuses = [
    ...(parsed.flags["status"] ?? []),
    ...(parsed.flags["filter"] ?? []).map((text) => text.replace(/^status=/, "")),
  ];
  const services = chosen.filter((service) => {
    if (statuses.length > 0) return statuses.includes(service.state.status);
    return isSet(parsed, "all") || isActive(service);
  });
  if (isSet(parsed, "quiet")) print(services.map(({ spec }) => `${spec.id}\n`).join(""));
  else if (isSet(parsed, "services")) print(services.map(({ spec }) => `${spec.service}\n`).join(""));
  else if (flag(parsed, "format") === "json") {
    print(services.map((service) => `${JSON.stringify(psEntry(service))}\n`).join(""));
  } else {
    const rows = services.map((service) => {
      const entry = psEntry(service) as Record<string, string>;
      return [
        entry["Name"],
        entry["Image"],
        entry["Command"],
        entry["Service"],
        entry["RunningFor"],
        entry["Status"],
        entry["Ports"],
      ].map((cell) => cell ?? "");
    });
    print(table(["NAME", "IMAGE", "COMMAND", "SERVICE", "CREATED", "STATUS", "PORTS"], rows));
  }
}

/** `compose images`. */
export function showImages(
  runner: ProcessRunner,
  parsed: ParsedArguments,
  services: readonly StoredService[],
): void {
  const hash = (image: string): string => runner.image({ image }).hash;
  if (isSet(parsed, "quiet")) print(services.map(({ spec }) => `${spec.configHash.slice(0, 12)}\n`).join(""));
  else if (flag(parsed, "format") === "json") {
    print(
      `${JSON.stringify(services.map(({ spec }) => ({ ContainerName: spec.container, Repository: spec.image, ID: hash(spec.image) })))}\n`,
    );
  } else {
    print(
      table(
        ["CONTAINER", "REPOSITORY", "IMAGE ID"],
        services.map(({ spec }) => [spec.container, spec.image, hash(spec.image)]),
      ),
    );
  }
}

/** `compose port`: where a port of a service really is. */
export function showPort(service: StoredService | undefined, name: string, wanted: string): void {
  const found = service?.spec.published.find((port) => port.containerPort === Number(wanted));
  if (found === undefined)
    throw new ComposeError(`no port ${wanted}/tcp for container ${service?.spec.container ?? name}`);
  print(`127.0.0.1:${found.local}\n`);
}

/** `compose ls`. */
export function showProjects({ store }: ProcessRunner, parsed: ParsedArguments): void {
  const projects = store.projects().map((project) => {
    const services = store.services(project.name);
    const running = services.filter(isActive).length;
    return {
      Name: project.name,
      Status: running > 0 ? `running(${running})` : `exited(${services.length})`,
      ConfigFiles: project.files.join(","),
      running,
    };
  });
  const shown = projects.filter(({ running }) => running > 0 || isSet(parsed, "all"));
  if (flag(parsed, "format") === "json")
    print(`${JSON.stringify(shown.map(({ running: _, ...rest }) => rest))}\n`);
  else if (isSet(parsed, "quiet")) print(shown.map(({ Name }) => `${Name}\n`).join(""));
  else
    print(
      table(
        ["NAME", "STATUS", "CONFIG FILES"],
        shown.map(({ Name, Status, ConfigFiles }) => [Name, Status, ConfigFiles]),
      ),
    );
}
