/** Where a backend of one's own keeps its files, as far as locks and leases need it. Paths are below its root, with `/`. */
import { readdirSync } from "node:fs";
import { mkdir, readdir, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { UserError } from "../../common/user-error";

/** A file of a store. */
export interface StoredFile {
  /** Without its folder. */
  readonly name: string;
  /** When it was written last, milliseconds since 1970. */
  readonly written: number;
}

/** The files of a backend: a folder, or a bucket. */
export interface StateStore {
  /** @throws UserError where the store cannot be read at all */
  assertReadable(): Promise<void>;
  /** The files in a folder, without those below it; none where there is no such folder. */
  list(folder: string): Promise<readonly StoredFile[]>;
  /** Undefined where there is no such file. */
  read(path: string): Promise<string | undefined>;
  /** Writes a file whole or not at all. */
  write(path: string, text: string): Promise<void>;
  /** Removes a file; one that is gone already is no error. */
  remove(path: string): Promise<void>;
}

/** The store of a file backend. */
export function folderStore(root: string): StateStore {
  const at = (path: string): string => join(root, path);
  return {
    assertReadable() {
      if (canBeListed(root)) return Promise.resolve();
      return Promise.reject(
        new UserError({
          what: "the folder with the states cannot be read",
          value: root,
          next: "mount it, or lead elsewhere by PULUMI_BACKEND_URL or pulumi login",
        }),
      );
    },
    async list(folder) {
      const names = await readdir(at(folder)).catch((): string[] => []);
      const files = await Promise.all(
        names.map(async (name): Promise<StoredFile | undefined> => {
          const found = await stat(join(at(folder), name)).catch(() => undefined);
          return found?.isFile() === true ? { name, written: found.mtimeMs } : undefined;
        }),
      );
      return files.filter((file) => file !== undefined);
    },
    read: (path) => readFile(at(path), "utf8").catch(() => undefined),
    async write(path, text) {
      await mkdir(dirname(at(path)), { recursive: true });
      await writeFile(`${at(path)}.partial`, text);
      await rename(`${at(path)}.partial`, at(path));
    },
    remove: (path) => rm(at(path), { force: true }),
  };
}

function canBeListed(folder: string): boolean {
  try {
    readdirSync(folder);
    return true;
  } catch {
    return false;
  }
}
