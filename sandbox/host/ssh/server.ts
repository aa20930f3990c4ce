import { timingSafeEqual } from "node:crypto";
import { createConnection, createServer, type Server as NetServer } from "node:net";
import {
  Server,
  type AuthContext,
  type Connection,
  type ParsedKey,
  type ServerChannel,
  type Session,
} from "ssh2";
import { listenAtLastPort } from "../../listen";
import { runCommand, type CommandContext } from "./exec";
import { serveSftp } from "./sftp";

/** What the server needs to know. */
export interface SshServerOptions {
  /**
   * The one of last time; another where somebody else has it. 0 = any free port. Always on 127.0.0.1, and on ::1 where this machine has
   * it and the port is free there.
   */
  readonly port: number;
  readonly hostPrivateKey: string;
  readonly authorizedKey: ParsedKey;
  /** Who may log in; unset: any name that is a valid user name (they all are the same user of the sandbox). */
  readonly users?: readonly string[];
  /** HOME and working folder of commands, root of relative sftp paths. */
  readonly home: string;
  /** Folder outside which sftp neither reads nor writes. */
  readonly root: string;
  /** Environment of commands, but for what the client may set (LANG, LC_*). */
  environment(user: string): NodeJS.ProcessEnv;
  /** Where a port of the machine's loopback really is. */
  forwardPort(port: number): number;
  /** Whether an address is one of the machine's containers'. @default none is */
  isContainer?(address: string): Promise<boolean>;
  readonly log?: (line: string) => void;
}

export interface SshServer {
  readonly port: number;
  /** Whether it listens on ::1 as well, as the machine of a stack that has no IPv4. */
  readonly hasIPv6: boolean;
  /** Stops listening and cuts the connections. Commands that run go on, as under sshd. */
  close(): Promise<void>;
}

const userName = /^[a-z_][a-z0-9_-]{0,31}$/;
const loopbackNames = new Set(["localhost", "127.0.0.1", "::1", "0.0.0.0", ""]);

/** Variables that a stock sshd takes from a client (`AcceptEnv LANG LC_*`). */
export function acceptsVariable(name: string): boolean {
  return name === "LANG" || /^LC_[A-Z_]+$/.test(name);
}

/** Starts an SSH server that speaks as a stock OpenSSH does: public key only, exec, sftp, forwarding to
 * loopback and to the machine's containers. */
export async function startSshServer(options: SshServerOptions): Promise<SshServer> {
  const connections = new Set<Connection>();
  const log = options.log ?? (() => undefined);
  const server = new Server(
    { hostKeys: [options.hostPrivateKey], ident: "GroundworkSandbox" },
    (connection) => {
      connections.add(connection);
      let user = "";
      connection.on("authentication", (attempt) => {
        user = attempt.username;
        authenticate(attempt, options);
      });
      connection.on("ready", () => {
        log(`ssh: ${user} logged in`);
        connection.on("session", (accept) => serveSession(accept(), user, options));
        connection.on("tcpip", (accept, reject, target) => {
          if (loopbackNames.has(target.destIP)) {
            forward("127.0.0.1", options.forwardPort(target.destPort), accept, reject);
            return;
          }
          const asked = options.isContainer?.(target.destIP) ?? Promise.resolve(false);
          asked.then(
            (known) => (known ? forward(target.destIP, target.destPort, accept, reject) : reject()),
            () => reject(),
          );
        });
        // Remote forwarding (ssh -R) and everything else global: refused.
        connection.on("request", (_accept, reject) => reject?.());
      });
      // A client that goes away in mid-packet is no fault of the server's.
      connection.on("error", (error: Error) => log(`ssh: connection ended: ${error.message}`));
      connection.on("close", () => connections.delete(connection));
    },
  );
  const port = await listenAtLastPort(server, options.port, log);
  server.on("error", (error: Error) => log(`ssh: ${error.message}`));
  const second = await listenOnIPv6(server, port);
  return {
    port,
    hasIPv6: second !== undefined,
    close: () =>
      new Promise((resolve) => {
        second?.close();
        server.close(() => resolve());
        for (const connection of connections) connection.end();
      }),
  };
}

/** A second entrance; undefined where this machine has no ::1, or somebody else has the port there. */
function listenOnIPv6(server: Server, port: number): Promise<NetServer | undefined> {
  return new Promise((resolve) => {
    const second = createServer((socket) => server.injectSocket(socket));
    second.once("error", () => resolve(undefined));
    second.listen({ host: "::1", port, ipv6Only: true }, () => resolve(second));
  });
}

function authenticate(attempt: AuthContext, options: SshServerOptions): void {
  const known =
    options.users === undefined ? userName.test(attempt.username) : options.users.includes(attempt.username);
  if (attempt.method !== "publickey") return attempt.reject(["publickey"]);
  const offered = attempt.key.data;
  const wanted = options.authorizedKey.getPublicSSH();
  const same =
    attempt.key.algo === options.authorizedKey.type &&
    offered.length === wanted.length &&
    timingSafeEqual(offered, wanted);
  if (!known || !same) return attempt.reject(["publickey"]);
  // Without a signature the client only asks whether this key would do.
  if (attempt.signature === undefined) return attempt.accept();
  if (attempt.blob === undefined) return attempt.reject(["publickey"]);
  const verified = options.authorizedKey.verify(attempt.blob, attempt.signature, attempt.hashAlgo);
  return verified === true ? attempt.accept() : attempt.reject(["publickey"]);
}

function serveSession(session: Session, user: string, options: SshServerOptions): void {
  const environment: NodeJS.ProcessEnv = options.environment(user);
  let signal: ((name: string) => void) | undefined;
  const start = (channel: ServerChannel, command: string | undefined): void => {
    const context: CommandContext = { command, home: options.home, environment };
    signal = runCommand(channel, context);
  };
  session.on("env", (accept, reject, info) => {
    const { key, val } = info;
    if (!acceptsVariable(key)) return reject?.();
    environment[key] = val;
    accept?.();
  });
  session.on("exec", (accept, _reject, info) => start(accept(), info.command));
  session.on("shell", (accept) => start(accept(), undefined));
  session.on("signal", (accept, _reject, info) => {
    signal?.(info.name);
    accept?.();
  });
  session.on("sftp", (accept) => serveSftp(accept(), { home: options.home, root: options.root }));
  // No terminals: remote steps never ask for one, and `ssh -tt` goes on without, saying so.
  session.on("pty", (_accept, reject) => reject?.());
}

function forward(host: string, port: number, accept: () => ServerChannel, reject: () => void): void {
  const socket = createConnection({ host, port, allowHalfOpen: true });
  socket.once("error", reject);
  socket.once("connect", () => {
    socket.off("error", reject);
    const channel = accept();
    const stop = (): void => {
      socket.destroy();
      channel.close();
    };
    socket.on("error", stop);
    channel.on("error", stop);
    channel.on("close", () => socket.destroy());
    socket.pipe(channel);
    channel.pipe(socket);
  });
}
