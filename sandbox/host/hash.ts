import { createHash } from "node:crypto";
import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";

export function sha256(content: string | Buffer): string {
  return createHash("sha256").update(content).digest("hex");
}

/** One hash over names, modes and contents of everything below a folder (or of one file). Times do not count. */
export function hashTree(path: string): string {
  const hash = createHash("sha256");
  const visit = (full: string, name: string): void => {
    const stats = statSync(full);
    if (stats.isDirectory()) {
      hash.update(`d ${name}\n`);
      for (const entry of readdirSync(full).sort()) visit(join(full, entry), `${name}/${entry}`);
    } else {
      hash.update(`f ${name} ${stats.mode & 0o111} ${stats.size}\n`);
      hash.update(readFileSync(full));
    }
  };
  visit(path, "");
  return hash.digest("hex");
}
