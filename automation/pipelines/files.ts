import { existsSync, mkdirSync, readFileSync, readdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { UserError } from "../../common/user-error";
import { sealOf } from ".";

/** What is to be done to one file. */
export interface FileChange {
  readonly file: string;
  readonly kind: "add" | "change" | "remove";
  /** Somebody has edited it, or it was not made here. */
  readonly edited: boolean;
}

/**
 * What differs between the files that there are and those that there should be. Files of the same project that are not
 * wanted any more count where they were made here.
 *
 * @param prefix what the names of all of the project's files begin with
 */
export function fileChanges(
  folder: string,
  prefix: string,
  wanted: Readonly<Record<string, string>>,
): FileChange[] {
  const there = existsSync(folder) ? readdirSync(folder).filter((file) => file.endsWith(".yml")) : [];
  const changes = Object.entries(wanted).flatMap(([file, text]): FileChange[] => {
    if (!there.includes(file)) return [{ file, kind: "add", edited: false }];
    const before = readFileSync(join(folder, file), "utf8").replaceAll("\r\n", "\n");
    return before === text ? [] : [{ file, kind: "change", edited: sealOf(before) !== "whole" }];
  });
  const unwanted = there.flatMap((file): FileChange[] => {
    if (!file.startsWith(prefix) || wanted[file] !== undefined) return [];
    const seal = sealOf(readFileSync(join(folder, file), "utf8"));
    return seal === "foreign" ? [] : [{ file, kind: "remove", edited: seal === "edited" }];
  });
  return [...changes, ...unwanted];
}

/**
 * Makes the files what they should be, each whole or not at all.
 *
 * @param force also those that somebody has edited
 * @throws UserError before anything is written, where one was edited and `force` is not given
 */
export function writeFiles(
  folder: string,
  changes: readonly FileChange[],
  wanted: Readonly<Record<string, string>>,
  force: boolean,
): void {
  const edited = changes.filter((change) => change.edited).map(({ file }) => file);
  if (edited.length > 0 && !force) {
    throw new UserError({
      what: "a workflow was edited by hand, or was not made here",
      value: edited.map((file) => join(folder, file)).join(", "),
      allowed:
        "workflows as they were made; what they say comes from groundwork:pipelines in the stack files",
      next: "rename the file, or give it up with --force",
    });
  }
  mkdirSync(folder, { recursive: true });
  for (const { file, kind } of changes) {
    const path = join(folder, file);
    if (kind === "remove") rmSync(path);
    else {
      writeFileSync(`${path}.partial`, wanted[file] ?? "");
      renameSync(`${path}.partial`, path);
    }
  }
}
