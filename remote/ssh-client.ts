/**
 * One SSH connection for several commands: for programs that run beside the engine. The server's key is pinned, nothing is
 * read of the user's own SSH configuration or agent, and only what may pass by itself is tried again.
 */
import { connect, type Socket } from "node:net";
import type { Duplex } from "node:stream";
import { StringDecoder } from "node:string_decoder";
import { setTimeout as sleep } from "node:timers/promises";
import type { Client, ClientChannel, ServerHostKeyAlgorithm } from "ssh2";
import { encodeFrames, type Frames } from "./framing";
import { type HostAccess, type SshServer, stepFrames } from "./access";
import { type RemoteStep, stepCommand, stepInput } from "./scripts";

/**
 * What went wrong with a connection. `unreachable`: nothing answers there; `host-key`: another key than the pinned one;
 * `login`: the key is refused; `key`: our key cannot be read; `protocol`: what answers speaks no SSH that we know;
 * `name`: no machine has that name; `cut`: it was open and broke.
 */
export type SshFailureKind = "unreachable" | "name" | "host-key" | "login" | "key" | "protocol" | "cut";

/** A connection that could not be made, or broke. Its message names the server and no secret. */
export class SshFailure extends Error {
  override readonly name = "SshFailure";

  constructor(
    readonly kind: SshFailureKind,
    message: string,
    cause?: unknown,
  ) {
    super(message, cause === undefined ? undefined : { cause });
  }

  /** What to do about it. */
  get next(): string {
    return nextSteps[this.kind];
  }
}

const nextSteps: Readonly<Record<SshFailureKind, string>> = {
  unreachable:
    "start sshd there or open its port, look at groundwork:hosts.<name>.address and .port, then run the same command again",
  "host-key":
    "if the machine was set up anew, read its key on the machine itself (cat /etc/ssh/ssh_host_ed25519_key.pub) and pin that as groundwork:hosts.<name>.hostKey; if it was not, somebody stands in between",
  login:
    "put the public half of the key into ~/.ssh/authorized_keys of groundwork:hosts.<name>.user there, or the right private key into groundwork:secrets",
  key: "put the whole text of an unencrypted private key into groundwork:secrets (the entry that groundwork:hosts.<name>.privateKeySecret names)",
  name: "look at groundwork:hosts.<name>.address, and at the network's name servers",
  protocol: "see that groundwork:hosts.<name>.port is that of an SSH server of our time",
  cut: "run the same command again: it finds what the host has done meanwhile and goes on from there",
};

/** Options of {@link SshConnection.open}. */
export interface OpenOptions {
  /** Ends the attempts. @default never */
  readonly signal?: AbortSignal | undefined;
  /** Told once per failed attempt that is made again. @default nobody */
  readonly log?: ((line: string) => void) | undefined;
  /** Milliseconds before the second attempt; grows by 1.5 up to 5 s. @default 100 */
  readonly firstWaitMs?: number | undefined;
  /** Milliseconds between two signs of life on an idle connection; three without an answer cut it. @default 5000 */
  readonly keepaliveMs?: number | undefined;
}

/** One command. */
export interface ExecOptions {
  /** Its whole standard input, then the end of it. @default empty */
  readonly stdin?: string | undefined;
  /** Told each line as it comes, without its newline. @default nobody */
  readonly onStdout?: ((line: string) => void) | undefined;
  readonly onStderr?: ((line: string) => void) | undefined;
}

/** A step. */
export interface StepOptions extends Omit<ExecOptions, "stdin"> {
  /** Texts that must not be shown when it fails. @default [] */
  readonly redact?: readonly string[];
  /** What follows its frames, for a step that reads on. @default nothing */
  readonly input?: string;
}

/** How a command ended. */
export interface ExecResult {
  /** Undefined where a signal ended it. */
  readonly code: number | undefined;
  /** `TERM` and the like. */
  readonly signal?: string | undefined;
  /** What it printed; of a very long text the end. */
  readonly stdout: string;
  readonly stderr: string;
}

/** What runs commands on a host. */
export interface Commands {
  /** Runs one command in the login shell, and waits for its end. @throws SshFailure `cut` where it is not seen to end */
  exec(command: string, options?: ExecOptions): Promise<ExecResult>;
  close(): void;
}

type Access = Pick<HostAccess, "server" | "jump" | "dialErrorLimit" | "perDialTimeout">;

/** Characters of a stream that are kept. */
const keptOutput = 512 * 1024;

/**
 * An open connection; as many commands at a time as the server allows (ten, by OpenSSH's default).
 *
 * @example
 * const connection = await SshConnection.open(access);
 * try { const { stdout } = await connection.exec("uname -n"); } finally { connection.close(); }
 */
export class SshConnection implements Commands {
  private failure: SshFailure | undefined;
  private readonly running = new Set<(failure: SshFailure) => void>();

  private constructor(
    private readonly client: Client,
    private readonly hop: Client | undefined,
    private readonly where: string,
  ) {
    const broke = (cause?: unknown) => {
      const reason = cause instanceof Error ? ` (${cause.message})` : "";
      this.failure ??= new SshFailure("cut", `the SSH connection to ${where} was cut${reason}`, cause);
      for (const reject of this.running) reject(this.failure);
      this.running.clear();
    };
    client.on("error", broke);
    client.on("close", () => broke());
    hop?.on("error", broke);
  }

  /**
   * Dials and logs in. A refused or silent port is tried again as often as `dialErrorLimit` says (10); a wrong host key
   * or a refused login never is.
   *
   * @throws SshFailure
   */
  static async open(access: Access, options: OpenOptions = {}): Promise<SshConnection> {
    const where = placeText(access.server);
    const { jump } = access;
    if (jump === undefined) {
      const client = await retried(access, access.server, options, async () =>
        login(access.server, await dial(access.server, access, options), access, options),
      );
      return new SshConnection(client, undefined, where);
    }
    const hop = await retried(access, jump, options, async () =>
      login(jump, await dial(jump, access, options), access, options),
    );
    try {
      const client = await retried(access, access.server, options, async () =>
        login(access.server, await forward(hop, access.server, placeText(jump)), access, options),
      );
      return new SshConnection(client, hop, `${where} over ${placeText(jump)}`);
    } catch (error) {
      hop.end();
      throw error;
    }
  }

  /** True until it is closed or breaks. */
  get isOpen(): boolean {
    return this.failure === undefined;
  }

  /**
   * Runs one command in the login shell, without a terminal, and waits for its end.
   *
   * @throws SshFailure `cut` where the connection breaks before the command's end; what the command does goes on or
   * not, as it is written.
   */
  exec(command: string, { stdin = "", onStdout, onStderr }: ExecOptions = {}): Promise<ExecResult> {
    return new Promise((resolve, reject) => {
      if (this.failure !== undefined) return reject(this.failure);
      this.running.add(reject);
      const done = () => this.running.delete(reject);
      this.client.exec(command, (error, channel) => {
        if (error !== undefined) {
          done();
          return reject(
            new SshFailure("cut", `${this.where} opens no further channel (${error.message})`, error),
          );
        }
        follow(channel, { onStdout, onStderr }, (result) => {
          done();
          if (result !== undefined) resolve(result);
          else
            reject(
              this.failure ??
                new SshFailure("cut", `the SSH connection to ${this.where} was cut before the command's end`),
            );
        });
        channel.on("error", () => undefined);
        channel.end(stdin);
      });
    });
  }

  /** {@link runStep} on this connection. */
  step(
    step: RemoteStep,
    host: Pick<HostAccess, "directory" | "dockerPrefix" | "lockWaitSeconds">,
    project: string,
    frames: Frames = {},
    options: StepOptions = {},
  ): Promise<ExecResult> {
    return runStep(this, step, host, project, frames, options);
  }

  /**
   * Opens a TCP connection from the host to a place that the host reaches.
   *
   * @throws SshFailure where the host does not reach it, or its SSH server forwards nothing
   */
  async forward(address: string, port: number): Promise<Duplex> {
    if (this.failure !== undefined) throw this.failure;
    return forward(this.client, { address, port }, this.where);
  }

  /** Ends the connection; commands that still run fail with `cut`. */
  close(): void {
    this.client.end();
    this.hop?.end();
  }
}

/** Collects what a command prints; undefined at the end where the server never said how it ended. */
function follow(
  channel: ClientChannel,
  { onStdout, onStderr }: Pick<ExecOptions, "onStdout" | "onStderr">,
  ended: (result: ExecResult | undefined) => void,
): void {
  const stdout = new Lines(onStdout);
  const stderr = new Lines(onStderr);
  let exit: { readonly code: number | undefined; readonly signal?: string } | undefined;
  channel.on("data", (chunk: Buffer) => stdout.add(chunk));
  channel.stderr.on("data", (chunk: Buffer) => stderr.add(chunk));
  channel.on("exit", (code: number | null, signal?: string) => {
    exit = {
      code: code ?? undefined,
      ...(signal === undefined ? {} : { signal: signal.replace(/^SIG/, "") }),
    };
  });
  channel.once("close", () => {
    const texts = { stdout: stdout.end(), stderr: stderr.end() };
    ended(exit === undefined ? undefined : { ...exit, ...texts });
  });
}

/** Runs a step of remote/ on a project. */
export function runStep(
  connection: Pick<Commands, "exec">,
  step: RemoteStep,
  host: Pick<HostAccess, "directory" | "dockerPrefix" | "lockWaitSeconds">,
  project: string,
  frames: Frames,
  { redact = [], input = "", ...options }: StepOptions = {},
): Promise<ExecResult> {
  const stdin = stepInput(step, encodeFrames(stepFrames(host, project, frames, redact)));
  return connection.exec(stepCommand(step), { ...options, stdin: stdin + input });
}

/** A stream cut into lines. */
export class Lines {
  private readonly decoder = new StringDecoder("utf8");
  private pending = "";
  private all = "";

  constructor(private readonly tell: ((line: string) => void) | undefined) {}

  add(chunk: Buffer): void {
    this.take(this.decoder.write(chunk));
  }

  /** The whole text. */
  end(): string {
    this.take(this.decoder.end());
    if (this.pending !== "") this.tell?.(this.pending);
    this.pending = "";
    return this.all;
  }

  private take(text: string): void {
    this.all = (this.all + text).slice(-keptOutput);
    const lines = (this.pending + text).split("\n");
    this.pending = lines.pop() ?? "";
    for (const line of lines) this.tell?.(line);
  }
}

async function retried(
  { dialErrorLimit = 10 }: Access,
  server: SshServer,
  { signal, log, firstWaitMs = 100 }: OpenOptions,
  attempt: () => Promise<Client>,
): Promise<Client> {
  for (let failures = 1, wait = firstWaitMs; ; failures++, wait = Math.min(wait * 1.5, 5_000)) {
    signal?.throwIfAborted();
    try {
      return await attempt();
    } catch (error) {
      const passing = error instanceof SshFailure && error.kind === "unreachable";
      if (!passing || (dialErrorLimit >= 0 && failures > dialErrorLimit)) throw error;
      log?.(`${placeText(server)} does not answer yet (attempt ${failures}): ${error.message}`);
      await sleep(wait, undefined, signal === undefined ? {} : { signal });
    }
  }
}

function dial(server: SshServer, { perDialTimeout = 15 }: Access, { signal }: OpenOptions): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect({
      host: server.address,
      port: server.port,
      ...(signal === undefined ? {} : { signal }),
    });
    const timer = setTimeout(() => socket.destroy(new Error("i/o timeout")), perDialTimeout * 1_000);
    socket.once("connect", () => {
      clearTimeout(timer);
      socket.removeAllListeners("error");
      socket.setNoDelay(true);
      resolve(socket);
    });
    socket.once("error", (error: NodeJS.ErrnoException) => {
      clearTimeout(timer);
      if (signal?.aborted === true) return reject(error);
      const reason = error.code === "ECONNREFUSED" ? "connect: connection refused" : error.message;
      // A name that does not exist will not exist in a second either.
      const kind = error.code === "ENOTFOUND" ? "name" : "unreachable";
      reject(new SshFailure(kind, `dial tcp ${placeText(server)}: ${reason}`, error));
    });
  });
}

function forward(
  hop: Client,
  { address, port }: Pick<SshServer, "address" | "port">,
  from: string,
): Promise<Duplex> {
  return new Promise((resolve, reject) => {
    hop.forwardOut("127.0.0.1", 0, address, port, (error, stream) => {
      if (error === undefined) return resolve(stream);
      const place = placeText({ address, port });
      reject(
        new SshFailure(
          "unreachable",
          `dial tcp ${place}: ${from} does not reach it (${error.message})`,
          error,
        ),
      );
    });
  });
}

async function login(
  server: SshServer,
  sock: Duplex,
  { perDialTimeout = 15 }: Access,
  { signal, keepaliveMs = 5_000 }: OpenOptions,
): Promise<Client> {
  // Loaded when the first connection is made: it is a tenth of a second.
  const { Client } = await import("ssh2");
  const client = new Client();
  const where = placeText(server);
  return new Promise((resolve, reject) => {
    let otherKey = false;
    const aborted = () => client.destroy();
    signal?.addEventListener("abort", aborted, { once: true });
    const fail = (failure: unknown) => {
      signal?.removeEventListener("abort", aborted);
      client.on("error", () => undefined);
      client.destroy();
      sock.destroy();
      reject(signal?.aborted === true ? (signal.reason as Error) : (failure as Error));
    };
    client.once("ready", () => {
      signal?.removeEventListener("abort", aborted);
      client.removeAllListeners("error");
      client.removeAllListeners("close");
      resolve(client);
    });
    client.once("error", (error: Error & { level?: string }) =>
      fail(handshakeFailure(where, error, otherKey)),
    );
    client.once("close", () =>
      fail(new SshFailure("unreachable", `dial tcp ${where}: closed before the login`)),
    );
    const [type = "", blob = ""] = server.hostKey.split(/\s+/);
    const pinned = Buffer.from(blob, "base64");
    try {
      client.connect({
        sock,
        username: server.user,
        privateKey: server.privateKey,
        authHandler: ["none", "publickey"],
        algorithms: { serverHostKey: [type as ServerHostKeyAlgorithm] },
        hostVerifier: (key: Buffer) => {
          otherKey = !key.equals(pinned);
          return !otherKey;
        },
        readyTimeout: perDialTimeout * 1_000,
        keepaliveInterval: keepaliveMs,
        keepaliveCountMax: 3,
      });
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      fail(new SshFailure("key", `the private key for ${where} cannot be read (${reason})`, error));
    }
  });
}

function handshakeFailure(
  where: string,
  error: Error & { level?: string; code?: string },
  otherKey: boolean,
): SshFailure {
  if (otherKey || /no matching host key format/.test(error.message)) {
    return new SshFailure("host-key", `ssh: handshake with ${where} failed: host key mismatch`, error);
  }
  if (error.level === "client-authentication") {
    return new SshFailure("login", `ssh: ${where} refuses the key: unable to authenticate`, error);
  }
  // A server that restarts, or has just too many logins, hangs up before it has said who it is.
  const hungUp = /before handshake|ECONNRESET|closed/.test(error.message);
  if (error.level === "client-timeout" || error.level === "client-socket" || hungUp) {
    return new SshFailure("unreachable", `dial tcp ${where}: ${error.message}`, error);
  }
  return new SshFailure("protocol", `ssh: handshake with ${where} failed: ${error.message}`, error);
}

/** `host:port`, IPv6 in brackets. */
function placeText({ address, port }: Pick<SshServer, "address" | "port">): string {
  return address.includes(":") ? `[${address}]:${port}` : `${address}:${port}`;
}
