import { existsSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { sha256 } from "../cloudflare/ids";
import type { StorageBucket } from "./account";
import { BucketFiles } from "./bucket-files";

/** The files of all buckets, one folder each, opened when they are asked for first. */
export class Buckets {
  readonly #folder: string;
  readonly #open = new Map<string, BucketFiles>();

  constructor(folder: string) {
    this.#folder = folder;
  }

  of(bucket: StorageBucket): BucketFiles {
    const name = folderName(bucket);
    let files = this.#open.get(name);
    if (files === undefined) {
      files = new BucketFiles(join(this.#folder, name));
      this.#open.set(name, files);
    }
    return files;
  }

  /** Removes what is left of buckets that are no more. */
  keepOnly(buckets: readonly StorageBucket[]): void {
    if (!existsSync(this.#folder)) return;
    const kept = new Set(buckets.map(folderName));
    for (const name of readdirSync(this.#folder)) {
      if (kept.has(name)) continue;
      this.#open.delete(name);
      rmSync(join(this.#folder, name), { recursive: true, force: true });
    }
  }
}

/** A bucket that is made anew under a name begins empty. */
function folderName({ jurisdiction, name, creationDate }: StorageBucket): string {
  return `${jurisdiction}.${name}.${sha256(creationDate).slice(0, 8)}`;
}
