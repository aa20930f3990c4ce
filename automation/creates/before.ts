/**
 * What is at Cloudflare before something is made whose age nobody tells: none of that is ever taken for the run's own. It is looked
 * for by a hook of the engine, so only where such a thing is to be made, and before that is begun. Until it is known what came of it,
 * that stays on record for the runs that follow, should this one be killed or not be able to look.
 */
import type { ResourceHook, ResourceHookArgs } from "@pulumi/pulumi";
import type { PulumiFn } from "@pulumi/pulumi/automation/index.js";
import type { BeforeRecord } from "../locks/before-record";
import { isUndated, type KnownBefore, type LookBefore } from "../locks/examine";

/** What was there before the creations of a run, and of those that go on from it. */
export class Beforehand {
  private readonly known: Record<string, readonly string[]> = {};
  private recorded: Promise<KnownBefore> | undefined;
  private written: Promise<void> = Promise.resolve();

  constructor(
    private readonly look: LookBefore,
    private readonly record: BeforeRecord,
  ) {}

  /** Ids of what was there before that was begun; undefined where nobody has looked, or could. */
  idsBefore(urn: string): readonly string[] | undefined {
    return this.known[urn];
  }

  /** The same program, whose creations of such things wait for the look. */
  watching(program: PulumiFn): PulumiFn {
    return async () => {
      // Loaded here only: the program has it anyway.
      const { ResourceHook, runtime } = await import("@pulumi/pulumi");
      let hook: ResourceHook | undefined;
      runtime.registerStackTransformation(({ type, props, opts }) => {
        if (!isUndated(type)) return undefined;
        hook ??= new ResourceHook("groundwork-before", (args) => this.lookBefore(args));
        const { hooks } = opts;
        const beforeCreate = [...(hooks?.beforeCreate ?? []), hook];
        return { props, opts: { ...opts, hooks: { ...hooks, beforeCreate } } };
      });
      return program();
    };
  }

  /** To be called before something is made. A look that fails is no reason not to make it: then nothing is known. */
  async lookBefore({
    urn,
    type,
    newInputs = {},
  }: Pick<ResourceHookArgs, "urn" | "type" | "newInputs">): Promise<void> {
    if (this.idsBefore(urn) === undefined) {
      // A new look would find what an earlier run has made.
      const { [urn]: earlier } = await this.onRecord();
      const ids = earlier ?? (await this.look({ urn, type, inputs: newInputs }).catch(() => undefined));
      if (ids === undefined) return;
      this.known[urn] = ids;
    }
    await this.put(() => true);
  }

  /** The run has made everything: nothing is open. */
  async close(): Promise<void> {
    await this.put(() => false);
  }

  /** The run has failed. @param open URNs of creations of which nobody knows what came of them */
  async keep(open: readonly string[]): Promise<void> {
    // Otherwise it has begun none.
    if (this.recorded !== undefined)
      await this.put((urn) => this.idsBefore(urn) === undefined || open.includes(urn));
  }

  private onRecord(): Promise<KnownBefore> {
    return (this.recorded ??= this.record.read().catch(() => ({})));
  }

  /** One after the other: what is written last is whole. */
  private put(isOpen: (urn: string) => boolean): Promise<void> {
    const write = async (): Promise<void> => {
      const all = Object.entries({ ...(await this.recorded), ...this.known });
      await this.record.write(Object.fromEntries(all.filter(([urn]) => isOpen(urn))));
    };
    this.written = this.written.then(write).catch(() => undefined);
    return this.written;
  }
}
