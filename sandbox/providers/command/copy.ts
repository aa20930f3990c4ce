import { lstatSync, readdirSync, readFileSync, statSync } from "node:fs";
import { basename, join, posix } from "node:path";
import type { Client, SFTPWrapper } from "ssh2";
import { isArchive, isAsset, type Value } from "../values";

/** What is copied: a file or folder by its path, or a text. */
export type CopySource = { readonly path: string } | { readonly text: string };

/** Reads an asset or archive; refuses those that are no file, folder or text, by name. */
export function copySource(source: Value): CopySource {
  if (isAsset(source)) {
    if (typeof source["text"] === "string" && source["text"] !== "") return { text: source["text"] };
    if (typeof source["path"] === "string" && source["path"] !== "") return { path: source["path"] };
    throw new Error("source: a remote asset (a URL) cannot be copied; use a FileAsset or a StringAsset");
  }
  if (isArchive(source) && typeof source["path"] === "string" && source["path"] !== "")
    return { path: source["path"] };
  throw new Error("source: either asset or archive must be set, as a file, a folder or a text");
}

/**
 * Copies in place over SFTP: files whole, folders with all below them, as scp does. Nothing is ever removed, modes are
 * the server's own, and a copy that breaks leaves a cut file: none of it is safe for a file in use.
 */
export async function copyToRemote(client: Client, source: CopySource, remotePath: string): Promise<void> {
  const sftp = await openSftp(client);
  try {
    if ("text" in source) return await writeFile(sftp, remotePath, Buffer.from(source.text));
    if (!statSync(source.path).isDirectory()) {
      const target = (await isDirectory(sftp, remotePath))
        ? posix.join(remotePath, basename(source.path))
        : remotePath;
      return await writeFile(sftp, target, readFileSync(source.path));
    }
    // As scp: a folder goes into one that is there, unless its name ends in a slash.
    const isInto = !source.path.endsWith("/") && (await isDirectory(sftp, remotePath));
    await copyFolder(sftp, source.path, isInto ? posix.join(remotePath, basename(source.path)) : remotePath);
  } finally {
    sftp.end();
  }
}

async function copyFolder(sftp: SFTPWrapper, from: string, to: string): Promise<void> {
  await makeDirectory(sftp, to);
  for (const name of readdirSync(from).sort()) {
    const [source, target] = [join(from, name), posix.join(to, name)];
    if (lstatSync(source).isSymbolicLink() && statSync(source).isDirectory()) {
      throw new Error(`${source}: a symbolic link to a folder cannot be copied`);
    }
    if (statSync(source).isDirectory()) await copyFolder(sftp, source, target);
    else await writeFile(sftp, target, readFileSync(source));
  }
}

function openSftp(client: Client): Promise<SFTPWrapper> {
  return new Promise((resolve, reject) => {
    client.sftp((error, sftp) => (error ? reject(error) : resolve(sftp)));
  });
}

function isDirectory(sftp: SFTPWrapper, path: string): Promise<boolean> {
  return new Promise((resolve) => {
    sftp.stat(path, (error, stats) => resolve(error === undefined && stats.isDirectory()));
  });
}

/** With the folders above it. */
async function makeDirectory(sftp: SFTPWrapper, path: string): Promise<void> {
  if (path === "" || path === "." || path === "/" || (await isDirectory(sftp, path))) return;
  await makeDirectory(sftp, posix.dirname(path));
  const error = await new Promise<Error | null | undefined>((resolve) => sftp.mkdir(path, resolve));
  // Another copy may have made it meanwhile.
  if (error && !(await isDirectory(sftp, path))) throw new Error(`mkdir ${path}: ${error.message}`);
}

async function writeFile(sftp: SFTPWrapper, path: string, content: Buffer): Promise<void> {
  await makeDirectory(sftp, posix.dirname(path));
  await new Promise<void>((resolve, reject) => {
    sftp.writeFile(path, content, (error) =>
      error ? reject(new Error(`${path}: ${error.message}`)) : resolve(),
    );
  });
}
