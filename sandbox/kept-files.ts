import { existsSync } from "node:fs";
import { copyFile, readFile, rename, writeFile } from "node:fs/promises";
import { UserError } from "../common/user-error";

/** A file beside one that must not be lost, with the same content. */
export function copyOf(file: string): string {
  return `${file}.bak`;
}

/** Writes a file whole or not at all; only its owner may read it. */
export async function writeWhole(file: string, text: string): Promise<void> {
  await writeFile(`${file}.partial`, text, { mode: 0o600 });
  await rename(`${file}.partial`, file);
}

/** Writes a file that must not be lost, and a copy beside it. */
export async function writeKept(file: string, text: string): Promise<void> {
  await writeWhole(file, text);
  await writeWhole(copyOf(file), text);
}

/**
 * A value that is generated once and must stay what it is, such as a passphrase.
 *
 * @param mayGenerate false where something depends on the value already, so that a new one would be of no use
 * @throws UserError where it is gone, cut short or another one than it was
 */
export async function keptValue(
  file: string,
  generate: () => string,
  { mayGenerate = () => true }: { mayGenerate?: () => boolean } = {},
): Promise<string> {
  const [value, copy] = await Promise.all([textOf(file), textOf(copyOf(file))]);
  if (value !== "" && value === copy) return value;
  if (copy !== "") throw damaged(file, "is not what it was when it was written");
  if (value !== "") {
    await copyFile(file, copyOf(file));
    return value;
  }
  if (!mayGenerate()) {
    throw new UserError({
      what: "a file of the sandbox is gone, and what is kept cannot be read without it",
      value: file,
      next: "put it back from a backup of yours; without one the sandbox's folder can only be removed, after its processes have ended",
    });
  }
  const generated = generate();
  await writeKept(file, generated);
  return generated;
}

/**
 * JSON written by {@link writeKept}.
 *
 * @throws UserError where it is no whole JSON
 */
export async function keptJson<T>(file: string, otherwise: T): Promise<T> {
  if (!existsSync(file)) {
    if (existsSync(copyOf(file))) throw damaged(file, "is gone");
    return otherwise;
  }
  try {
    return JSON.parse(await readFile(file, "utf8")) as T;
  } catch (cause) {
    throw damaged(file, "cannot be read: a write of it was cut short", cause);
  }
}

/** The error for a file whose copy stands beside it. */
export function damaged(file: string, how: string, cause?: unknown): UserError {
  return new UserError({
    what: `a file of the sandbox ${how}`,
    value: file,
    next: `cp '${copyOf(file)}' '${file}', then run the same command again`,
    cause,
  });
}

async function textOf(file: string): Promise<string> {
  return existsSync(file) ? (await readFile(file, "utf8")).trim() : "";
}
