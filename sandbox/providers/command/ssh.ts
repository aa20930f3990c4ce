import { connect, type Socket } from "node:net";
import type { Duplex } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import type { Client, ConnectConfig, ServerHostKeyAlgorithm } from "ssh2";
import type { Connection } from "./connection";

/** An open connection, with the one to the hop before it. */
export interface Dialled {
  readonly client: Client;
  close(): void;
}

export interface DialOptions {
  /** Ends the waiting between two attempts, and the attempt. */
  readonly signal: AbortSignal;
  /** Told after each failed attempt that is tried again. */
  readonly progress: (message: string) => void;
  /** Waiting before the second attempt, in milliseconds; grows by 1.5 up to 5 s. @default 100 */
  readonly firstWait?: number;
}

const growth = 1.5;
const longestWait = 5_000;

/**
 * Dials until it succeeds or the connection's limit of failures is reached. All errors count alike, a refused key as
 * well as a closed port: that is what the real provider does.
 */
export async function dial(connection: Connection, options: DialOptions): Promise<Dialled> {
  const { proxy } = connection;
  if (proxy === undefined) return retried(connection, options, () => attempt(connection, options.signal));
  const hop = await retried(proxy, options, () => attempt(proxy, options.signal));
  try {
    const end = await retried(connection, options, async () =>
      attempt(connection, options.signal, await forward(hop.client, connection)),
    );
    return {
      client: end.client,
      close() {
        end.close();
        hop.close();
      },
    };
  } catch (error) {
    hop.close();
    throw error;
  }
}

async function retried(
  { dialErrorLimit }: Connection,
  { signal, progress, firstWait = 100 }: DialOptions,
  once: () => Promise<Dialled>,
): Promise<Dialled> {
  for (let failures = 1, wait = firstWait; ; failures++, wait = Math.min(wait * growth, longestWait)) {
    signal.throwIfAborted();
    try {
      return await once();
    } catch (error) {
      if (dialErrorLimit > -1 && failures > dialErrorLimit) {
        throw new Error(`after ${failures} failed attempts: ${(error as Error).message}`, { cause: error });
      }
      progress(`Dial ${failures}/${dialErrorLimit === -1 ? "inf" : dialErrorLimit} failed: retrying`);
      await sleep(wait, undefined, { signal });
    }
  }
}

async function attempt(connection: Connection, signal: AbortSignal, through?: Duplex): Promise<Dialled> {
  // A dead agent fails the attempt before the host is tried, also beside a private key: as in the real provider.
  if (connection.agentSocketPath !== undefined) await probeAgent(connection.agentSocketPath);
  const socket = through ?? (await connectSocket(connection, signal));
  try {
    return await handshake(connection, socket, signal);
  } catch (error) {
    socket.destroy();
    throw error;
  }
}

function connectSocket({ host, port, perDialTimeout }: Connection, signal: AbortSignal): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port, signal });
    const where = host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
    const timer =
      perDialTimeout > 0
        ? setTimeout(() => socket.destroy(new Error("i/o timeout")), perDialTimeout * 1_000)
        : undefined;
    socket.once("connect", () => {
      clearTimeout(timer);
      socket.removeAllListeners("error");
      resolve(socket);
    });
    socket.once("error", (error: NodeJS.ErrnoException) => {
      clearTimeout(timer);
      const reason = error.code === "ECONNREFUSED" ? "connect: connection refused" : error.message;
      reject(new Error(`dial tcp ${where}: ${reason}`, { cause: error }));
    });
  });
}

function probeAgent(path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connect(path);
    socket.once("connect", () => {
      socket.destroy();
      resolve();
    });
    socket.once("error", (error) =>
      reject(new Error(`dial unix ${path}: ${error.message}`, { cause: error })),
    );
  });
}

async function handshake(connection: Connection, sock: Duplex, signal: AbortSignal): Promise<Dialled> {
  // Loaded when the first connection is made: previews make none.
  const { Client } = await import("ssh2");
  const client = new Client();
  const close = () => void client.end();
  return new Promise((resolve, reject) => {
    let mismatch = false;
    const aborted = () => client.destroy();
    const settle = () => signal.removeEventListener("abort", aborted);
    signal.addEventListener("abort", aborted, { once: true });
    client.once("ready", () => {
      settle();
      client.removeAllListeners("error");
      // What breaks later is seen by the command that runs; without a listener it would end the process.
      client.on("error", () => undefined);
      resolve({ client, close });
    });
    client.once("error", (error) => {
      settle();
      client.on("error", () => undefined);
      const reason = mismatch ? "ssh: host key mismatch" : error.message;
      reject(new Error(`ssh: handshake failed: ${reason}`, { cause: error }));
    });
    client.once("close", () => {
      settle();
      reject(new Error("ssh: handshake failed: connection closed"));
    });
    client.on("keyboard-interactive", (_name, _instructions, _language, prompts, finish) =>
      finish(prompts.map(() => connection.password ?? "")),
    );
    try {
      client.connect({
        ...loginOf(connection),
        ...pinOf(connection, () => {
          mismatch = true;
        }),
        sock: sock,
        // The real provider gives the handshake all the time it takes.
        readyTimeout: 0,
      });
    } catch (error) {
      settle();
      reject(error instanceof Error ? error : new Error(String(error)));
    }
  });
}

/** Only the first method of each kind: a private key keeps the agent's keys from being tried. */
function loginOf(connection: Connection): ConnectConfig {
  const { user, privateKey, privateKeyPassword, password, agentSocketPath } = connection;
  const methods: ("none" | "publickey" | "agent" | "password" | "keyboard-interactive")[] = ["none"];
  if (privateKey !== undefined) methods.push("publickey");
  else if (agentSocketPath !== undefined) methods.push("agent");
  if (password !== undefined) methods.push("password", "keyboard-interactive");
  return {
    username: user,
    ...(privateKey === undefined ? {} : { privateKey }),
    ...(privateKeyPassword === undefined ? {} : { passphrase: privateKeyPassword }),
    ...(password === undefined ? {} : { password, tryKeyboard: true }),
    ...(agentSocketPath === undefined ? {} : { agent: agentSocketPath }),
    authHandler: methods,
  };
}

/** Accepts exactly the pinned key, and offers no other kind than its own. */
function pinOf({ hostKey }: Connection, mismatched: () => void): ConnectConfig {
  if (hostKey === undefined) return { hostVerifier: () => true };
  const [type = "", blob = ""] = hostKey.trim().split(/\s+/);
  const pinned = Buffer.from(blob, "base64");
  if (blob === "" || pinned.length === 0) {
    throw new Error("failed to parse host key: it has to have the form of authorized_keys, <type> <base64>");
  }
  return {
    algorithms: { serverHostKey: [type as ServerHostKeyAlgorithm] },
    hostVerifier(key: Buffer) {
      const isSame = key.equals(pinned);
      if (!isSame) mismatched();
      return isSame;
    },
  };
}

function forward(client: Client, { host, port }: Connection): Promise<Duplex> {
  return new Promise((resolve, reject) => {
    client.forwardOut("127.0.0.1", 0, host, port, (error, stream) =>
      error ? reject(new Error(`ssh: rejected: connect failed (${error.message})`)) : resolve(stream),
    );
  });
}
