import { chmod, mkdir, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { projectRoot } from "../../common/project-root";
import { shellWords } from "../../common/shell-words";
import type { SandboxFolder } from "../folder";

/** Puts a `flyctl` into the sandbox's bin folder that hands nothing to anybody: see flyctl.ts. */
export async function putFlyctl({ bin, platforms }: SandboxFolder): Promise<void> {
  await mkdir(bin, { recursive: true, mode: 0o700 });
  const words = [process.execPath, join(projectRoot(), "dist", "stand-in-flyctl.js"), join(platforms, "fly")];
  const file = join(bin, "flyctl");
  await writeFile(`${file}.partial`, `#!/bin/sh\nexec ${shellWords(words)} "$@"\n`);
  await chmod(`${file}.partial`, 0o755);
  await rename(`${file}.partial`, file);
}
