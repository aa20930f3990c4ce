import type { Client } from "ssh2";
import { CapturedOutput, type Stream } from "./output";
import { confirmEnvironment } from "./session-environment";

export interface RemoteRun {
  readonly command: string;
  readonly stdin?: string | undefined;
  /** Each has to be accepted by the server. */
  readonly environment: Readonly<Record<string, string>>;
  /** Tried, and let be where the server refuses. */
  readonly optionalEnvironment: Readonly<Record<string, string>>;
  readonly line: (stream: Stream, line: string) => void;
  /** Told each variable that the server refused. */
  readonly refused: (name: string, isNeeded: boolean) => void;
}

export interface RunResult {
  readonly output: CapturedOutput;
  /** Why it failed; undefined when it did not. */
  readonly failure?: string;
}

/** Runs one command on an open connection: no terminal, no time limit, its input closed after `stdin`. */
export function runRemote(client: Client, run: RemoteRun): Promise<RunResult> {
  const output = new CapturedOutput(run.line);
  const env = { ...run.optionalEnvironment, ...run.environment };
  const refused: string[] = [];
  if (Object.keys(env).length > 0) {
    confirmEnvironment(client, (name) => {
      const isNeeded = name in run.environment;
      if (isNeeded) refused.push(name);
      run.refused(name, isNeeded);
      return !isNeeded;
    });
  }
  return new Promise((resolve, reject) => {
    let isDone = false;
    const broken = () => {
      // The connection went away without an exit status, as when the server was stopped.
      if (!isDone)
        resolve({ output, failure: "wait: remote command exited without exit status or exit signal" });
    };
    client.once("close", broken);
    client.exec(run.command, { env }, (error, channel) => {
      if (error !== undefined) {
        isDone = true;
        if (refused.length === 0) return reject(error);
        return reject(new Error(`${refusedText(refused[0]!)}: ssh: setenv failed`));
      }
      let exit: { code: number | null; signal?: string } | undefined;
      channel.on("data", (chunk: Buffer) => output.add("stdout", chunk));
      channel.stderr.on("data", (chunk: Buffer) => output.add("stderr", chunk));
      channel.on("exit", (code: number | null, signal?: string) => {
        exit = { code, ...(signal === undefined ? {} : { signal }) };
      });
      // A command that ends without reading its input closes the pipe: no error of ours.
      channel.on("error", () => undefined);
      channel.on("close", () => {
        isDone = true;
        client.removeListener("close", broken);
        output.end();
        const failure = failureOf(exit);
        resolve({ output, ...(failure === undefined ? {} : { failure }) });
      });
      channel.end(run.stdin ?? "");
    });
  });
}

function failureOf(exit: { code: number | null; signal?: string } | undefined): string | undefined {
  if (exit === undefined) return "wait: remote command exited without exit status or exit signal";
  if (exit.signal !== undefined) {
    const signal = exit.signal.replace(/^SIG/, "");
    return `Process exited with status ${128 + (signals[signal] ?? 0)} from signal ${signal}`;
  }
  return exit.code === 0 ? undefined : `Process exited with status ${exit.code ?? "unknown"}`;
}

const signals: Record<string, number> = {
  HUP: 1,
  INT: 2,
  QUIT: 3,
  ABRT: 6,
  KILL: 9,
  PIPE: 13,
  ALRM: 14,
  TERM: 15,
};

export function refusedText(name: string): string {
  return (
    `Unable to set '${name}'. This only works if your SSH server is configured to accept this variable via AcceptEnv. ` +
    "Alternatively, set the variable in the command itself or give it by stdin"
  );
}
