/** Values of the engine's events as texts that are equal on every machine. */

import { markKey, marks } from "../../common/engine-values";

/**
 * One text for a value, whatever the order of its members. What is known only after the run is a constant of the
 * engine's, and stays one. Of a secret its text counts, where the engine shows it; of a file its hash, not its place.
 *
 * @param folders texts that stand for this machine. Default: none
 */
export function canonical(value: unknown, folders: readonly string[] = []): string {
  return JSON.stringify(plain(value, folders));
}

function plain(value: unknown, folders: readonly string[]): unknown {
  if (typeof value === "string") {
    return folders.reduce(
      (text, folder) => (folder === "" ? text : text.replaceAll(folder, "<folder>")),
      value,
    );
  }
  if (typeof value !== "object" || value === null) return value;
  if (Array.isArray(value)) return value.map((item) => plain(item, folders));
  const record = value as Readonly<Record<string, unknown>>;
  // A ciphertext is another one each time.
  if (record[markKey] === marks.secret) return { secret: plain(record["plaintext"] ?? null, folders) };
  if (record[markKey] === marks.asset || record[markKey] === marks.archive) {
    return { file: record["hash"] ?? plain(record["text"] ?? null, folders) };
  }
  const members = Object.keys(record).sort();
  return { members: members.map((key) => [key, plain(record[key], folders)]) };
}

/**
 * The members of a record, and where one is a plain record again, those of it by `member.name`: what differs can then be named.
 */
export function plainMembers(record: Readonly<Record<string, unknown>> = {}): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(record).flatMap(([name, value]): [string, unknown][] =>
      typeof value !== "object" || value === null || Array.isArray(value) || markKey in value
        ? [[name, value]]
        : Object.entries(value).map(([inner, each]): [string, unknown] => [`${name}.${inner}`, each]),
    ),
  );
}

/** References of images by digest in a text: `ghcr.io/acme/api@sha256:…`. */
export function imagesIn(text: string): string[] {
  return [...new Set(text.match(/[a-z0-9][\w./:-]*@sha256:[0-9a-f]{64}/g) ?? [])];
}
