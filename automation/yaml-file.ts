import { readFileSync } from "node:fs";
import { parse } from "yaml";
import { UserError } from "../common/user-error";
import { parseStackDocument } from "../platform/settings/document";

/**
 * What a YAML file says.
 *
 * @param what the file as its owner calls it: "the project's Pulumi.yaml"
 * @throws UserError with file, line and column where it is no YAML; never with its text, which the parser's own words repeat
 */
export function readYaml(file: string, what: string): unknown {
  const text = readFileSync(file, "utf8");
  try {
    return parse(text) as unknown;
  } catch {
    const [mistake] = parseStackDocument(text).mistakes;
    throw new UserError({
      what: `${what} cannot be read`,
      value: `${file}:${mistake?.line ?? 1}:${mistake?.column ?? 1}: ${mistake?.what ?? "this is not YAML"}`,
      next: `correct ${file}`,
    });
  }
}

/** What is read of a project's Pulumi.yaml. */
export interface ProjectFile {
  readonly name?: unknown;
  readonly backend?: { readonly url?: string };
}

/** A project's Pulumi.yaml. @throws UserError as {@link readYaml} */
export function readProjectFile(file: string): ProjectFile {
  return readYaml(file, "the project's Pulumi.yaml") ?? {};
}
