import { constants, type Dirent, type Stats } from "node:fs";
import * as fs from "node:fs/promises";
import { dirname, join, relative, resolve } from "node:path";
import { utils, type Attributes, type FileEntry, type SFTPWrapper } from "ssh2";

const { OPEN_MODE, STATUS_CODE } = utils.sftp;

export interface SftpOptions {
  /** Relative paths begin here. */
  readonly home: string;
  /** Nothing outside this folder is read or written, also not through a symbolic link. */
  readonly root: string;
}

interface OpenFile {
  readonly kind: "file";
  readonly file: fs.FileHandle;
  readonly append: boolean;
}
interface OpenFolder {
  readonly kind: "folder";
  readonly path: string;
  entries: Dirent[] | undefined;
}

class SftpError extends Error {
  constructor(
    readonly status: number,
    message: string,
  ) {
    super(message);
  }
}

/** Serves version 3 of the protocol on one channel, as OpenSSH's sftp-server does, inside one folder. */
export function serveSftp(sftp: SFTPWrapper, options: SftpOptions): void {
  const handles = new Map<number, OpenFile | OpenFolder>();
  let nextHandle = 0;

  const keep = (entry: OpenFile | OpenFolder): Buffer => {
    const id = nextHandle++;
    handles.set(id, entry);
    const buffer = Buffer.alloc(4);
    buffer.writeUInt32BE(id);
    return buffer;
  };
  const find = (handle: Buffer): OpenFile | OpenFolder => {
    const entry = handle.length === 4 ? handles.get(handle.readUInt32BE()) : undefined;
    if (entry === undefined) throw new SftpError(STATUS_CODE.FAILURE, "unknown handle");
    return entry;
  };
  const findFile = (handle: Buffer): OpenFile => {
    const entry = find(handle);
    if (entry.kind !== "file") throw new SftpError(STATUS_CODE.FAILURE, "the handle is a folder's");
    return entry;
  };
  const place = (path: string): Promise<string> => confine(options, path);
  const answer = (id: number, action: () => Promise<void>): void => {
    action().catch((error: unknown) => sftp.status(id, ...statusOf(error)));
  };
  /** For requests whose only answer is a status. */
  const act = (id: number, action: () => Promise<unknown>): void =>
    answer(id, async () => {
      await action();
      sftp.status(id, STATUS_CODE.OK);
    });

  sftp.on("OPEN", (id, path, flags, attributes) =>
    answer(id, async () => {
      const file = await fs.open(await place(path), openFlags(flags), attributes.mode ?? 0o666);
      sftp.handle(id, keep({ kind: "file", file, append: (flags & OPEN_MODE.APPEND) !== 0 }));
    }),
  );
  sftp.on("READ", (id, handle, offset, length) =>
    answer(id, async () => {
      const buffer = Buffer.alloc(Math.min(length, 256 * 1024));
      const { bytesRead } = await findFile(handle).file.read(buffer, 0, buffer.length, offset);
      if (bytesRead === 0) sftp.status(id, STATUS_CODE.EOF);
      else sftp.data(id, buffer.subarray(0, bytesRead));
    }),
  );
  sftp.on("WRITE", (id, handle, offset, data) => {
    // The packet's buffer is used again for the next one.
    const copy = Buffer.from(data);
    act(id, async () => {
      const { file, append } = findFile(handle);
      for (let written = 0; written < copy.length;) {
        const position = append ? null : offset + written;
        written += (await file.write(copy, written, copy.length - written, position)).bytesWritten;
      }
    });
  });
  sftp.on("CLOSE", (id, handle) =>
    act(id, async () => {
      const entry = find(handle);
      handles.delete(handle.readUInt32BE());
      if (entry.kind === "file") await entry.file.close();
    }),
  );
  sftp.on("OPENDIR", (id, path) =>
    answer(id, async () => {
      const folder = await place(path);
      const entries = await fs.readdir(folder, { withFileTypes: true });
      sftp.handle(id, keep({ kind: "folder", path: folder, entries }));
    }),
  );
  sftp.on("READDIR", (id, handle) =>
    answer(id, async () => {
      const folder = find(handle);
      if (folder.kind !== "folder") throw new SftpError(STATUS_CODE.FAILURE, "the handle is a file's");
      const batch = folder.entries?.splice(0, 100) ?? [];
      if (batch.length === 0) return sftp.status(id, STATUS_CODE.EOF);
      const names: FileEntry[] = [];
      for (const { name } of batch) {
        const stats = await fs.lstat(join(folder.path, name)).catch(() => undefined);
        if (stats !== undefined) names.push(fileEntry(name, stats));
      }
      sftp.name(id, names);
    }),
  );
  const stat = (id: number, path: string, follow: boolean): void =>
    answer(id, async () => {
      const place_ = follow ? await place(path) : await confineParent(options, path);
      sftp.attrs(id, attributesOf(follow ? await fs.stat(place_) : await fs.lstat(place_)));
    });
  sftp.on("STAT", (id, path) => stat(id, path, true));
  sftp.on("LSTAT", (id, path) => stat(id, path, false));
  sftp.on("FSTAT", (id, handle) =>
    answer(id, async () => {
      sftp.attrs(id, attributesOf(await findFile(handle).file.stat()));
    }),
  );
  sftp.on("SETSTAT", (id, path, attributes) =>
    act(id, async () => {
      const target = await place(path);
      if (attributes.size !== undefined) await fs.truncate(target, attributes.size);
      if (attributes.mode !== undefined) await fs.chmod(target, attributes.mode & 0o7777);
      if (attributes.mtime !== undefined) await fs.utimes(target, attributes.atime, attributes.mtime);
    }),
  );
  sftp.on("FSETSTAT", (id, handle, attributes) =>
    act(id, async () => {
      const { file } = findFile(handle);
      if (attributes.size !== undefined) await file.truncate(attributes.size);
      if (attributes.mode !== undefined) await file.chmod(attributes.mode & 0o7777);
      if (attributes.mtime !== undefined) await file.utimes(attributes.atime, attributes.mtime);
    }),
  );
  sftp.on("MKDIR", (id, path, attributes) =>
    act(id, async () => fs.mkdir(await place(path), { mode: attributes.mode ?? 0o777 })),
  );
  sftp.on("RMDIR", (id, path) => act(id, async () => fs.rmdir(await place(path))));
  sftp.on("REMOVE", (id, path) =>
    act(id, async () => {
      await fs.unlink(await confineParent(options, path));
    }),
  );
  sftp.on("RENAME", (id, from, to) =>
    act(id, async () => {
      const target = await confineParent(options, to);
      // Version 3 of the protocol: a rename does not replace.
      if (await exists(target)) throw new SftpError(STATUS_CODE.FAILURE, "the target exists");
      await fs.rename(await confineParent(options, from), target);
    }),
  );
  sftp.on("REALPATH", (id, path) =>
    answer(id, async () => {
      const target = await place(path);
      sftp.name(id, [{ filename: target, longname: target, attrs: {} as Attributes }]);
    }),
  );
  sftp.on("READLINK", (id, path) =>
    answer(id, async () => {
      const filename = await fs.readlink(await confineParent(options, path));
      sftp.name(id, [{ filename, longname: filename, attrs: {} as Attributes }]);
    }),
  );
  sftp.on("SYMLINK", (id, link, target) =>
    act(id, async () => fs.symlink(target, await confineParent(options, link))),
  );

  const closeAll = (): void => {
    for (const entry of handles.values()) {
      if (entry.kind === "file") entry.file.close().catch(() => undefined);
    }
    handles.clear();
  };
  sftp.on("close", closeAll);
  // As sftp-server: the client's end of input is the end of the session.
  sftp.on("end", () => {
    closeAll();
    sendExitStatus(sftp);
    sftp.end();
  });
  sftp.on("error", () => undefined);
}

/** Without an exit status scp takes the transfer for failed; the library has no public way to send one for sftp. */
function sendExitStatus(sftp: SFTPWrapper): void {
  const { _protocol: protocol, outgoing } = sftp as unknown as {
    _protocol: { exitStatus(channel: number, code: number): void };
    outgoing: { id: number; state: string };
  };
  if (outgoing.state === "open") protocol.exitStatus(outgoing.id, 0);
}

/** The real place of a path, refused where it leaves the root; the path itself need not exist. */
async function confine({ home, root }: SftpOptions, path: string): Promise<string> {
  const wanted = resolve(home, path);
  let existing = wanted;
  while (!(await exists(existing))) existing = dirname(existing);
  const real = join(await fs.realpath(existing), relative(existing, wanted));
  if (!isWithin(await fs.realpath(root), real)) {
    throw new SftpError(STATUS_CODE.PERMISSION_DENIED, "outside of the sandbox's host folder");
  }
  return real;
}

/** As {@link confine}, but a symbolic link at the end of the path is itself, not what it points to. */
async function confineParent(options: SftpOptions, path: string): Promise<string> {
  const wanted = resolve(options.home, path);
  return join(await confine(options, dirname(wanted)), relative(dirname(wanted), wanted));
}

function isWithin(folder: string, path: string): boolean {
  return path === folder || path.startsWith(`${folder}/`);
}

async function exists(path: string): Promise<boolean> {
  return fs.lstat(path).then(
    () => true,
    () => false,
  );
}

function openFlags(flags: number): number {
  const has = (flag: number): boolean => (flags & flag) !== 0;
  let mode = has(OPEN_MODE.READ) && has(OPEN_MODE.WRITE) ? constants.O_RDWR : constants.O_RDONLY;
  if (has(OPEN_MODE.WRITE) && !has(OPEN_MODE.READ)) mode = constants.O_WRONLY;
  if (has(OPEN_MODE.APPEND)) mode |= constants.O_APPEND;
  if (has(OPEN_MODE.CREAT)) mode |= constants.O_CREAT;
  if (has(OPEN_MODE.TRUNC)) mode |= constants.O_TRUNC;
  if (has(OPEN_MODE.EXCL)) mode |= constants.O_EXCL;
  return mode;
}

function attributesOf(stats: Stats): Attributes {
  return {
    mode: stats.mode,
    uid: stats.uid,
    gid: stats.gid,
    size: stats.size,
    atime: Math.floor(stats.atimeMs / 1000),
    mtime: Math.floor(stats.mtimeMs / 1000),
  };
}

function fileEntry(filename: string, stats: Stats): FileEntry {
  const kind = stats.isDirectory() ? "d" : stats.isSymbolicLink() ? "l" : "-";
  const bits = [..."rwxrwxrwx"].map((bit, index) => ((stats.mode & (0o400 >> index)) === 0 ? "-" : bit));
  const date = stats.mtime.toISOString().slice(0, 16).replace("T", " ");
  const longname = `${kind}${bits.join("")} ${stats.nlink} ${stats.uid} ${stats.gid} ${stats.size} ${date} ${filename}`;
  return { filename, longname, attrs: attributesOf(stats) };
}

function statusOf(error: unknown): [number, string] {
  if (error instanceof SftpError) return [error.status, error.message];
  const { code, message } = error as NodeJS.ErrnoException;
  if (code === "ENOENT" || code === "ENOTDIR") return [STATUS_CODE.NO_SUCH_FILE, "No such file"];
  if (code === "EACCES" || code === "EPERM") return [STATUS_CODE.PERMISSION_DENIED, "Permission denied"];
  if (code === "ENOSPC") return [STATUS_CODE.FAILURE, "No space left on device"];
  return [STATUS_CODE.FAILURE, message];
}
