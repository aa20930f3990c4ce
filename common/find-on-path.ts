import { accessSync, constants, statSync } from "node:fs";
import { delimiter, join } from "node:path";

/**
 * Where a program stands that a shell would run by its name; undefined where there is none.
 *
 * @param path the folders. Default: `process.env.PATH`
 * @example findOnPath("pulumi") // "/usr/local/bin/pulumi"
 */
export function findOnPath(program: string, path = process.env["PATH"] ?? ""): string | undefined {
  return path
    .split(delimiter)
    .filter((folder) => folder !== "")
    .map((folder) => join(folder, program))
    .find(isProgram);
}

function isProgram(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return statSync(file).isFile();
  } catch {
    return false;
  }
}
