import { existsSync, readdirSync, realpathSync } from "node:fs";
import { dirname, join, relative, sep } from "node:path";
import { UserError } from "../../common/user-error";
import { readSettings } from "../../platform/settings";
import { gitRoot } from "../git";
import type { Project } from "../project";
import { environmentFacts, type PipelineProject } from "./facts";

/**
 * Reads a project's stack files, and where it lies in its repository.
 *
 * @returns the facts, and the repository's root
 * @throws UserError outside of a git repository, where no package.json is on the way, or where a stack file is wrong
 */
export async function pipelineProject({
  name,
  directory: named,
}: Project): Promise<{ readonly project: PipelineProject; readonly root: string }> {
  const directory = realpathSync(named);
  const root = await gitRoot(directory);
  const packageFolder = packageFolderOf(directory, root);
  const environments = [];
  for (const stack of stacksOf(directory)) {
    const facts = environmentFacts(await readSettings(join(directory, `Pulumi.${stack}.yaml`), stack));
    if (facts !== undefined) environments.push(facts);
  }
  if (environments.length === 0) {
    throw new UserError({
      what: "no stack file here is of an environment that pipelines look after",
      value: directory,
      allowed: "Pulumi.<stack>.yaml of staging or production; development is on one machine",
      next: "npx groundwork init --help",
    });
  }
  return {
    root,
    project: {
      name,
      directory: slashed(relative(root, directory)),
      packageDirectory: slashed(relative(root, packageFolder)),
      fromPackage: slashed(relative(packageFolder, directory)),
      environments,
    },
  };
}

/** The stacks that have a file in a project's folder, by name; environments of pull requests are not among them. */
export function stacksOf(directory: string): string[] {
  return readdirSync(directory)
    .flatMap((file) => /^Pulumi\.([a-z0-9][a-z0-9-]*)\.yaml$/.exec(file)?.[1] ?? [])
    .filter((stack) => !/^pr-\d+$/.test(stack))
    .sort();
}

function packageFolderOf(directory: string, root: string): string {
  for (let folder = directory; ; folder = dirname(folder)) {
    if (existsSync(join(folder, "package.json"))) return folder;
    if (folder === root || folder === dirname(folder)) break;
  }
  throw new UserError({
    what: "no package.json names what a pipeline has to install",
    value: directory,
    allowed: "a package.json with groundwork among its dependencies, here or above within the repository",
    next: "npm init, then npm install --save-exact groundwork",
  });
}

function slashed(path: string): string {
  return path === "" ? "." : path.split(sep).join("/");
}
