import { existsSync, rmSync } from "node:fs";
import { join } from "node:path";
import { UserError } from "../../../common/user-error";
import type { HostConfig, PreparedImage } from "../config";
import { prepareCaddy } from "../images/caddy";
import { prepareNodeApp } from "../images/prepare";
import type { HostLayout } from "../layout";
import type { HostService, Machine, MachineContext } from "../machine";
import { hydratePostgres, installedPostgres } from "../postgres/binaries";
import { outsideFolder, reachableFolder, unprivilegedUser } from "../reachable";
import { psEntry } from "./output";
import { ProcessRunner } from "./runner";

/** Puts in place what services need that run as plain processes. */
export function prepareProcessMachine({ layout, name, images, log }: MachineContext): Machine {
  if (process.platform !== "linux") {
    throw new UserError({
      what: "without Docker, the sandbox's host needs Linux (each service gets a loopback address of its own)",
      value: process.platform,
      next: "start Docker, then run this again",
    });
  }
  const unprivileged = unprivilegedUser();
  const reachable = reachableFolder(layout);
  if (reachable.outside) {
    log(
      `databases lie in ${reachable.directory}: PostgreSQL cannot use ${layout.directory} (closed to its user, or too long a path)`,
    );
  }
  const needsPostgres = images.some(({ kind }) => kind === "postgres");
  const prepared = images.map((image): PreparedImage => {
    if (image.kind === "postgres") return { ...image, hash: `postgres-${installedPostgres().version}` };
    return image.kind === "caddy" ? prepareCaddy(image) : prepareNodeApp(image, layout.images);
  });
  const config: HostConfig = {
    mode: "process",
    name,
    images: prepared,
    volumes: join(reachable.directory, "volumes"),
    sockets: join(reachable.directory, "run"),
    ...(needsPostgres && { postgres: { directory: hydratePostgres(reachable.directory) } }),
    ...(unprivileged && { unprivileged }),
  };
  return openProcessMachine(layout, config, log);
}

export function openProcessMachine(
  layout: HostLayout,
  config: HostConfig,
  log: (line: string) => void,
): Machine {
  const runner = new ProcessRunner(layout, config, log);
  return {
    config,
    status: () =>
      Promise.resolve(
        runner.store.all().map((service): HostService => {
          const { State, Health, Status } = psEntry(service) as Record<"State" | "Health" | "Status", string>;
          const { project, service: name, image } = service.spec;
          return { project, service: name, state: State, health: Health, status: Status, image };
        }),
      ),
    hasAddress: (address) => Promise.resolve(runner.store.all().some(({ spec }) => spec.address === address)),
    revive: () => runner.revive(),
    halt: () => runner.haltAll(),
    destroy: async () => {
      await runner.haltAll();
      for (const folder of [config.volumes, config.sockets, layout.projects]) {
        rmSync(folder, { recursive: true, force: true });
      }
      const outside = outsideFolder(layout);
      if (existsSync(outside)) rmSync(outside, { recursive: true, force: true });
    },
  };
}
