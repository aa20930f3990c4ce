import { sharedConnection } from "../../remote/shared-connections";
import {
  type Commands,
  type ExecResult,
  type OpenOptions,
  runStep,
  SshConnection,
  SshFailure,
} from "../../remote/ssh-client";
import type { Frames } from "../../remote/framing";
import type { HostAccess } from "../../remote/access";
import { localTime } from "./ledger";

/** What the host says while a release goes on, one a line. */
export interface RolloutEvent {
  readonly event: string;
  /** Milliseconds since 1970, by the host's clock. */
  readonly at: number;
  readonly release?: string;
  readonly colour?: string;
  readonly message?: string;
}

/** The last line of the step `rollout`. */
export interface RolloutOutcome {
  readonly release: string;
  readonly colour?: string;
  readonly seconds: number;
  /** False where the release was active already. */
  readonly changed: boolean;
}

/** Exit codes of the step `rollout`, besides those of every step. */
export const rolloutExit = { unhealthy: 21, aborted: 22, refused: 23, locked: 75 } as const;

/** A release that did not come to be. What was printed holds no secret. */
export class RolloutFailure extends Error {
  override readonly name = "RolloutFailure";

  constructor(
    /** Exit code of the step; undefined where a signal ended it. */
    readonly code: number | undefined,
    /** What the step printed on standard error. */
    readonly text: string,
  ) {
    super(text === "" ? `the release ended with ${code ?? "a signal"}` : text);
  }
}

/** How a release is run. */
export interface RolloutRun {
  readonly host: HostAccess;
  readonly project: string;
  /** @default "rollout" */
  readonly step?: "rollout" | "swarm-rollout" | undefined;
  readonly frames: Frames;
  readonly redact?: readonly string[] | undefined;
  /** Told each event once, with the time of arrival. */
  readonly onEvent?: (event: RolloutEvent, heardAt: number) => void;
  /** Told what else is said: waiting for another release, dialling again. */
  readonly onLine?: (line: string) => void;
  readonly open?: OpenOptions;
  /** Connections that may break one after the other without an event in between. @default 5 */
  readonly cutLimit?: number;
}

/**
 * One release, followed from here to its end over one connection, that of the run where it has dialled one; a connection that
 * is cut is made anew, and the worker on the host, which does not need us, is followed again.
 */
export class RolloutFollower {
  /** Connections that were made anew. */
  reconnects = 0;
  private connection: Promise<Commands> | undefined;
  private readonly heard: { readonly at: number; readonly heardAt: number }[] = [];
  private readonly seen = new Set<string>();
  private began = false;

  constructor(private readonly run: RolloutRun) {}

  /**
   * Runs it to its end.
   *
   * @throws RolloutFailure where the host says no; SshFailure where it cannot be reached.
   */
  async finish(): Promise<RolloutOutcome> {
    for (let cuts = 0; ;) {
      const told = this.seen.size;
      try {
        return await this.once();
      } catch (error) {
        if (!(error instanceof SshFailure) || error.kind !== "cut") throw error;
        cuts = this.seen.size > told ? 1 : cuts + 1;
        if (cuts > (this.run.cutLimit ?? 5)) throw error;
        this.reconnects += 1;
        this.run.onLine?.(`${error.message}; the host goes on by itself: following it again`);
        await this.drop();
      }
    }
  }

  /** Runs another step of the project's on the same connection. */
  async step(step: "rollout-abort" | "rollout-ledger" | "releases", frames: Frames): Promise<ExecResult> {
    const { host, project } = this.run;
    const once = async () => runStep(await this.connected(), step, host, project, frames);
    try {
      return await once();
    } catch (error) {
      if (!(error instanceof SshFailure) || error.kind !== "cut") throw error;
      await this.drop();
      return once();
    }
  }

  /** An event's time by the clock here. */
  hereOf(event: RolloutEvent): number {
    return localTime(event.at, this.heard);
  }

  async close(): Promise<void> {
    await this.drop();
  }

  private async once(): Promise<RolloutOutcome> {
    const { host, project, step = "rollout", frames, redact, onLine } = this.run;
    const connection = await this.connected();
    let outcome: RolloutOutcome | undefined;
    const result = await runStep(connection, step, host, project, frames, {
      ...(redact === undefined ? {} : { redact }),
      onStdout: (line) => {
        outcome = this.take(line) ?? outcome;
      },
      onStderr: (line) => {
        if (line.includes("waiting for")) onLine?.(line);
      },
    });
    if (result.code !== 0) throw new RolloutFailure(result.code, result.stderr.trim());
    if (outcome === undefined)
      throw new RolloutFailure(0, "rollout: the host did not say what came of the release");
    // What began before a cut was a change, also if it was at its end when it was found again.
    return this.began ? { ...outcome, changed: true } : outcome;
  }

  /** An event is told; the last line is given back. */
  private take(line: string): RolloutOutcome | undefined {
    const value = parsed(line);
    if (value === undefined) return undefined;
    if (value.step === (this.run.step ?? "rollout")) {
      const { release, colour, seconds, changed } = value;
      return {
        release: String(release),
        ...(typeof colour === "string" ? { colour } : {}),
        seconds: Number(seconds),
        changed: changed !== false,
      };
    }
    if (typeof value.event !== "string" || typeof value.at !== "number") return undefined;
    const event = value as unknown as RolloutEvent;
    const heardAt = Date.now();
    const key = `${event.event} ${event.at} ${event.release ?? ""} ${event.message ?? ""}`;
    if (this.seen.has(key)) return undefined;
    this.seen.add(key);
    this.heard.push({ at: event.at, heardAt });
    if (event.event === "starting" || event.event === "switched") this.began = true;
    this.run.onEvent?.(event, heardAt);
    return undefined;
  }

  private connected(): Promise<Commands> {
    this.connection ??= this.connect();
    return this.connection;
  }

  private async connect(): Promise<Commands> {
    const { host, open, onLine } = this.run;
    const shared = await sharedConnection(host);
    if (shared !== undefined) return shared;
    // After a cut the host may be restarting, which takes longer than a closed port deserves at first.
    const dialErrorLimit = (host.dialErrorLimit ?? 10) * (this.reconnects > 0 ? 2 : 1);
    return SshConnection.open({ ...host, dialErrorLimit }, { log: onLine, ...open });
  }

  private async drop(): Promise<void> {
    const { connection } = this;
    this.connection = undefined;
    await connection?.then(
      (open) => open.close(),
      () => undefined,
    );
  }
}

function parsed(line: string): Record<string, unknown> | undefined {
  if (!line.startsWith("{")) return undefined;
  try {
    return JSON.parse(line) as Record<string, unknown>;
  } catch {
    return undefined;
  }
}

/** What a user is told of a release that did not come to be: what, and the next command. */
export function explainRollout(
  error: unknown,
  { project, stack = "<stack>" }: { readonly project: string; readonly stack?: string | undefined },
):
  | { readonly what: string; readonly value?: string; readonly next: string; readonly code: number }
  | undefined {
  if (error instanceof SshFailure) {
    return { what: error.message, next: error.next, code: error.kind === "cut" ? 20 : 13 };
  }
  if (!(error instanceof RolloutFailure)) return undefined;
  const said = error.text === "" ? {} : { value: `\n${indented(error.text)}` };
  const code = error.code ?? 20;
  switch (error.code) {
    case rolloutExit.unhealthy:
      return {
        what: `the new release of ${project} did not get healthy; it was removed, and what served before serves on`,
        ...said,
        next: `mend what its last lines say and run the same command again; npx groundwork releases -s ${stack} shows what runs`,
        code,
      };
    case rolloutExit.aborted:
      return {
        what: `the new release of ${project} failed after the switch; traffic went back to the one before it`,
        ...said,
        next: `npx groundwork releases -s ${stack} shows what was lost; mend the release and run the same command again`,
        code,
      };
    case rolloutExit.refused:
      return {
        what: `going back was refused: nothing was changed on ${project}`,
        ...said,
        next: error.text.includes("has changed the database")
          ? `run it with --downgrade (npx groundwork rollback -s ${stack} --downgrade), which takes migrations back first; or restore the database as it was then`
          : `npx groundwork releases -s ${stack} shows what the host keeps: go back to another (npx groundwork rollback -s ${stack} --to ID), or release the code of then anew`,
        code,
      };
    case rolloutExit.locked:
      return {
        what: `another release of ${project} is under way, and the time to wait for it is over: nothing was done`,
        ...said,
        next: "wait for it and run the same command again",
        code,
      };
    default:
      return {
        what: `the release of ${project} failed`,
        ...said,
        next: `mend what is said above and run the same command again; npx groundwork releases -s ${stack} shows what runs`,
        code,
      };
  }
}

function indented(text: string): string {
  return text.replace(/^/gm, "  ");
}
