import { spawn } from "node:child_process";
import { type AddressInfo, connect } from "node:net";
import { type Connection, Server, utils } from "ssh2";
import { generateSshKey } from "../../common/ssh-key";

export interface TestSshOptions {
  /** Who may log in by key. @default a new key */
  readonly key?: { private: string; public: string };
  /** Accepted beside the key, by password and by keyboard-interactive. @default none */
  readonly password?: string;
  /** Only the dialogue, not the plain password method. @default false */
  readonly onlyKeyboard?: boolean;
  /** @default none is accepted */
  readonly acceptsVariable?: (name: string) => boolean;
}

/** A small SSH server on the loopback that runs commands in /bin/sh. */
export interface TestSsh {
  readonly port: number;
  /** As a stack file has it: `ssh-ed25519 AAAA…` */
  readonly hostKey: string;
  readonly privateKey: string;
  /** How many have logged in, and how often a login was refused. */
  readonly counts: { logins: number; refusals: number; forwards: number };
  /** Every variable that was asked for. */
  readonly variables: string[];
  close(): Promise<void>;
}

export function newKey(): { private: string; public: string } {
  return generateSshKey();
}

export async function startTestSsh(options: TestSshOptions = {}): Promise<TestSsh> {
  const hostKey = newKey();
  const key = options.key ?? newKey();
  const allowed = utils.parseKey(key.public);
  if (allowed instanceof Error) throw allowed;
  const connections = new Set<Connection>();
  const counts = { logins: 0, refusals: 0, forwards: 0 };
  const variables: string[] = [];

  const server = new Server({ hostKeys: [hostKey.private] }, (connection) => {
    connections.add(connection);
    connection.on("error", () => undefined);
    connection.on("close", () => connections.delete(connection));
    connection.on("authentication", (attempt) => {
      const methods = ["publickey" as const, "password" as const, "keyboard-interactive" as const];
      const refuse = () => {
        if (attempt.method !== "none") counts.refusals++;
        attempt.reject(methods);
      };
      if (attempt.method === "publickey" && attempt.key.data.equals(allowed.getPublicSSH())) attempt.accept();
      else if (
        attempt.method === "password" &&
        !options.onlyKeyboard &&
        attempt.password === options.password
      ) {
        attempt.accept();
      } else if (attempt.method === "keyboard-interactive" && options.password !== undefined) {
        attempt.prompt(["Password:", "Again:"], (answers) =>
          answers.every((answer) => answer === options.password) ? attempt.accept() : refuse(),
        );
      } else refuse();
    });
    connection.on("ready", () => {
      counts.logins++;
      connection.on("tcpip", (accept, reject, { destIP, destPort }) => {
        counts.forwards++;
        const socket = connect(destPort, destIP);
        socket.once("connect", () => {
          const channel = accept();
          socket.pipe(channel).pipe(socket);
        });
        socket.once("error", () => reject());
      });
      connection.on("session", (accept) => {
        const session = accept();
        const environment: Record<string, string> = {};
        session.on("env", (acceptEnv, reject, { key: name, val }) => {
          variables.push(name);
          if (!options.acceptsVariable?.(name)) return reject?.();
          environment[name] = val;
          acceptEnv?.();
        });
        session.on("exec", (acceptExec, _reject, { command }) => {
          const channel = acceptExec();
          const child = spawn("/bin/sh", ["-c", command], {
            env: { PATH: process.env["PATH"], ...environment },
          });
          channel.pipe(child.stdin);
          child.stdin.on("error", () => undefined);
          child.stdout.on("data", (chunk) => channel.write(chunk));
          child.stderr.on("data", (chunk) => channel.stderr.write(chunk));
          child.once("close", (code, signal) => {
            if (signal === null) channel.exit(code ?? 0);
            else channel.exit(signal.replace("SIG", ""), false, "");
            channel.end();
          });
        });
      });
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    port: (server.address() as AddressInfo).port,
    hostKey: hostKey.public.trim(),
    privateKey: key.private,
    counts,
    variables,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const connection of connections) connection.end();
      }),
  };
}
