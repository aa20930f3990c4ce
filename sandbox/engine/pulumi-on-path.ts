import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdir, open, readFile, realpath, rename, stat, writeFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { promisify } from "node:util";
import { cacheDirectory } from "../../common/cache";
import { findOnPath } from "../../common/find-on-path";

/** A `pulumi` and what it says of itself. */
export interface FoundPulumi {
  readonly pulumi: string;
  readonly version: string;
}

/**
 * The `pulumi` on PATH. To ask it for its version takes a quarter of a second, which every command would pay: its answer is
 * kept in the cache folder for as long as its file stays the same.
 *
 * @param options.path folders that are searched. Default: `process.env.PATH`
 * @param options.cache folder of what is kept. Default: {@link cacheDirectory}
 * @returns undefined where there is none, or none that answers
 */
export async function pulumiOnPath({
  path,
  cache = cacheDirectory(),
}: { readonly path?: string; readonly cache?: string } = {}): Promise<FoundPulumi | undefined> {
  const pulumi = findOnPath("pulumi", path);
  if (pulumi === undefined) return undefined;
  const file = await identityOf(pulumi).then(
    (identity) => identity && join(cache, "pulumi-versions", identity),
    () => undefined,
  );
  const known = file && (await readFile(file, "utf8").catch(() => undefined));
  if (known) return { pulumi, version: known };
  const version = await askVersion(pulumi).catch(() => undefined);
  if (version === undefined) return undefined;
  if (file) await keep(file, version);
  return { pulumi, version };
}

/**
 * Changes whenever another program stands there. Undefined for a script, and for a link to a program of another name: such a
 * one, as version managers put it on PATH, is another version in the next folder.
 */
async function identityOf(pulumi: string): Promise<string | undefined> {
  const file = await realpath(pulumi);
  if (basename(file) !== "pulumi" || (await isScript(file))) return undefined;
  const { dev, ino, size, mtimeMs, ctimeMs } = await stat(file);
  return createHash("sha256")
    .update(JSON.stringify([file, dev, ino, size, mtimeMs, ctimeMs]))
    .digest("hex");
}

async function isScript(file: string): Promise<boolean> {
  const handle = await open(file);
  try {
    const { buffer } = await handle.read(Buffer.alloc(2), 0, 2, 0);
    return buffer.toString("latin1") === "#!";
  } finally {
    await handle.close();
  }
}

async function askVersion(pulumi: string): Promise<string> {
  const { stdout } = await promisify(execFile)(pulumi, ["version"], {
    env: { ...process.env, PULUMI_SKIP_UPDATE_CHECK: "1" },
    timeout: 20_000,
  });
  return stdout.trim().replace(/^v/, "");
}

/** Where it cannot be written, the next command asks again. */
async function keep(file: string, version: string): Promise<void> {
  const partial = `${file}.${process.pid}`;
  await mkdir(dirname(file), { recursive: true })
    .then(() => writeFile(partial, version))
    .then(() => rename(partial, file))
    .catch(() => undefined);
}
