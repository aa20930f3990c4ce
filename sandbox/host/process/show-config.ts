import { flag, isSet, type ParsedArguments } from "../docker/arguments";
import { configHash } from "./build-spec";
import { ComposeError } from "./compose-file";
import type { ComposeProject } from "./compose-model";
import type { ProcessRunner } from "./runner";

const print = (text: string): void => {
  process.stdout.write(text);
};

/**
 * `compose config`: the file as it was understood.
 *
 * @param wanted services whose profiles are on
 */
export function showConfig(
  runner: ProcessRunner,
  parsed: ParsedArguments,
  project: ComposeProject,
  wanted: () => readonly string[],
): void {
  const services = Object.values(project.services);
  if (isSet(parsed, "quiet")) return;
  const hash = flag(parsed, "hash");
  if (hash !== undefined) {
    const names = hash === "*" ? services.map(({ name }) => name) : hash.split(",");
    for (const name of names) {
      const service = project.services[name];
      if (service === undefined) throw new ComposeError(`no such service: ${name}`);
      print(`${name} ${configHash(service, runner.image(service))}\n`);
    }
  } else if (isSet(parsed, "services"))
    print(
      wanted()
        .map((name) => `${name}\n`)
        .join(""),
    );
  else if (isSet(parsed, "images")) print(services.map(({ image }) => `${image}\n`).join(""));
  else if (isSet(parsed, "volumes"))
    print(
      Object.keys(project.volumes)
        .map((name) => `${name}\n`)
        .join(""),
    );
  else if (isSet(parsed, "networks"))
    print(
      Object.keys(project.networks)
        .map((name) => `${name}\n`)
        .join(""),
    );
  else {
    // JSON is YAML too: one form for both, since scripts read it by a parser.
    print(`${JSON.stringify(configOutput(project), null, 2)}\n`);
  }
}

function configOutput(project: ComposeProject): Record<string, unknown> {
  const services = Object.values(project.services).map((service) => [
    service.name,
    {
      image: service.image,
      command: service.command ?? null,
      entrypoint: service.entrypoint ?? null,
      environment: service.environment,
      depends_on: service.dependsOn,
      ports: service.ports.map((port) => ({
        mode: "ingress",
        target: port.containerPort,
        published: String(port.hostPort),
        protocol: port.protocol,
        ...(port.hostAddress !== "0.0.0.0" && { host_ip: port.hostAddress }),
      })),
      volumes: service.mounts,
      networks: Object.fromEntries(
        Object.entries(service.networks).map(([name, aliases]) => [
          name,
          aliases.length > 0 ? { aliases } : null,
        ]),
      ),
      restart: service.restart,
      labels: service.labels,
      ...(service.containerName !== undefined && { container_name: service.containerName }),
      ...(service.healthcheck && {
        healthcheck: {
          test: [service.healthcheck.shell ? "CMD-SHELL" : "CMD", ...service.healthcheck.test],
          interval: `${service.healthcheck.interval / 1000}s`,
          timeout: `${service.healthcheck.timeout / 1000}s`,
          retries: service.healthcheck.retries,
        },
      }),
    },
  ]);
  return {
    name: project.name,
    services: Object.fromEntries(services) as unknown,
    networks: project.networks,
    ...(Object.keys(project.volumes).length > 0 && { volumes: project.volumes }),
  };
}
