import type { EngineEvent } from "@pulumi/pulumi/automation/index.js";
import { stackType } from "../common/engine-values";
import type { Log } from "../common/log";
import { type ChangeCounts, type Progress, nothingToDo, progressOf, withoutColours } from "./changes";
import { type PolicyViolation, PolicyRefusedError } from "./errors";
import { explainFailure } from "./failures";
import type { Examine } from "./locks/examine";
import type { StackConfig } from "./stack-config";

/** Options of a run. */
export interface RunOptions {
  /** Told each step and message as it comes. @default nobody */
  readonly onProgress?: (progress: Progress) => void;
  /** Ends the run as Ctrl-C does: what is under way is finished, nothing new begins. @default never */
  readonly signal?: AbortSignal;
  /** Resources, by URN, that are made anew although nothing of them has changed; for `up` only. @default none */
  readonly replace?: readonly string[];
  /** Reads what is really there first; for `up` and `preview`. @default false */
  readonly refresh?: boolean;
  /** Told every event of the engine as it is, before {@link onProgress}. Events hold secrets. @default nobody */
  readonly onEvent?: (event: EngineEvent) => void;
  /** How long another run that holds the lock is waited for, in milliseconds. @default 0: refused at once */
  readonly lockWait?: number;
  /**
   * What becomes of a lock whose holder is surely gone, and of what that run had not ended. `repair`: the lock is taken
   * off, what is in doubt is told one by one. `refuse`: LeftoverLockError. @default "repair"
   */
  readonly leftovers?: "repair" | "refuse";
  /**
   * Whether the stack file's own policies are looked at before anything is changed; `known` where a preview has just done so.
   * @default "look"
   */
  readonly policies?: "look" | "known";
  /**
   * What `Environment.stateMark` said before this was previewed: where the state is another one once the run holds the lock,
   * nothing is done; for `up`. @default whatever the state is
   */
  readonly stateMark?: string | undefined;
  /** Looks for what creations that were cut short have made. @default at Cloudflare, with the stack's own token */
  readonly examine?: Examine;
  /** Told for whom the run waits and what was repaired, a line each. @default nobody */
  readonly log?: Log;
  /** Settings and secrets that were just read, for the check of the token before `up`. @default those that the program gets */
  readonly config?: StackConfig;
  /**
   * Told what the environment is described by, with its secrets, as soon as the run has read it; for `up` and `preview`. To read
   * it by {@link Environment.config} first is one more start of the engine. A program of one's own tells nothing, except where
   * the token is checked. @default nobody
   */
  readonly onConfig?: (config: StackConfig) => void;
}

/** What a run did, or would do. */
export interface RunResult {
  /** Resources by operation (`create`, `update`, `same` …). */
  readonly changes: ChangeCounts;
  /** True where nothing differs from what is described. */
  readonly unchanged: boolean;
  /** The stack's outputs as the engine tells them: secrets are `[secret]`. Empty where the run told none. */
  readonly outputs: Readonly<Record<string, unknown>>;
}

/** Takes the events of a run: hands them on, and keeps what its end is told by. */
export class RunWatch {
  private changes: ChangeCounts = {};
  private outputs: Readonly<Record<string, unknown>> = {};
  private readonly errors: string[] = [];
  private readonly violations: PolicyViolation[] = [];

  constructor(
    private readonly verb: string,
    private readonly stack: string,
    private readonly options: Pick<RunOptions, "onEvent" | "onProgress">,
  ) {}

  readonly add = (event: EngineEvent): void => {
    this.options.onEvent?.(event);
    if (event.summaryEvent !== undefined) this.changes = event.summaryEvent.resourceChanges;
    const told = event.resOutputsEvent?.metadata;
    if (told?.type === stackType) this.outputs = told.new?.outputs ?? {};
    if (event.policyEvent?.enforcementLevel === "mandatory") {
      const { policyName, policyPackName, resourceUrn, message } = event.policyEvent;
      this.violations.push({
        policy: policyName,
        pack: policyPackName,
        text: withoutColours(message).trim(),
        ...(resourceUrn ? { urn: resourceUrn } : {}),
      });
    }
    const progress = progressOf(event);
    if (progress === undefined) return;
    if (progress.kind === "diagnostic" && progress.diagnostic.severity === "error") {
      this.errors.push(progress.diagnostic.message);
    }
    this.options.onProgress?.(progress);
  };

  /** Whether a mandatory policy was broken. */
  get isRefused(): boolean {
    return this.violations.length > 0;
  }

  result(): RunResult {
    const { changes, outputs } = this;
    return { changes, unchanged: nothingToDo(changes), outputs };
  }

  /** The error that a failed run is told by. */
  failure(cause: unknown): Error {
    if (this.violations.length > 0)
      return new PolicyRefusedError(this.verb, this.stack, this.violations, cause);
    return explainFailure(this.verb, this.stack, this.errors, cause);
  }
}
