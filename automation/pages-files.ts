import { blake3 } from "@noble/hashes/blake3";
import { bytesToHex } from "@noble/hashes/utils";
import { lookup } from "mrmime";
import type { Dirent } from "node:fs";
import { readdir, readFile, stat } from "node:fs/promises";
import { extname, join } from "node:path";
import { UserError } from "../common/user-error";

/** A file of a built site. */
export interface SiteFile {
  /** With a leading slash, parts separated by slashes. */
  readonly path: string;
  readonly file: string;
  readonly size: number;
  /** Cloudflare's name for the content: 32 hex digits. */
  readonly hash: string;
  readonly contentType: string;
}

/** A built site: its files, and the texts that steer how they are served. */
export interface BuiltSite {
  readonly files: readonly SiteFile[];
  /** `_headers`, `_redirects`, `_routes.json` -> text. */
  readonly special: Readonly<Record<string, string>>;
}

const maxFileBytes = 25 * 1024 * 1024;
const batchBytes = 40 * 1024 * 1024;
const batchFiles = 2000;
const specialNames = ["_headers", "_redirects", "_routes.json"];
/** Of no use to visitors anywhere in the folder. */
const ignoredNames = new Set([".git", "node_modules", ".wrangler", ".DS_Store"]);
/** Code for Pages Functions, at the top: direct upload would need them built. */
const functionNames = new Set(["functions", "_worker.js", "_worker.bundle"]);

/**
 * Reads a built site: symbolic links, `.git` and `node_modules` are left out.
 *
 * @throws UserError where there is no site, it has too many files, or one is larger than 25 MiB
 */
export async function collectSite(
  directory: string,
  {
    maxFiles = 20_000,
    onProgress,
  }: { readonly maxFiles?: number; readonly onProgress?: (line: string) => void } = {},
): Promise<BuiltSite> {
  const found: { path: string; file: string }[] = [];
  const special: Record<string, string> = {};
  for await (const entry of walk(directory, "")) {
    const name = entry.path.slice(1);
    if (specialNames.includes(name)) special[name] = await readFile(entry.file, "utf8");
    else if (functionNames.has(name.split("/")[0] ?? ""))
      onProgress?.(`left out, Pages Functions are not deployed: ${name}`);
    else found.push(entry);
  }
  if (found.length === 0) {
    throw new UserError({
      what: "there are no files to deploy",
      value: directory,
      next: "build the site first",
    });
  }
  if (found.length > maxFiles) {
    throw new UserError({
      what: "the site has too many files",
      value: String(found.length),
      allowed: `at most ${maxFiles}`,
    });
  }
  found.sort((a, b) => (a.path < b.path ? -1 : 1));
  const files: SiteFile[] = [];
  for (const entry of found) files.push(await readEntry(entry));
  return { files, special };
}

async function* walk(folder: string, below: string): AsyncGenerator<{ path: string; file: string }> {
  for (const entry of await list(folder)) {
    if (ignoredNames.has(entry.name) || entry.isSymbolicLink()) continue;
    const file = join(folder, entry.name);
    const path = `${below}/${entry.name}`;
    if (entry.isDirectory()) yield* walk(file, path);
    else if (entry.isFile()) yield { path, file };
  }
}

async function list(folder: string): Promise<Dirent[]> {
  try {
    return await readdir(folder, { withFileTypes: true });
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code;
    if (code !== "ENOENT" && code !== "ENOTDIR") throw cause;
    throw new UserError({
      what: "there is no such folder to deploy",
      value: folder,
      next: "build the site first",
      cause,
    });
  }
}

async function readEntry({ path, file }: { path: string; file: string }): Promise<SiteFile> {
  const { size } = await stat(file);
  if (size > maxFileBytes) {
    throw new UserError({
      what: "a file is too large for Pages",
      value: `${path} (${(size / 1024 / 1024).toFixed(1)} MiB)`,
      allowed: "at most 25 MiB",
      next: "put it into a bucket, or leave it out of the build",
    });
  }
  const content = await readFile(file);
  return {
    path,
    file,
    size,
    hash: hashAsset(content.toString("base64"), file),
    contentType: contentTypeOf(file),
  };
}

/** Cloudflare's name for a file: half of blake3 over the content as base64 and the extension without its dot. */
export function hashAsset(base64: string, file: string): string {
  return bytesToHex(blake3(Buffer.from(base64 + extname(file).slice(1)))).slice(0, 32);
}

export function contentTypeOf(file: string): string {
  const type = lookup(file) ?? "application/octet-stream";
  return type.startsWith("text/") && !type.includes("charset") ? `${type}; charset=utf-8` : type;
}

/** The content as base64. @throws UserError where the file is not the one that was hashed any more */
export async function readUnchanged({ file, path, hash }: SiteFile): Promise<string> {
  const base64 = (await readFile(file)).toString("base64");
  if (hashAsset(base64, file) === hash) return base64;
  throw new UserError({
    what: "a file changed while it was uploaded",
    value: path,
    next: "deploy again when the build has ended",
  });
}

/** Groups files for upload: at most 40 MiB and 2,000 files a group. */
export function makeBatches<T extends { readonly size: number }>(files: readonly T[]): T[][] {
  const batches: T[][] = [];
  let current: T[] = [];
  let bytes = 0;
  for (const file of files) {
    if (current.length > 0 && (bytes + file.size > batchBytes || current.length >= batchFiles)) {
      batches.push(current);
      [current, bytes] = [[], 0];
    }
    current.push(file);
    bytes += file.size;
  }
  return current.length === 0 ? batches : [...batches, current];
}
