import {
  closeSync,
  existsSync,
  fdatasyncSync,
  fsyncSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import { crc32 } from "node:zlib";
import { identify, isRunning, type ProcessIdentity } from "../../common/processes";
import { UserError } from "../../common/user-error";
import type { Tables } from "./model";

/** One change of one row; `undefined` removes it. */
export interface Change {
  readonly table: keyof Tables;
  readonly key: string;
  readonly value: unknown;
}

type Rows = Map<string, unknown>;

/** The journal is folded into the snapshot when it has grown beyond this many bytes. */
const compactAboveBytes = 8 * 1024 * 1024;

/**
 * Tables of plain JSON rows in one folder. A transaction is one journal line (`<crc32> <json>`), written and flushed
 * before it is acknowledged: after a kill -9 every acknowledged transaction is there, and the torn rest of a line that
 * was being written is not. The snapshot is replaced by rename; each line carries its sequence number, so a crash
 * between snapshot and truncation replays nothing twice.
 *
 * Rows are never changed in place: read one, spread it, put it back.
 */
export class Store {
  readonly #folder: string;
  readonly #tables = new Map<string, Rows>();
  readonly #versions = new Map<string, number>();
  readonly #listeners = new Set<(changes: readonly Change[]) => void>();
  #journal: number;
  #journalBytes = 0;
  #sequence = 0;
  #closed = false;
  #open: { changes: Change[]; undo: (() => void)[] } | undefined;

  /** @throws UserError where the folder is in use by another process, or what it holds cannot be read. */
  constructor(folder: string) {
    this.#folder = folder;
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    takeLock(this.#file("lock"));
    try {
      this.#loadSnapshot();
      this.#journal = openSync(this.#file("journal"), "a+", 0o600);
      this.#replayJournal();
      if (this.#journalBytes > compactAboveBytes) this.#compact();
    } catch (error) {
      rmSync(this.#file("lock"), { force: true });
      throw error;
    }
  }

  get<T extends keyof Tables>(table: T, key: string): Tables[T] | undefined {
    return this.#rows(table).get(key) as Tables[T] | undefined;
  }

  /** All rows of a table in the order in which they were first put. */
  list<T extends keyof Tables>(table: T, keep: (row: Tables[T]) => boolean = () => true): Tables[T][] {
    return ([...this.#rows(table).values()] as Tables[T][]).filter(keep);
  }

  find<T extends keyof Tables>(table: T, matches: (row: Tables[T]) => boolean): Tables[T] | undefined {
    for (const row of this.#rows(table).values()) if (matches(row as Tables[T])) return row as Tables[T];
    return undefined;
  }

  put<T extends keyof Tables>(table: T, key: string, row: Tables[T]): Tables[T] {
    this.transaction(() => this.#change(table, key, row));
    return row;
  }

  delete(table: keyof Tables, key: string): void {
    if (this.#rows(table).has(key)) this.transaction(() => this.#change(table, key, undefined));
  }

  deleteWhere<T extends keyof Tables>(table: T, matches: (row: Tables[T]) => boolean): void {
    this.transaction(() => {
      for (const [key, row] of [...this.#rows(table)]) {
        if (matches(row as Tables[T])) this.#change(table, key, undefined);
      }
    });
  }

  /** Counts up with each change of a table: what a cache over it is valid for. */
  version(table: keyof Tables): number {
    return this.#versions.get(table) ?? 0;
  }

  /**
   * All that `work` puts is written as one, or, if it throws (or the disk refuses), none of it is kept.
   * `work` must be synchronous; what an `async` one puts after its first `await` is written put by put.
   */
  transaction<R>(work: () => R): R {
    if (this.#open !== undefined) return work();
    const open = { changes: [] as Change[], undo: [] as (() => void)[] };
    this.#open = open;
    let result: R;
    try {
      result = work();
      this.#open = undefined;
      if (open.changes.length > 0) this.#append(open.changes);
    } catch (error) {
      this.#open = undefined;
      for (const undo of open.undo.reverse()) undo();
      throw error;
    }
    if (open.changes.length > 0) {
      if (this.#journalBytes > compactAboveBytes) this.#compact();
      for (const listener of this.#listeners) listener(open.changes);
    }
    return result;
  }

  onCommit(listener: (changes: readonly Change[]) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Folds the journal into the snapshot and gives the folder free. A second call does nothing. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#compact();
    closeSync(this.#journal);
    rmSync(this.#file("lock"), { force: true });
  }

  #file(name: string): string {
    return join(this.#folder, name);
  }

  #rows(table: string): Rows {
    let rows = this.#tables.get(table);
    if (rows === undefined) this.#tables.set(table, (rows = new Map<string, unknown>()));
    return rows;
  }

  #set(table: string, key: string, value: unknown): void {
    if (value === undefined) this.#rows(table).delete(key);
    else this.#rows(table).set(key, value);
    this.#versions.set(table, (this.#versions.get(table) ?? 0) + 1);
  }

  #change(table: keyof Tables, key: string, value: unknown): void {
    const before = this.#rows(table).get(key);
    // Rows leave here as they will be after a restart: without undefined members, and nobody's to change.
    const row = value === undefined ? undefined : freeze(JSON.parse(JSON.stringify(value)) as unknown);
    this.#open!.changes.push({ table, key, value: row });
    this.#open!.undo.push(() => this.#set(table, key, before));
    this.#set(table, key, row);
  }

  #append(changes: readonly Change[]): void {
    const ops = changes.map(({ table, key, value }) =>
      value === undefined ? [table, key] : [table, key, value],
    );
    const line = Buffer.from(sealed({ seq: this.#sequence + 1, ops }) + "\n");
    try {
      for (let written = 0; written < line.length;) written += writeSync(this.#journal, line, written);
      fdatasyncSync(this.#journal);
    } catch (error) {
      ftruncateSync(this.#journal, this.#journalBytes);
      throw error;
    }
    this.#sequence += 1;
    this.#journalBytes += line.length;
  }

  #loadSnapshot(): void {
    rmSync(this.#file("snapshot.new"), { force: true });
    if (!existsSync(this.#file("snapshot"))) return;
    const content = unsealed(readFileSync(this.#file("snapshot"), "utf8"));
    if (content === undefined) throw this.#damaged("snapshot");
    const { seq, tables } = content as { seq: number; tables: Record<string, [string, unknown][]> };
    this.#sequence = seq;
    for (const [table, rows] of Object.entries(tables)) {
      this.#tables.set(table, new Map(rows.map(([key, row]) => [key, freeze(row)])));
    }
  }

  #replayJournal(): void {
    const text = readFileSync(this.#file("journal"));
    let start = 0;
    while (start < text.length) {
      const end = text.indexOf(10, start);
      const line = end < 0 ? undefined : unsealed(text.toString("utf8", start, end));
      if (line === undefined) {
        // The last line may be torn by a kill in mid-write: it was never acknowledged. Any other is damage.
        if (end >= 0 && end + 1 < text.length) throw this.#damaged("journal");
        ftruncateSync(this.#journal, start);
        fdatasyncSync(this.#journal);
        break;
      }
      const { seq, ops } = line as { seq: number; ops: [string, string, unknown?][] };
      if (seq > this.#sequence) {
        for (const [table, key, value] of ops) this.#set(table, key, freeze(value));
        this.#sequence = seq;
      }
      start = end + 1;
    }
    this.#journalBytes = start;
  }

  #compact(): void {
    const tables = Object.fromEntries([...this.#tables].map(([name, rows]) => [name, [...rows]]));
    const file = openSync(this.#file("snapshot.new"), "w", 0o600);
    try {
      writeFileSync(file, sealed({ seq: this.#sequence, tables }));
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
    renameSync(this.#file("snapshot.new"), this.#file("snapshot"));
    const folder = openSync(this.#folder, "r");
    fsyncSync(folder);
    closeSync(folder);
    ftruncateSync(this.#journal, 0);
    this.#journalBytes = 0;
  }

  #damaged(name: string): UserError {
    return new UserError({
      what: "the sandbox's Cloudflare state is damaged",
      value: this.#file(name),
      next: "restore that folder from a copy, or remove it to start with an empty account",
    });
  }
}

function sealed(content: unknown): string {
  const json = JSON.stringify(content);
  return `${crc32(json).toString(16).padStart(8, "0")} ${json}`;
}

function unsealed(text: string): unknown {
  const json = text.slice(9);
  if (text.slice(0, 9) !== `${crc32(json).toString(16).padStart(8, "0")} `) return undefined;
  return JSON.parse(json);
}

function freeze<T>(value: T): T {
  if (typeof value === "object" && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value);
    for (const member of Object.values(value)) freeze(member);
  }
  return value;
}

/** One process owns the folder. One that was killed does not, nor does a later process with its number. */
function takeLock(file: string): void {
  const own = JSON.stringify(identify(process.pid));
  try {
    writeFileSync(file, own, { flag: "wx", mode: 0o600 });
    return;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
  }
  const owner = ownerIn(readFileSync(file, "utf8"));
  if (owner !== undefined && isRunning(owner)) {
    throw new UserError({
      what: "the sandbox's Cloudflare state is in use",
      value: `${file} (process ${owner.pid})`,
      next: `end process ${owner.pid}, or use another folder`,
    });
  }
  rmSync(file, { force: true });
  writeFileSync(file, own, { flag: "wx", mode: 0o600 });
}

/** What is no whole lock was being written by a process that was killed at it. */
function ownerIn(lock: string): ProcessIdentity | undefined {
  try {
    return JSON.parse(lock) as ProcessIdentity;
  } catch {
    return undefined;
  }
}
