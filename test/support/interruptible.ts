import { type ChildProcess, spawn } from "node:child_process";
import { join } from "node:path";
import { projectRoot } from "../../common/project-root";

/** How a command ended, and all it printed. */
export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly all: string;
}

/** A command in a process group of its own, as a terminal starts it, so that signals reach it as the terminal's do. */
export class InterruptibleCommand {
  readonly ended: Promise<Ended>;
  readonly pid: number;
  private text = "";
  private readonly child: ChildProcess;

  constructor(args: readonly string[], variables: Readonly<Record<string, string>>) {
    this.child = spawn(process.execPath, [join(projectRoot(), "bin", "groundwork.js"), ...args], {
      cwd: projectRoot(),
      env: { ...process.env, NO_COLOR: "1", ...variables },
      detached: true,
      stdio: ["ignore", "pipe", "pipe"],
    });
    this.pid = this.child.pid!;
    for (const stream of [this.child.stdout!, this.child.stderr!]) {
      stream.on("data", (chunk: Buffer) => (this.text += chunk.toString()));
    }
    this.ended = new Promise((resolve, reject) => {
      this.child.once("error", reject);
      // Not "close": what it has started in the background may hold the pipes.
      this.child.once("exit", (code, signal) =>
        setTimeout(() => resolve({ code, signal, all: this.text }), 100),
      );
    });
  }

  /** What it has printed until now, by both streams. */
  get printed(): string {
    return this.text;
  }

  /** Whether it has not ended yet. */
  runs(): boolean {
    return this.child.exitCode === null && this.child.signalCode === null;
  }

  /** Waits until it has printed that. @throws Error when it ends before */
  async until(printed: RegExp): Promise<void> {
    while (!printed.test(this.text)) {
      if (!this.runs()) {
        throw new Error(`it ended before it printed ${printed}:\n${this.text}`);
      }
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  /** Reads no more of what it prints, as a terminal that is closed: its next line fails. */
  hangUp(): void {
    for (const stream of [this.child.stdout!, this.child.stderr!]) stream.destroy();
  }

  /** Sends a signal to the whole group, SIGINT as Ctrl-C does. False where it had ended by itself already. */
  signal(name: NodeJS.Signals): boolean {
    try {
      return process.kill(-this.pid, name);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
      return false;
    }
  }
}
