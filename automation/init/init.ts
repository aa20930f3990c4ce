import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { UserError } from "../../common/user-error";
import { formatIssue, validateStackFile } from "../../platform/settings";
import { nameOf, projectFiles, withIgnored } from "./files";

/** Options of {@link initProject}; each has a default. */
export interface InitOptions {
  /** @default the folder's */
  readonly name?: string | undefined;
  /** @default `<name>.localhost`, which needs no entry anywhere */
  readonly domain?: string | undefined;
}

/**
 * Writes a new project into a folder, which may hold other things: no file that is there is touched, but for .gitignore,
 * which gets the lines that it lacks.
 *
 * @returns the files that were written, below the folder
 * @throws UserError before anything is written, where one of the files is there or a name is not allowed
 */
export function initProject(folder: string, options: InitOptions = {}): string[] {
  const directory = resolve(folder);
  const { name = nameOf(basename(directory)) } = options;
  const { domain = `${name}.localhost` } = options;
  if (!/^[a-z][a-z0-9-]{0,39}$/.test(name)) {
    throw new UserError({
      what: "the project cannot have that name",
      value: name,
      allowed: "1 to 40 lower-case letters, digits and hyphens, starting with a letter",
      next: `npx groundwork init ${folder} --name ${nameOf(name)}`,
    });
  }
  const files = projectFiles({ name, domain });
  const there = Object.keys(files).filter((file) => existsSync(join(directory, file)));
  if (there.length > 0) {
    throw new UserError({
      what: "there is a project already, and nothing of it is overwritten",
      value: there.map((file) => join(folder, file)).join(", "),
      next: there.includes("Pulumi.yaml")
        ? `npx groundwork preview -s dev --directory ${folder}`
        : "choose another folder: npx groundwork init my-app",
    });
  }
  const file = "Pulumi.dev.yaml";
  const checked = validateStackFile({ file, text: files[file] ?? "", stack: "dev" }, { secrets: "optional" });
  if ("issues" in checked) {
    throw new UserError({
      what: "a project of that domain would be wrong",
      value: `\n${checked.issues.map(formatIssue).join("\n")}`,
      next: `npx groundwork init ${folder}, whose domain is ${name}.localhost`,
    });
  }
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(directory, path)), { recursive: true });
    writeFileSync(join(directory, path), text, { flag: "wx" });
  }
  const ignore = join(directory, ".gitignore");
  const before = existsSync(ignore) ? readFileSync(ignore, "utf8") : "";
  const after = withIgnored(before);
  if (after === before) return Object.keys(files);
  writeFileSync(ignore, after);
  return [...Object.keys(files), ".gitignore"];
}
