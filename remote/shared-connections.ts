/**
 * SSH connections that a run has opened for the programs it starts: dialled while the engine is still on its way to them, then
 * reached through a socket in a folder that is closed to other users. Who finds none, or a broken one, dials by itself.
 */
import { createHash } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { readdir, rm } from "node:fs/promises";
import { connect, createServer, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { HostAccess } from "./access";
import {
  type Commands,
  type ExecOptions,
  type ExecResult,
  Lines,
  SshConnection,
  SshFailure,
} from "./ssh-client";

/** Tells the programs of a run where its connections are. */
const variable = "GROUNDWORK_CONNECTIONS";

const folderPrefix = join(tmpdir(), "groundwork-ssh-");

/** First line of a program. Without a command it only asks whether there is a connection. */
interface Request {
  /** {@link placeOf}: who does not know the private key cannot name it. */
  readonly place: string;
  readonly command?: string;
  readonly stdin?: string;
}

/** A line of the answer. Where no connection is open there is none; where it is cut, none with a result. */
type Answer =
  | { readonly open: true }
  | { readonly stdout: string }
  | { readonly stderr: string }
  | { readonly result: ExecResult };

/**
 * The connections of one run.
 *
 * @example
 * const connections = await SharedConnections.listen();
 * connections?.dial(access);
 * spawn("node", ["dist/rollout.js"], { env: { ...process.env, ...connections?.variables } });
 */
export class SharedConnections {
  private readonly dialled = new Map<string, Promise<SshConnection | undefined>>();
  private readonly ended = new AbortController();
  private readonly swept = sweep().catch(() => undefined);

  private constructor(
    private readonly server: Server,
    private readonly folder: string,
    private readonly path: string,
  ) {
    server.on("connection", (socket) => {
      const lines = new Lines((line) => void this.serve(JSON.parse(line) as Request, socket));
      socket.on("data", (chunk: Buffer) => lines.add(chunk));
      socket.on("error", () => undefined);
    });
    // A run that ends by a signal leaves no folder either.
    process.once("exit", this.remove);
  }

  /** Undefined where this machine has no such socket, or too long a path for it. */
  static async listen(): Promise<SharedConnections | undefined> {
    const folder = mkdtempSync(folderPrefix);
    const path = join(folder, "socket");
    const server = createServer();
    const isUp = await new Promise<boolean>((resolve) => {
      server.once("error", () => resolve(false));
      server.listen(path, () => resolve(true));
    });
    if (isUp) return new SharedConnections(server.unref(), folder, path);
    rmSync(folder, { recursive: true, force: true });
    return undefined;
  }

  /** What the run's programs must have in their environment. */
  get variables(): Readonly<Record<string, string>> {
    return { [variable]: this.path };
  }

  /** Opens a connection; one attempt, of whose failure nobody is told: who needs it dials by itself, and tells. */
  dial(access: HostAccess): void {
    const place = placeOf(access);
    if (this.dialled.has(place)) return;
    const opening = SshConnection.open({ ...access, dialErrorLimit: 0 }, { signal: this.ended.signal });
    this.dialled.set(
      place,
      opening.catch(() => undefined),
    );
  }

  async close(): Promise<void> {
    this.ended.abort();
    this.server.close();
    process.off("exit", this.remove);
    this.remove();
    for (const opening of this.dialled.values()) (await opening)?.close();
    await this.swept;
  }

  private readonly remove = (): void => rmSync(this.folder, { recursive: true, force: true });

  private async serve({ place, command, stdin }: Request, socket: Socket): Promise<void> {
    const tell = (answer: Answer): void => void socket.write(`${JSON.stringify(answer)}\n`);
    const connection = await this.dialled.get(place);
    try {
      if (connection?.isOpen !== true) return;
      if (command === undefined) return tell({ open: true });
      const onStdout = (line: string): void => tell({ stdout: line });
      const onStderr = (line: string): void => tell({ stderr: line });
      tell({ result: await connection.exec(command, { stdin, onStdout, onStderr }) });
    } catch {
      // It was cut: an answer without a result says so.
    } finally {
      socket.end();
    }
  }
}

/** Removes the folders of runs that were killed: nobody listens at their sockets any more. */
async function sweep(): Promise<void> {
  const folders = (await readdir(tmpdir()))
    .map((name) => join(tmpdir(), name))
    .filter((path) => path.startsWith(folderPrefix));
  for (const folder of folders) {
    if (await isRefused(join(folder, "socket"))) await rm(folder, { recursive: true, force: true });
  }
}

function isRefused(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path, () => (socket.destroy(), resolve(false)));
    socket.once("error", (error: NodeJS.ErrnoException) => resolve(error.code === "ECONNREFUSED"));
  });
}

/** The run's connection to a host, for a program that the run has started; undefined where there is none. */
export async function sharedConnection(access: HostAccess): Promise<Commands | undefined> {
  const path = process.env[variable];
  if (path === undefined) return undefined;
  const place = placeOf(access);
  let isOpen = false;
  await ask(path, { place }, () => (isOpen = true));
  return isOpen
    ? { exec: (command, options) => execBy(path, place, command, options), close: () => undefined }
    : undefined;
}

async function execBy(
  path: string,
  place: string,
  command: string,
  { stdin, onStdout, onStderr }: ExecOptions = {},
): Promise<ExecResult> {
  let result: ExecResult | undefined;
  await ask(path, { place, command, ...(stdin === undefined ? {} : { stdin }) }, (answer) => {
    if ("result" in answer) result = answer.result;
    else if ("stdout" in answer) onStdout?.(answer.stdout);
    else if ("stderr" in answer) onStderr?.(answer.stderr);
  });
  if (result === undefined)
    throw new SshFailure("cut", "the SSH connection of the run was cut before the command's end");
  return result;
}

/** Done when the other side has ended, in whatever way. */
function ask(path: string, request: Request, take: (answer: Answer) => void): Promise<void> {
  return new Promise((resolve) => {
    const socket = connect(path);
    const lines = new Lines((line) => take(JSON.parse(line) as Answer));
    socket.on("data", (chunk: Buffer) => lines.add(chunk));
    socket.on("error", () => undefined);
    socket.on("close", () => resolve());
    socket.write(`${JSON.stringify(request)}\n`);
  });
}

type Expecting = (release: string, access: HostAccess) => void;

const expecting = new Map<string, Expecting>();

/** Has a run told of each release that its program describes, while it does; @returns what ends that. */
export function onRelease(stack: string, expect: Expecting): () => void {
  expecting.set(stack, expect);
  return () => void expecting.delete(stack);
}

/** Says, long before the engine comes to it, that a stack is to have this release on this host. */
export function expectRelease(stack: string, release: string, access: HostAccess): void {
  expecting.get(stack)?.(release, access);
}

/** A host and who logs in there, without telling the key. */
function placeOf({ server, jump }: HostAccess): string {
  const parts = [server, jump].map(
    (hop) => hop && [hop.address, hop.port, hop.user, hop.hostKey, hop.privateKey],
  );
  return createHash("sha256").update(JSON.stringify(parts)).digest("hex");
}
