import { spawn } from "node:child_process";
import { readFileSync, readdirSync } from "node:fs";

/** What several runs of one command took. */
export interface Measurement {
  readonly name: string;
  /** Seconds of each counted run, in order. */
  readonly seconds: readonly number[];
  /** The most memory that the command and all its children held at once, in MiB, over all runs. */
  readonly peakMemory: number;
}

/** One command to measure. */
export interface Subject {
  readonly name: string;
  readonly command: readonly [string, ...string[]];
  readonly cwd: string;
  readonly variables: Readonly<Record<string, string | undefined>>;
}

/**
 * Runs the subjects in turn, A B C A B C …, so that a machine whose speed drifts is slow for all of them alike.
 * The first round warms up and is not counted.
 */
export async function measureInTurn(subjects: readonly Subject[], rounds: number): Promise<Measurement[]> {
  const seconds = new Map<string, number[]>(subjects.map(({ name }) => [name, []]));
  const peaks = new Map<string, number>(subjects.map(({ name }) => [name, 0]));
  for (let round = 0; round <= rounds; round += 1) {
    for (const subject of subjects) {
      const { elapsed, peak } = await once(subject);
      if (round === 0) continue;
      seconds.get(subject.name)?.push(elapsed);
      peaks.set(subject.name, Math.max(peaks.get(subject.name) ?? 0, peak));
    }
  }
  return subjects.map(({ name }) => ({
    name,
    seconds: seconds.get(name) ?? [],
    peakMemory: peaks.get(name) ?? 0,
  }));
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? Number.NaN) + upper) / 2;
}

function once({
  name,
  command: [program, ...args],
  cwd,
  variables,
}: Subject): Promise<{ elapsed: number; peak: number }> {
  return new Promise((resolve, reject) => {
    const started = performance.now();
    const child = spawn(program, args, {
      cwd,
      env: definedOnly({ ...process.env, ...variables }),
      stdio: ["ignore", "pipe", "pipe"],
    });
    // Both: plain `pulumi` says what is wrong on standard output.
    let errors = "";
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding("utf8").on("data", (text: string) => (errors = `${errors}${text}`.slice(-4000)));
    }
    const memory = sampleMemory(child.pid ?? 0);
    child.once("error", reject);
    child.once("close", (code) => {
      memory.end();
      const elapsed = (performance.now() - started) / 1000;
      if (code === 0) resolve({ elapsed, peak: memory.peak() });
      else reject(new Error(`${name}: exit code ${code ?? "none"}\n${errors}`));
    });
  });
}

/** What a process and its descendants held at once at the most, in MiB, looked at ten times a second. */
export interface MemorySamples {
  /** All of them. */
  peak(): number;
  /** The process alone. */
  own(): number;
  end(): void;
}

export function sampleMemory(root: number): MemorySamples {
  let peak = 0;
  let own = 0;
  const look = (): void => {
    const { tree, alone } = treeMemory(root);
    peak = Math.max(peak, tree);
    own = Math.max(own, alone);
  };
  const sampler = setInterval(look, 100);
  return { peak: () => peak, own: () => own, end: () => clearInterval(sampler) };
}

function definedOnly(variables: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(variables).filter(([, value]) => value !== undefined));
}

/** Resident memory of a process and its descendants, in MiB. Linux only; 0 elsewhere. */
function treeMemory(root: number): { readonly tree: number; readonly alone: number } {
  const children = new Map<number, number[]>();
  const memory = new Map<number, number>();
  let entries: string[];
  try {
    entries = readdirSync("/proc").filter((entry) => /^\d+$/.test(entry));
  } catch {
    return { tree: 0, alone: 0 };
  }
  for (const entry of entries) {
    try {
      const status = readFileSync(`/proc/${entry}/status`, "utf8");
      const parent = Number(/^PPid:\s+(\d+)/m.exec(status)?.[1] ?? 0);
      children.set(parent, [...(children.get(parent) ?? []), Number(entry)]);
      memory.set(Number(entry), Number(/^VmRSS:\s+(\d+)/m.exec(status)?.[1] ?? 0) / 1024);
    } catch {
      // Ended while it was looked at.
    }
  }
  const sum = (pid: number): number =>
    (memory.get(pid) ?? 0) + (children.get(pid) ?? []).reduce((total, child) => total + sum(child), 0);
  return { tree: Math.round(sum(root)), alone: Math.round(memory.get(root) ?? 0) };
}
