import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { Agent, request as httpRequest } from "node:http";
import { connect } from "node:net";
import { Duplex } from "node:stream";

/** Where the Docker daemon is, as the provider's settings have it. */
export interface DockerHost {
  /** `unix:///path`, `ssh://user@host:port` or `tcp://host:port`. */
  readonly host: string;
  /** Further arguments of `ssh`. */
  readonly sshOpts: readonly string[];
}

/** An answer other than success. */
export class DockerError extends Error {
  constructor(
    readonly status: number,
    what: string,
    message: string,
  ) {
    super(`${what}: ${message} (status ${status})`);
  }
}

/** The Docker Engine API, as far as it is used here. */
export interface DockerApi {
  /** The decoded answer: JSON, or text where it is none. */
  call(
    method: string,
    path: string,
    body?: unknown,
    headers?: Readonly<Record<string, string>>,
  ): Promise<unknown>;
  /** The same; undefined when there is no such thing. */
  find(path: string): Promise<unknown>;
}

export const defaultHost = "unix:///var/run/docker.sock";

/** Talks to the daemon directly, or through `docker system dial-stdio` at the other end of an ssh. */
export function dockerApi({ host, sshOpts }: DockerHost): DockerApi {
  const open = opener(host, sshOpts);
  const call: DockerApi["call"] = (method, path, body, headers = {}) =>
    new Promise((resolve, reject) => {
      const what = `docker ${method} ${path.replace(/\?.*/, "")}`;
      const unreachable = (error: Error) =>
        reject(new Error(`cannot reach the Docker daemon at ${host}: ${error.message}`, { cause: error }));
      const connection = open(unreachable);
      const agent = new Agent({ keepAlive: false });
      // The way is ours, so the name in the URL is of no concern.
      agent.createConnection = () => connection;
      const content =
        body === undefined ? undefined : Buffer.isBuffer(body) ? body : Buffer.from(JSON.stringify(body));
      const type = Buffer.isBuffer(body) ? "application/x-tar" : "application/json";
      const outgoing = httpRequest(
        {
          agent,
          method,
          path,
          host: "docker",
          headers: {
            ...(content === undefined ? {} : { "Content-Type": type, "Content-Length": content.length }),
            ...headers,
          },
        },
        (response) => {
          const chunks: Buffer[] = [];
          response.on("data", (chunk: Buffer) => chunks.push(chunk));
          response.on("end", () => {
            connection.destroy();
            const answer = decoded(Buffer.concat(chunks).toString());
            const status = response.statusCode ?? 0;
            if (status < 400) return resolve(answer);
            const message = (answer as { message?: string } | undefined)?.message;
            reject(new DockerError(status, what, message ?? String(response.statusMessage)));
          });
        },
      );
      outgoing.once("error", unreachable);
      outgoing.end(content);
    });
  return {
    call,
    async find(path) {
      try {
        return await call("GET", path);
      } catch (error) {
        if (error instanceof DockerError && error.status === 404) return undefined;
        throw error;
      }
    },
  };
}

/** A stream of JSON documents (pull, push, build) is given as a list. */
function decoded(text: string): unknown {
  if (text === "") return undefined;
  try {
    return JSON.parse(text);
  } catch {
    const lines = text.split("\n").filter((line) => line.trim() !== "");
    try {
      return lines.map((line) => JSON.parse(line) as unknown);
    } catch {
      return text;
    }
  }
}

function opener(host: string, sshOpts: readonly string[]): (failed: (error: Error) => void) => Duplex {
  const url = parsedHost(host);
  switch (url.protocol) {
    case "unix:":
      return () => connect(decodeURIComponent(url.pathname));
    case "tcp:":
      return () => connect(Number(url.port) || 2375, url.hostname);
    case "ssh:":
      return (failed) => {
        const login = url.username === "" ? [] : ["-l", decodeURIComponent(url.username)];
        const port = url.port === "" ? [] : ["-p", url.port];
        const name = url.hostname.replace(/^\[|\]$/g, "");
        const child = spawn("ssh", [...sshOpts, ...login, ...port, "--", name, "docker system dial-stdio"], {
          env: process.env,
          stdio: "pipe",
        });
        return duplexOf(child, failed);
      };
    default:
      throw new Error(`host ${host} is not supported: it has to begin with unix://, ssh:// or tcp://`);
  }
}

function parsedHost(host: string): URL {
  try {
    return new URL(host);
  } catch {
    throw new Error(`host ${host} is no address: it has to begin with unix://, ssh:// or tcp://`);
  }
}

/** The program's two ends as one stream; what it says on stderr explains an early end. */
function duplexOf(child: ChildProcessWithoutNullStreams, failed: (error: Error) => void): Duplex {
  let said = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => (said += text));
  child.once("error", failed);
  child.stdin.on("error", () => undefined);
  const stream = new Duplex({
    read: () => void child.stdout.resume(),
    write: (chunk, _encoding, done) => child.stdin.write(chunk, () => done()),
    final: (done) => child.stdin.end(() => done()),
    destroy(error, done) {
      child.kill();
      done(error);
    },
  });
  child.stdout.on("data", (chunk: Buffer) => {
    if (!stream.push(chunk)) child.stdout.pause();
  });
  // Told after the streams are drained, so that the reason stands before the bare end of the connection.
  child.once("close", (code) => {
    if (code !== 0 && code !== null) failed(new Error(said.trim() || `ssh ended with status ${code}`));
    stream.push(null);
  });
  // Nothing of a socket but these is asked of it by the HTTP client.
  const nothing = () => stream;
  return Object.assign(stream, {
    setTimeout: nothing,
    setNoDelay: nothing,
    setKeepAlive: nothing,
    ref: nothing,
    unref: nothing,
  });
}
