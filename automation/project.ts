import { existsSync } from "node:fs";
import { join, relative, resolve } from "node:path";
import { projectRoot } from "../common/project-root";
import { UserError } from "../common/user-error";
import { readProjectFile } from "./yaml-file";

/** A Pulumi project: a folder with Pulumi.yaml and its stack files. */
export interface Project {
  /** `name` of its Pulumi.yaml. */
  readonly name: string;
  /** Absolute. */
  readonly directory: string;
  /** As it may be typed from where the user is; undefined for this checkout's own project, which needs no naming. */
  readonly typed: string | undefined;
}

/**
 * The project in a folder.
 *
 * @param directory relative to the working directory. Default: what GROUNDWORK_PROJECT names (`--directory` of the
 * command sets it, so that processes started by it work on the same project), else this checkout's own project.
 * @throws UserError where there is no Pulumi.yaml, or none with a name, or one that is no YAML.
 * @example openProject("examples/plyr").name // "plyr"
 */
export function openProject(directory?: string): Project {
  const named = directory ?? process.env["GROUNDWORK_PROJECT"];
  const absolute = named === undefined ? projectRoot() : resolve(named);
  const file = join(absolute, "Pulumi.yaml");
  const name = existsSync(file) ? readProjectFile(file).name : undefined;
  if (typeof name !== "string" || !/^[A-Za-z0-9_.-]{1,100}$/.test(name)) {
    throw new UserError({
      what: existsSync(file) ? "the folder's Pulumi.yaml has no name" : "the folder is no Pulumi project",
      value: named ?? absolute,
      allowed: "a folder with a Pulumi.yaml and stack files: this checkout, examples/plyr, your own",
      next: "copy examples/plyr/Pulumi.yaml and index.js there, and write its name",
    });
  }
  const own = absolute === projectRoot();
  return { name, directory: absolute, typed: own ? undefined : relative(process.cwd(), absolute) || "." };
}
