import { execFileSync } from "node:child_process";
import type { LeakScan } from "./leak-scan";

interface Inspected {
  readonly Name?: string;
  readonly Image: string;
  readonly Config: { readonly Env?: readonly string[] | null };
}

/**
 * Searches all containers of a host: labels, command lines, what else `docker inspect` tells, logs, and the images they
 * were made of. A container's variables may hold the secrets in `variables`, by its name.
 *
 * @param docker runs docker with these arguments and returns what it prints
 */
export function scanContainers(
  scan: LeakScan,
  docker: (args: readonly string[]) => string,
  variables: (container: string) => RegExp | undefined,
): string[] {
  const names = docker(["ps", "--all", "--format", "{{.Names}}"]).split("\n").filter(Boolean);
  const images = new Set<string>();
  for (const name of names) {
    const [inspected] = JSON.parse(docker(["inspect", name])) as [Inspected];
    const { Env, ...config } = inspected.Config;
    scan.text(`container ${name}`, JSON.stringify({ ...inspected, Config: config }));
    scan.text(`variables of ${name}`, (Env ?? []).join("\n"), variables(name));
    scan.text(`log of ${name}`, docker(["logs", name]));
    images.add(inspected.Image);
  }
  for (const image of images) scan.text(`image ${image}`, docker(["image", "inspect", image]));
  return names;
}

/** Runs a `docker` that is at a path, both of its streams in one. */
export function dockerAt(program: string): (args: readonly string[]) => string {
  return (args) =>
    execFileSync("/bin/sh", ["-c", '"$0" "$@" 2>&1', program, ...args], {
      encoding: "utf8",
      maxBuffer: 2 ** 28,
    });
}
