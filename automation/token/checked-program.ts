import type { PulumiFn } from "@pulumi/pulumi/automation/index.js";
import type { Examine } from "../locks/examine";
import { type ProgramPlace, platformProgram } from "../platform-program";
import { Refusal } from "../refusal";
import type { RunOptions } from "../run";
import type { StackConfig } from "../stack-config";
import { checkTokenBefore } from "./before-up";

/**
 * The platform's program, which asks what the token may do as soon as it has its settings, and makes nothing before it has the
 * answer. To have the settings read first would be one more start of the engine: half a second. What is refused ends the run by
 * {@link signal}.
 *
 * @example
 * const { run: program, signal } = new CheckedProgram({ stack: "staging", directory, configFile: undefined });
 * await stack.up({ program, signal }).catch((error) => { throw signal.aborted ? signal.reason : error; });
 */
export class CheckedProgram {
  /** Settings of which the token was found to be enough for all, and their secrets. */
  config: StackConfig | undefined;
  private readonly refusal = new Refusal();

  constructor(
    private readonly place: ProgramPlace,
    private readonly options: Pick<RunOptions, "log" | "onConfig">,
  ) {}

  /** Aborted where the program does not begin; its reason is why. */
  get signal(): AbortSignal {
    return this.refusal.signal;
  }

  /**
   * Options of a run that ends where the program does not begin. What a killed run has left is looked for at Cloudflare, which
   * is before the program: with a token that is enough.
   *
   * @param config reads the settings
   */
  optionsOf<Options extends RunOptions & { readonly examine: Examine }>(
    options: Options,
    config: () => Promise<StackConfig>,
  ): Options {
    const { examine, signal } = options;
    return {
      ...options,
      signal: this.refusal.with(signal),
      examine: async (...of) => {
        if (this.config === undefined) await this.ask(await config());
        return examine(...of);
      },
    };
  }

  readonly run: PulumiFn = async () => {
    let hasBegun = false;
    try {
      return await platformProgram(this.place, async (config) => {
        await this.ask(config);
        hasBegun = true;
      })();
    } catch (error) {
      if (hasBegun) throw error;
      return this.refusal.refuse(error);
    }
  };

  /** Asks, unless that was done: of settings that had to be read before the run. @throws as {@link checkTokenBefore} */
  async ask(config: StackConfig): Promise<void> {
    if (this.config !== undefined) return;
    await checkTokenBefore(config, this.options.log);
    this.config = config;
    this.options.onConfig?.(config);
  }
}
