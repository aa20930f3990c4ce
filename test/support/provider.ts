import type { LogSeverity, ProviderDefinition } from "../../sandbox/providers/definition";
import { type Context, Operations } from "../../sandbox/providers/operations";
import { fromWire, type Values } from "../../sandbox/providers/values";

/** A provider's operations for unit tests, without an engine: plain values in, plain values out. */
export interface TestProvider {
  readonly operations: Operations;
  /** Everything logged, `severity: message`. */
  readonly messages: string[];
  /** Aborts what runs, as the engine's cancel does. */
  cancel(): void;
  /** Reasons by property of a check; empty when the inputs are accepted. */
  refusals(type: string, news: Values): Record<string, string>;
  /** Check, then create; throws when check refuses. Secrets unwrapped; {@link Operations} shows which they are. */
  create(type: string, inputs: Values): Promise<{ id: string; outputs: Values }>;
  preview(type: string, inputs: Values): Promise<Values>;
  /** What an update of `before` to `after` would be. */
  decide(type: string, before: Values, after: Values): "same" | "update" | "replace";
  context(type: string): Context;
}

export function testProvider<Config>(definition: ProviderDefinition<Config>): TestProvider {
  const operations = new Operations(definition as unknown as ProviderDefinition<never>);
  const messages: string[] = [];
  const cancelled = new AbortController();
  const seed = new Uint8Array(32);
  const context = (type: string): Context => ({
    urn: `urn:pulumi:test::test::${type}::it`,
    name: "it",
    type,
    config: operations.config,
    signal: cancelled.signal,
    timeoutSeconds: 0,
    secretInputs: new Set(),
    log: (severity: LogSeverity, message: string) => void messages.push(`${severity}: ${message}`),
  });
  const check = (type: string, news: Values) => operations.check(context(type), {}, news, seed);
  const plain = (values: Values) => fromWire(values) as Values;
  return {
    operations,
    messages,
    context,
    cancel: () => cancelled.abort(new Error("cancelled")),
    refusals: (type, news) =>
      Object.fromEntries(check(type, news).failures.map(({ property, reason }) => [property, reason])),
    async create(type, inputs) {
      const checked = check(type, inputs);
      if (checked.failures.length > 0) throw new Error(JSON.stringify(checked.failures));
      const { id, outputs } = await operations.create(context(type), plain(checked.inputs), false);
      return { id, outputs: plain(outputs) };
    },
    preview: async (type, inputs) =>
      (await operations.create(context(type), plain(check(type, inputs).inputs), true)).outputs,
    decide(type, before, after) {
      const checked = (inputs: Values) => plain(check(type, inputs).inputs);
      const { differences } = operations.diff(context(type), "id", checked(before), {}, checked(after));
      if (differences.length === 0) return "same";
      return differences.some(({ replace }) => replace) ? "replace" : "update";
    },
  };
}
