import colours from "picocolors";
import type { Progress } from "../automation/changes";
import type { Environment, RunOptions, RunResult } from "../automation/environment";
import type { StackConfig } from "../automation/stack-config";
import type { CommandContext } from "./command";
import type { Log } from "../common/log";
import type { Sections } from "../report";
import { ledgerLine, readLedger } from "../components/origin/ledger";
import { jsonAnswer } from "./json/answer";
import { ProgressLines, countsLine } from "./progress";
import { beginReport, type ReportInTheMaking } from "./report-in-the-making";

type Verb = "preview" | "up" | "refresh" | "destroy";

const headings: Readonly<Record<Verb, (name: string) => string>> = {
  preview: (name) => `previewing ${name}: what is to be done`,
  up: (name) => `bringing ${name} up`,
  refresh: (name) => `reading what is there of ${name}`,
  destroy: (name) => `destroying ${name}`,
};

/** How a run is told, beside its lines. */
export interface Telling {
  /** How many resources are to be told, where a preview has shown it: each is numbered. @default unknown */
  readonly expected?: number;
  /** Told every event of the engine. @default nobody */
  readonly onEvent?: RunOptions["onEvent"];
  /** How the engine is to run. @default as it does by itself */
  readonly run?: Pick<RunOptions, "config" | "lockWait" | "onConfig" | "policies" | "refresh" | "stateMark">;
  /** Prints the report as JSON at the end, whatever the end is. @default false */
  readonly json?: boolean;
  /** A report that somebody else makes of this run, with what is told here. @default its own, where it is printed */
  readonly report?: ReportInTheMaking;
  /** What is added to the report of a run that went well. @default nothing */
  readonly sections?: () => Promise<Sections>;
}

/** What a run came to. */
export interface ToldRun extends RunResult {
  /** How many resources were told. */
  readonly told: number;
  /** Names of those with which something was done. */
  readonly done: ReadonlySet<string>;
}

/** Runs a verb on an environment, each resource told as it is planned or done, and says how many of which at the end. */
export async function runAndTell(
  environment: Environment,
  verb: Verb,
  context: CommandContext,
  { json = false, report: given, sections = () => Promise.resolve({}), ...telling }: Telling = {},
): Promise<ToldRun> {
  const report = given ?? (json ? await beginOwn(environment, verb, telling.run?.config) : undefined);
  if (report === undefined) return runInLines(environment, verb, context, telling);
  const all = {
    ...telling,
    onEvent: inTurn(report.add, telling.onEvent),
    run: { ...telling.run, onConfig: inTurn(report.onConfig, telling.run?.onConfig) },
  };
  const print = async (
    result: "planned" | "succeeded" | "failed" | "cancelled",
    further?: () => Promise<Sections>,
  ): Promise<void> => {
    if (json) context.print(jsonAnswer(verb, await report.report({ result, ...(await further?.()) })));
  };
  try {
    const result = await runInLines(environment, verb, context, all);
    await print(verb === "preview" ? "planned" : "succeeded", sections);
    return result;
  } catch (error) {
    await print(context.signal.aborted ? "cancelled" : "failed");
    throw error;
  }
}

async function beginOwn(
  environment: Environment,
  verb: Verb,
  given: StackConfig | undefined,
): Promise<ReportInTheMaking> {
  // Those two run no program that could tell the settings, and afterwards there may be no stack left to ask.
  const isTold = verb === "preview" || verb === "up";
  const config = given ?? (isTold ? undefined : await environment.config().catch(() => undefined));
  return beginReport(environment, verb, { config });
}

/** Tells the same to both. */
export function inTurn<T>(first: (told: T) => void, second?: (told: T) => void): (told: T) => void {
  return (told) => {
    first(told);
    second?.(told);
  };
}

async function runInLines(
  environment: Environment,
  verb: Verb,
  { say, signal }: CommandContext,
  { expected = 0, onEvent, run }: Omit<Telling, "json">,
): Promise<ToldRun> {
  signal.throwIfAborted();
  say(colours.bold(headings[verb](environment.name)));
  const lines = new ProgressLines(say, Date.now, expected);
  const done = new Set<string>();
  const onProgress = (progress: Progress): void => {
    lines.tell(progress);
    if (progress.kind === "step" && progress.step.phase === "done" && progress.step.operation !== "same") {
      done.add(progress.step.name);
    }
  };
  const options: RunOptions = {
    onProgress,
    signal,
    log: say,
    ...run,
    ...(onEvent === undefined ? {} : { onEvent }),
  };
  const result = await environment[verb](options);
  say(`${environment.name}: ${countsLine(result.changes, verb !== "preview")}`);
  if (verb === "up") tellLedgers(result.outputs["ledgers"], done, say);
  return { ...result, told: lines.count, done };
}

/** What the releases of this run have lost, as each origin's ledger says. */
function tellLedgers(ledgers: unknown, done: ReadonlySet<string>, say: Log): void {
  for (const name of done) {
    const [, origin] = /^(.+)-rollout$/.exec(name) ?? [];
    if (origin === undefined) continue;
    const ledger = readLedger((ledgers as Readonly<Record<string, unknown>> | undefined)?.[origin]);
    if (ledger !== undefined) say(`  ${origin}: release ${ledger.release}: ${ledgerLine(ledger)}`);
  }
}
