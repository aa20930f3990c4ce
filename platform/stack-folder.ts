import { existsSync, readdirSync } from "node:fs";

/** The environments that a project's folder describes: the names of its stack files, sorted. */
export function describedEnvironments(directory: string): string[] {
  if (!existsSync(directory)) return [];
  return readdirSync(directory)
    .flatMap((file) => /^Pulumi\.([A-Za-z0-9_.-]+)\.ya?ml$/.exec(file)?.[1] ?? [])
    .sort();
}
