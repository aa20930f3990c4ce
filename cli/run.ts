import colours from "picocolors";
import type { Progress } from "../automation/changes";
import type { Environment, RunOptions, RunResult } from "../automation/environment";
import type { CommandContext } from "./command";
import type { Log } from "../common/log";
import { ledgerLine, readLedger } from "../components/origin/ledger";
import { ProgressLines, countsLine } from "./progress";

type Verb = "preview" | "up" | "refresh" | "destroy";

const headings: Readonly<Record<Verb, (name: string) => string>> = {
  preview: (name) => `previewing ${name}: what is to be done`,
  up: (name) => `bringing ${name} up`,
  refresh: (name) => `reading what is there of ${name}`,
  destroy: (name) => `destroying ${name}`,
};

/**
 * Runs a verb on an environment, each resource told as it is planned or done, and says how many of which at the end.
 *
 * @param expected How many resources are to be told, where a preview has shown it: each is numbered. @default unknown
 * @param onEvent Told every event of the engine. @default nobody
 */
export async function runAndTell(
  environment: Environment,
  verb: Verb,
  { say, signal }: CommandContext,
  expected = 0,
  onEvent?: RunOptions["onEvent"],
): Promise<RunResult & { readonly told: number }> {
  signal.throwIfAborted();
  say(colours.bold(headings[verb](environment.name)));
  const lines = new ProgressLines(say, Date.now, expected);
  const released = new Set<string>();
  const onProgress = (progress: Progress): void => {
    lines.tell(progress);
    if (progress.kind === "step" && progress.step.phase === "done" && progress.step.operation !== "same") {
      const [, origin] = /^(.+)-rollout$/.exec(progress.step.name) ?? [];
      if (origin !== undefined) released.add(origin);
    }
  };
  const options: RunOptions = { onProgress, signal, ...(onEvent === undefined ? {} : { onEvent }) };
  const result = await environment[verb](options);
  say(`${environment.name}: ${countsLine(result.changes, verb !== "preview")}`);
  if (verb === "up" && released.size > 0) await tellLedgers(environment, released, say);
  return { ...result, told: lines.count };
}

/** What the releases of this run have lost, as each origin's ledger says. */
async function tellLedgers(environment: Environment, released: ReadonlySet<string>, say: Log): Promise<void> {
  const outputs = await environment.outputs();
  const ledgers = outputs["ledgers"]?.value as Readonly<Record<string, unknown>> | undefined;
  for (const origin of released) {
    const ledger = readLedger(ledgers?.[origin]);
    if (ledger !== undefined) say(`  ${origin}: release ${ledger.release}: ${ledgerLine(ledger)}`);
  }
}
