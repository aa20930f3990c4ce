import { readdirSync, readFileSync, statSync } from "node:fs";
import { join, relative } from "node:path";
import { gunzipSync } from "node:zlib";
import { type Needle, needlesOf, type Secret } from "./secret";

/** A secret where it must not be. */
export interface Leak {
  /** A file, `command lines`, or what else was searched. */
  readonly place: string;
  readonly secret: string;
  /** How it is written there; `readable by others` for a file that may hold it, but to its owner alone. */
  readonly form: string;
}

/** Which files may hold which secrets. */
export interface Holder {
  /** Of the path below the folder that is searched. */
  readonly path: RegExp;
  /** Of the secrets' names. @default every one */
  readonly secrets?: RegExp;
}

/**
 * Searches places for secrets, in every form of {@link needlesOf}.
 *
 * @example
 * const scan = new LeakScan(secrets);
 * scan.text("server log", log);
 * scan.files(folder, [{ path: /\.env$/ }]);
 * expect(scan.leaks).toEqual([]);
 */
export class LeakScan {
  readonly leaks: Leak[] = [];
  /** How many files were read: a search of nothing finds nothing. */
  filesRead = 0;
  /** Which holders of {@link files} did hold a secret: one that never does need not be allowed. */
  readonly held = new Set<Holder>();

  private readonly needles: readonly Needle[];

  constructor(secrets: readonly Secret[]) {
    this.needles = secrets.flatMap(needlesOf);
  }

  /** Searches a text; `mayHold` are names of secrets that may stand in it. */
  text(place: string, text: string | Buffer, mayHold?: RegExp): void {
    for (const { form, secret } of this.found(Buffer.from(text))) {
      if (mayHold?.test(secret) !== true) this.leaks.push({ place, secret, form });
    }
  }

  /** Searches names and contents of all files below a folder. What holds a secret is its owner's alone. */
  files(folder: string, holders: readonly Holder[] = []): void {
    for (const file of filesBelow(folder)) {
      const place = relative(folder, file);
      this.text(`the name ${place}`, place);
      const content = contentOf(file);
      if (content === undefined) continue;
      this.filesRead += 1;
      for (const { form, secret } of this.found(content)) {
        const holder = holders.find(
          ({ path, secrets }) => path.test(place) && (secrets?.test(secret) ?? true),
        );
        if (holder === undefined) this.leaks.push({ place, secret, form });
        else if ((statSync(file).mode & 0o077) !== 0)
          this.leaks.push({ place, secret, form: "readable by others" });
        else this.held.add(holder);
      }
    }
  }

  /** The first form of each secret that stands in the bytes, also where they are compressed. */
  private found(bytes: Buffer): Needle[] {
    const plain = bytes[0] === 0x1f && bytes[1] === 0x8b ? unpacked(bytes) : bytes;
    const found = new Map<string, Needle>();
    for (const needle of this.needles) {
      if (!found.has(needle.secret) && plain.includes(needle.bytes)) found.set(needle.secret, needle);
    }
    return [...found.values()];
  }
}

function unpacked(bytes: Buffer): Buffer {
  try {
    return gunzipSync(bytes);
  } catch {
    return bytes;
  }
}

function filesBelow(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return listed(path);
    return entry.isFile() ? [path] : [];
  });
}

/** A folder of what runs may be gone between two looks. */
function listed(folder: string): string[] {
  try {
    return filesBelow(folder);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw error;
  }
}

function contentOf(file: string): Buffer | undefined {
  try {
    return readFileSync(file);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}
