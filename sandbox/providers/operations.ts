import {
  type CheckFailure,
  type CreateRequest,
  type DeleteRequest,
  type DiffResult,
  type InputDefinition,
  type OperationContext,
  PartialFailure,
  type ProviderDefinition,
  type ReadRequest,
  type ResourceDefinition,
  type UpdateRequest,
} from "./definition";
import { differences } from "./differences";
import { containsUnknown, isSecret, isUnknown, sameValue, secret, UNKNOWN, type Values } from "./values";

/** Which resource an operation is about, and what it may use. The type's definition is looked up here. */
export type Context = OperationContext<unknown>;

/**
 * What the engine asks of a provider, in plain values: the definition's own functions, and around them all that
 * follows from its tables. Holds no state but the configuration.
 */
export class Operations {
  config: unknown = undefined;

  constructor(readonly provider: ProviderDefinition<never>) {}

  checkConfig(news: Values): { inputs: Values; failures: CheckFailure[] } {
    // The engine's own keys, and `version` and friends of explicit providers, are no settings of ours.
    const settings = Object.fromEntries(
      Object.entries(news).filter(([name]) => name !== "version" && !name.startsWith("__")),
    );
    const result = checkTable(this.provider.config ?? {}, settings, `provider ${this.provider.name}`);
    return { inputs: { ...news, ...result.inputs }, failures: result.failures };
  }

  diffConfig(olds: Values, news: Values): DiffResult {
    return { differences: differences(olds, news, (name) => this.provider.config?.[name]?.replace ?? false) };
  }

  async configure(settings: Values): Promise<void> {
    this.config = await this.provider.configure?.(settings);
  }

  check(
    context: Context,
    olds: Values,
    news: Values,
    randomSeed: Uint8Array,
  ): { inputs: Values; failures: CheckFailure[] } {
    const definition = this.definition(context.type);
    const table = checkTable(definition.inputs, news, context.type);
    const own = definition.check?.({ ...context, olds, news: table.inputs, randomSeed });
    const inputs = { ...(own?.inputs ?? table.inputs) };
    for (const [name, { secret: isAlways }] of Object.entries(definition.inputs)) {
      if (isAlways === true && inputs[name] !== undefined) inputs[name] = secret(inputs[name]);
    }
    return { inputs, failures: [...table.failures, ...(own?.failures ?? [])] };
  }

  diff(context: Context, id: string, oldInputs: Values, oldOutputs: Values, news: Values): DiffResult {
    const definition = this.definition(context.type);
    const standard = {
      differences: differences(
        { ...implied(definition, news), ...oldInputs },
        { ...implied(definition, oldInputs), ...news },
        (name) => definition.update === undefined || (definition.inputs[name]?.replace ?? false),
      ),
    };
    return definition.diff?.({ ...context, id, oldInputs, oldOutputs, news }, standard) ?? standard;
  }

  async create(context: Context, inputs: Values, preview: boolean): Promise<{ id: string; outputs: Values }> {
    const definition = this.definition(context.type);
    const request: CreateRequest<unknown> = { ...context, inputs };
    if (preview) {
      const unknown = Object.fromEntries((definition.computed ?? []).map((name) => [name, UNKNOWN]));
      const outputs = definition.previewCreate?.(request) ?? {
        ...unknown,
        ...implied(definition),
        ...inputs,
      };
      return { id: "", outputs: markSecrets(definition, outputs) };
    }
    const merged = (made: Values) => markSecrets(definition, { ...implied(definition), ...inputs, ...made });
    const { id, outputs } = await whole(definition.create(request), merged);
    return { id, outputs: merged(outputs) };
  }

  async update(
    context: Context,
    id: string,
    oldInputs: Values,
    oldOutputs: Values,
    inputs: Values,
    preview: boolean,
  ): Promise<Values> {
    const definition = this.definition(context.type);
    // An input that was taken away is no output any more; what the provider itself computed stays.
    const kept = Object.fromEntries(
      Object.entries(oldOutputs).filter(([name]) => name in inputs || !(name in oldInputs)),
    );
    if (preview) {
      const recomputed = (definition.recomputedOnUpdate ?? []).filter((name) => name in oldOutputs);
      const unknown = Object.fromEntries(recomputed.map((name) => [name, UNKNOWN]));
      return markSecrets(definition, { ...kept, ...unknown, ...implied(definition), ...inputs });
    }
    if (definition.update === undefined) throw new Error(`${context.type} cannot be changed in place`);
    const request: UpdateRequest<unknown> = { ...context, id, oldInputs, oldOutputs, inputs };
    const merged = (made: Values) =>
      markSecrets(definition, { ...kept, ...implied(definition), ...inputs, ...made });
    return merged(await whole(definition.update(request), merged));
  }

  async delete(context: Context, id: string, oldInputs: Values, oldOutputs: Values): Promise<void> {
    const request: DeleteRequest<unknown> = { ...context, id, oldInputs, oldOutputs };
    await this.definition(context.type).delete?.(request);
  }

  /** Undefined when the resource is gone. */
  async read(
    context: Context,
    id: string,
    oldInputs: Values,
    oldOutputs: Values,
  ): Promise<{ id: string; inputs: Values; outputs: Values } | undefined> {
    const definition = this.definition(context.type);
    const isImport = Object.keys(oldOutputs).length === 0;
    if (definition.read === undefined) {
      if (isImport) throw new Error(`${context.type} cannot be imported: nothing can be read back of it`);
      return { id, inputs: oldInputs, outputs: markSecrets(definition, oldOutputs) };
    }
    const request: ReadRequest<unknown> = { ...context, id, oldInputs, oldOutputs, isImport };
    const found = await definition.read(request);
    if (found === undefined) return undefined;
    const { outputs } = found;
    const wanted = isImport ? Object.keys(definition.inputs) : Object.keys(oldInputs);
    const inputs =
      found.inputs ??
      Object.fromEntries(
        wanted.filter((name) => outputs[name] !== undefined).map((name) => [name, outputs[name]]),
      );
    return { id: found.id ?? id, inputs, outputs: markSecrets(definition, outputs) };
  }

  async invoke(
    token: string,
    args: Values,
    context: Omit<Context, "urn" | "name" | "type">,
  ): Promise<Values> {
    const run = this.provider.invokes?.[token];
    if (run === undefined) {
      throw new Error(
        `unknown function ${token}: this provider of ${this.provider.name} has ${list(this.provider.invokes ?? {})}`,
      );
    }
    return run(args, { ...context, config: this.config as never });
  }

  private definition(type: string): ResourceDefinition {
    const resources = this.provider.resources as Readonly<Record<string, ResourceDefinition>>;
    const definition = resources[type];
    if (definition === undefined) {
      throw new Error(
        `unknown resource type ${type}: this provider of ${this.provider.name} has ${list(resources)}`,
      );
    }
    return definition;
  }
}

/** A partial failure's outputs are completed as those of a success are. */
async function whole<Result>(
  running: Promise<Result>,
  complete: (outputs: Values) => Values,
): Promise<Result> {
  try {
    return await running;
  } catch (error) {
    if (!(error instanceof PartialFailure)) throw error;
    throw new PartialFailure(error.id, complete(error.outputs), error.reasons);
  }
}

/** What absent inputs mean, by name; only of those that `among` has when that is given. */
function implied(definition: ResourceDefinition, among?: Values): Values {
  return Object.fromEntries(
    Object.entries(definition.inputs)
      .filter(([name, input]) => input.implied !== undefined && (among === undefined || name in among))
      .map(([name, input]) => [name, input.implied]),
  );
}

function list(table: Readonly<Record<string, unknown>>): string {
  return Object.keys(table).sort().join(", ") || "none";
}

function markSecrets(definition: ResourceDefinition, outputs: Values): Values {
  const always = Object.entries(definition.inputs).filter(([, input]) => input.secret === true);
  const names = [...(definition.secretOutputs ?? []), ...always.map(([name]) => name)];
  const marked = { ...outputs };
  for (const name of names) {
    const value = marked[name];
    if (value !== undefined && !isUnknown(value) && !isSecret(value)) marked[name] = secret(value);
  }
  return marked;
}

/** Fills in defaults; reports inputs that are missing, not known, or none of the allowed values. */
export function checkTable(
  table: Readonly<Record<string, InputDefinition>>,
  news: Values,
  owner: string,
): { inputs: Values; failures: CheckFailure[] } {
  const inputs = { ...news };
  const failures: CheckFailure[] = [];
  for (const name of Object.keys(news)) {
    if (table[name] === undefined && !name.startsWith("__")) {
      failures.push({ property: name, reason: `${owner} has no input "${name}"; it has ${list(table)}` });
    }
  }
  for (const [name, definition] of Object.entries(table)) {
    const value = inputs[name];
    if (value === undefined) {
      if (definition.default !== undefined) inputs[name] = definition.default;
      else if (definition.required === true) {
        failures.push({ property: name, reason: `${owner} needs the input "${name}"` });
      }
    } else if (
      definition.oneOf !== undefined &&
      !containsUnknown(value) &&
      !definition.oneOf.some((allowed) => sameValue(allowed, value))
    ) {
      // A secret input's value must not end up in a message.
      const received = definition.secret === true ? "" : `, not ${JSON.stringify(value)}`;
      failures.push({
        property: name,
        reason: `"${name}" has to be one of ${definition.oneOf.join(", ")}${received}`,
      });
    }
  }
  return { inputs, failures };
}
