import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { cacheDirectory } from "../../../common/cache";
import { findRealProgram } from "../postgres/real-program";
import { runProgram } from "../run-program";
import { isStatic } from "./libraries";

/** Programs that images get from the machine where no static busybox is to be had. */
export const plainPrograms = (
  "sh env cat ls cp mv rm mkdir chmod chown sleep dirname basename head tail wc sort grep sed awk tr cut test true " +
  "false printf echo date id uname hostname sync timeout mktemp touch"
).split(" ");

/**
 * A static busybox: the machine's, else the one in the cache, else Debian's package unpacked into the cache (nothing
 * is installed). Undefined where none is to be had.
 */
export async function findBusybox(): Promise<string | undefined> {
  const own = findRealProgram("busybox");
  if (own !== undefined && (await isStatic(own))) return own;
  const cached = join(cacheDirectory(), `busybox-${process.arch}`, "busybox");
  if (existsSync(cached)) return cached;
  if (findRealProgram("apt-get") === undefined || findRealProgram("dpkg-deb") === undefined) return undefined;
  const folder = mkdtempSync(join(tmpdir(), "busybox-"));
  try {
    let { code } = await runProgram("apt-get", ["download", "busybox-static"], {
      cwd: folder,
      timeout: 60_000,
    });
    if (code !== 0 && process.getuid?.() === 0) {
      await runProgram("apt-get", ["update"], { timeout: 120_000 });
      ({ code } = await runProgram("apt-get", ["download", "busybox-static"], {
        cwd: folder,
        timeout: 60_000,
      }));
    }
    const archive = readdirSync(folder).find((name) => name.endsWith(".deb"));
    if (code !== 0 || archive === undefined) return undefined;
    await runProgram("dpkg-deb", ["-x", join(folder, archive), folder]);
    const program = ["bin/busybox", "usr/bin/busybox"]
      .map((path) => join(folder, path))
      .find((path) => existsSync(path));
    if (program === undefined) return undefined;
    mkdirSync(join(cached, ".."), { recursive: true });
    const temporary = `${cached}.${process.pid}`;
    copyFileSync(program, temporary);
    renameSync(temporary, cached);
    return cached;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
