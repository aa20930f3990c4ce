import { closeSync, existsSync, mkdtempSync, openSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/**
 * Files for a program that is started with `open` as its descriptors from 3 on. Where the system leads to them by their
 * descriptors (Linux) they have no name, so that none can be left, whatever ends this process. Elsewhere they are in a folder of
 * their own until they are removed.
 */
export class HandedFiles {
  readonly open: number[] = [];
  private folder: string | undefined;

  /** @returns the path by which the program finds it: a plain file, which it can open as often as it wants */
  add(name: string, content: string): string {
    this.folder ??= mkdtempSync(join(tmpdir(), "groundwork-handed-"));
    const path = join(this.folder, name);
    const file = openSync(path, "wx", 0o600);
    const hasDescriptors = existsSync("/proc/self/fd");
    // Before it has content: a secret is at no moment in a file that could be left.
    if (hasDescriptors) this.removeNames();
    writeFileSync(file, content);
    if (hasDescriptors) return `/proc/self/fd/${this.open.push(file) + 2}`;
    closeSync(file);
    return path;
  }

  remove(): void {
    for (const file of this.open.splice(0)) closeSync(file);
    this.removeNames();
  }

  private removeNames(): void {
    if (this.folder !== undefined) rmSync(this.folder, { recursive: true, force: true });
    this.folder = undefined;
  }
}
