import {
  closeSync,
  existsSync,
  fdatasyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { sha256 } from "./ids";

/** Files by their content's SHA-256, written whole or not at all. The same content is stored once. */
export class Assets {
  readonly #folder: string;

  constructor(folder: string) {
    this.#folder = folder;
    mkdirSync(folder, { recursive: true, mode: 0o700 });
  }

  put(content: Buffer): string {
    const hash = sha256(content);
    const file = this.#file(hash);
    if (existsSync(file)) return hash;
    mkdirSync(join(this.#folder, hash.slice(0, 2)), { recursive: true });
    const staged = `${file}.${process.pid}`;
    const descriptor = openSync(staged, "w", 0o600);
    try {
      writeFileSync(descriptor, content);
      fdatasyncSync(descriptor);
    } finally {
      closeSync(descriptor);
    }
    renameSync(staged, file);
    return hash;
  }

  has(hash: string): boolean {
    return existsSync(this.#file(hash));
  }

  read(hash: string): Buffer | undefined {
    try {
      return readFileSync(this.#file(hash));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
      throw error;
    }
  }

  #file(hash: string): string {
    return join(this.#folder, hash.slice(0, 2), hash);
  }
}
