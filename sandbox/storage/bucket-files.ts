import {
  closeSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeSync,
} from "node:fs";
import { open } from "node:fs/promises";
import { createReadStream } from "node:fs";
import { randomUUID } from "node:crypto";
import { join } from "node:path";
import type { Readable } from "node:stream";
import { sha256 } from "../cloudflare/ids";
import type { ByteRange } from "../edge/pages/range";
import type { ChecksumName } from "./checksums";

/** What a client said of an object, and gets back with it. */
export interface ObjectHeaders {
  /** `content-type`, `cache-control`, …, by their names. */
  readonly standard: Readonly<Record<string, string>>;
  /** `x-amz-meta-…`, without that. */
  readonly custom: Readonly<Record<string, string>>;
}

export interface StoredObject extends ObjectHeaders {
  readonly key: string;
  /** Name of the file with its bytes. */
  readonly data: string;
  readonly size: number;
  /** Without quotes. */
  readonly etag: string;
  /** RFC 3339. */
  readonly modified: string;
  readonly storageClass: string;
  readonly checksums: Readonly<Partial<Record<ChecksumName, string>>>;
}

/** A part of an upload. */
export interface StoredPart {
  readonly number: number;
  readonly data: string;
  readonly size: number;
  readonly etag: string;
  readonly modified: string;
  readonly checksums: StoredObject["checksums"];
}

/** An upload in parts that is neither completed nor aborted. */
export interface StoredUpload extends ObjectHeaders {
  readonly id: string;
  readonly key: string;
  readonly begun: string;
  readonly storageClass: string;
  /** What its parts are to be summed by. */
  readonly checksum?: ChecksumName;
}

/**
 * The objects of one bucket in one folder. Bytes are written to a file of their own first; then a small file that names them
 * is put in place by one rename. After a kill at any moment an object is there whole, as it was before or as it is after;
 * files that nobody names are removed when the folder is opened again.
 */
export class BucketFiles {
  readonly #folder: string;
  readonly #objects = new Map<string, StoredObject>();
  readonly #uploads = new Map<string, { upload: StoredUpload; parts: Map<number, StoredPart> }>();
  #sorted: readonly StoredObject[] | undefined;

  constructor(folder: string) {
    this.#folder = folder;
    for (const part of ["objects", "uploads", "data"])
      mkdirSync(join(folder, part), { recursive: true, mode: 0o700 });
    this.#load();
  }

  get count(): number {
    return this.#objects.size;
  }

  get(key: string): StoredObject | undefined {
    return this.#objects.get(key);
  }

  /** All objects in the order of their keys' bytes. */
  sorted(): readonly StoredObject[] {
    this.#sorted ??= [...this.#objects.values()].sort((left, right) =>
      Buffer.compare(Buffer.from(left.key), Buffer.from(right.key)),
    );
    return this.#sorted;
  }

  /** Writes bytes to a file that nobody names yet. It is removed where `write` fails. */
  async stage<T>(
    write: (append: (piece: Buffer) => Promise<unknown>) => Promise<T>,
  ): Promise<T & { data: string }> {
    const data = randomUUID();
    const file = await open(this.#data(data), "wx", 0o600);
    try {
      const result = await write((piece) => file.writeFile(piece));
      await file.datasync();
      return { ...result, data };
    } catch (error) {
      rmSync(this.#data(data), { force: true });
      throw error;
    } finally {
      await file.close();
    }
  }

  /** Removes staged bytes that are of no use after all. */
  discard(data: string): void {
    rmSync(this.#data(data), { force: true });
  }

  /** Makes an object of staged bytes, in the place of one of the same key. */
  put(object: StoredObject): void {
    const before = this.#objects.get(object.key);
    replaceFile(join(this.#folder, "objects", `${sha256(object.key)}.json`), JSON.stringify(object));
    this.#objects.set(object.key, object);
    this.#sorted = undefined;
    if (before !== undefined) this.discard(before.data);
  }

  delete(key: string): void {
    const before = this.#objects.get(key);
    if (before === undefined) return;
    rmSync(join(this.#folder, "objects", `${sha256(key)}.json`), { force: true });
    this.#objects.delete(key);
    this.#sorted = undefined;
    this.discard(before.data);
  }

  /** The bytes; those of the moment of the call, whatever happens to the object meanwhile. */
  read({ data, size }: Pick<StoredObject, "data" | "size">, range?: ByteRange): Readable {
    const fd = openSync(this.#data(data), "r");
    const { start, end } = range ?? { start: 0, end: size - 1 };
    if (size === 0) {
      closeSync(fd);
      return createReadStream("/dev/null");
    }
    return createReadStream("", { fd, start, end, autoClose: true });
  }

  uploads(): StoredUpload[] {
    return [...this.#uploads.values()].map(({ upload }) => upload);
  }

  /** An upload with its parts by number. */
  upload(
    id: string,
  ): { readonly upload: StoredUpload; readonly parts: ReadonlyMap<number, StoredPart> } | undefined {
    return this.#uploads.get(id);
  }

  begin(upload: StoredUpload): void {
    mkdirSync(this.#upload(upload.id), { mode: 0o700 });
    replaceFile(join(this.#upload(upload.id), "upload.json"), JSON.stringify(upload));
    this.#uploads.set(upload.id, { upload, parts: new Map() });
  }

  putPart(id: string, part: StoredPart): void {
    const parts = this.#uploads.get(id)!.parts;
    const before = parts.get(part.number);
    replaceFile(join(this.#upload(id), `${part.number}.json`), JSON.stringify(part));
    parts.set(part.number, part);
    if (before !== undefined) this.discard(before.data);
  }

  endUpload(id: string): void {
    const found = this.#uploads.get(id);
    if (found === undefined) return;
    this.#uploads.delete(id);
    rmSync(this.#upload(id), { recursive: true, force: true });
    for (const { data } of found.parts.values()) this.discard(data);
  }

  #load(): void {
    for (const name of readdirSync(join(this.#folder, "objects"))) {
      const object = readJson<StoredObject>(join(this.#folder, "objects", name));
      if (object !== undefined) this.#objects.set(object.key, object);
    }
    for (const id of readdirSync(join(this.#folder, "uploads"))) {
      const upload = readJson<StoredUpload>(join(this.#upload(id), "upload.json"));
      if (upload === undefined) {
        rmSync(this.#upload(id), { recursive: true, force: true });
        continue;
      }
      const parts = readdirSync(this.#upload(id))
        .filter((name) => /^\d+\.json$/.test(name))
        .flatMap((name) => readJson<StoredPart>(join(this.#upload(id), name)) ?? []);
      this.#uploads.set(id, { upload, parts: new Map(parts.map((part) => [part.number, part])) });
    }
    const named = new Set([
      ...[...this.#objects.values()].map(({ data }) => data),
      ...[...this.#uploads.values()].flatMap(({ parts }) => [...parts.values()].map(({ data }) => data)),
    ]);
    for (const data of readdirSync(join(this.#folder, "data"))) if (!named.has(data)) this.discard(data);
  }

  #data(name: string): string {
    return join(this.#folder, "data", name);
  }

  #upload(id: string): string {
    return join(this.#folder, "uploads", id);
  }
}

/** Undefined for what is left of a write that was cut short, which is removed. */
function readJson<T>(file: string): T | undefined {
  if (file.endsWith(".json")) {
    try {
      return JSON.parse(readFileSync(file, "utf8")) as T;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
      throw error;
    }
  }
  rmSync(file, { force: true });
  return undefined;
}

/** Whole or not at all, and on the disk before it counts. */
function replaceFile(file: string, text: string): void {
  const staged = `${file}.partial`;
  const descriptor = openSync(staged, "w", 0o600);
  try {
    writeSync(descriptor, text);
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
  renameSync(staged, file);
}
