import { existsSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { runProgram } from "../run-program";

/** Shared libraries that the C library loads by itself when it looks names up; ldd does not show them. */
const resolverLibraries = ["libnss_files.so.2", "libnss_dns.so.2", "libresolv.so.2"];

/**
 * The shared libraries that programs link, their loader included, by the paths where they are looked for.
 *
 * @param within libraries below this folder come with the program and are left out.
 */
export async function linkedLibraries(programs: readonly string[], within?: string): Promise<string[]> {
  const found = new Set<string>();
  for (const program of programs) {
    const { stdout } = await runProgram("ldd", [program]);
    for (const match of stdout.matchAll(/(?:=>\s*)?(\/\S+)\s+\(0x[0-9a-f]+\)/g)) {
      const path = match[1];
      if (path !== undefined && (within === undefined || !path.startsWith(within))) found.add(path);
    }
  }
  const libc = [...found].find((path) => basename(path).startsWith("libc.so"));
  if (libc !== undefined) {
    for (const name of resolverLibraries) {
      const path = join(dirname(libc), name);
      if (existsSync(path)) found.add(path);
    }
  }
  return [...found].sort();
}

/** Whether a program needs no shared library. */
export async function isStatic(program: string): Promise<boolean> {
  const { stdout, stderr, code } = await runProgram("ldd", [program]);
  return code !== 0 && /not a dynamic executable/.test(stdout + stderr);
}
