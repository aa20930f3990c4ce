import type { PulumiFn } from "@pulumi/pulumi/automation/index.js";
import { UserError } from "../../common/user-error";
import { Refusal } from "../refusal";
import type { RunOptions } from "../run";

/** Another run has changed the state since what is to run was looked at. Nothing was run. */
export class StateChangedError extends UserError {
  constructor(stack: string) {
    super({
      what: `another run has changed ${stack} since the preview: nothing was run`,
      allowed: "the state that the preview has read",
      next: "the same command again: it previews again",
    });
  }
}

/**
 * Runs a program that begins only where the state is the one of `options.stateMark`. The engine asks for a program once it holds the
 * lock and before it writes anything but the stack itself: from then on nobody else changes the state.
 *
 * @throws StateChangedError where it is another one
 */
export async function onSameState<Options extends RunOptions, Result>(
  stack: { readonly name: string; readonly stateMark: () => Promise<string | undefined> },
  options: Options,
  program: PulumiFn,
  run: (options: Options, program: PulumiFn) => Promise<Result>,
): Promise<Result> {
  const { stateMark } = options;
  if (stateMark === undefined) return run(options, program);
  const refusal = new Refusal();
  // Where the run goes on after a failure, the state is its own.
  let hasBegun = false;
  const held: PulumiFn = async () => {
    if (!hasBegun && (await stack.stateMark()) !== stateMark)
      return refusal.refuse(new StateChangedError(stack.name));
    hasBegun = true;
    return program();
  };
  try {
    return await run({ ...options, signal: refusal.with(options.signal) }, held);
  } catch (error) {
    refusal.signal.throwIfAborted();
    throw error;
  }
}
