/** Turns a {@link ResourceTable} into what the scaffold serves. No table needs code of its own for the usual. */
import {
  type CheckFailure,
  type InputDefinition,
  PartialFailure,
  type ResourceDefinition,
} from "../definition";
import { isObject, type Value, type Values } from "../values";
import { changedBody, wholeBody } from "./body";
import { checkShape } from "./check";
import { ApiError, type Client } from "./client";
import { compare } from "./compare";
import { fillPath, idOf, importForm, parseImportId, placeholders } from "./paths";
import { type Field, type FieldRules, resourceShape, type Shape } from "./shape";
import { inputsOf, previewOf, stateAfterRead, stateAfterWrite, wantedOf, withSecrets } from "./state";
import type { Call, Operation, ResourceTable } from "./table";

/** The configuration of the provider is the client to call. */
export type CloudflareResource = ResourceDefinition<Client>;

export function defineResource(table: ResourceTable): [token: string, definition: CloudflareResource] {
  const shape = shapeOf(table);
  return [shape.token, new Resource(table, shape).definition()];
}

/** The resource's properties with every rule of its table. */
export function shapeOf(table: ResourceTable): Shape {
  return resourceShape(table.name, { names: table.names, rules: rulesOf(table) });
}

/** What follows from the paths and the list of replacing properties. */
function rulesOf(table: ResourceTable): FieldRules {
  const rules: Record<string, FieldRules[string]> = { ...table.rules };
  for (const name of table.replace) rules[name] = { ...rules[name], replace: true };
  for (const name of placeholders(table)) rules[name] = { local: true, ...rules[name] };
  return rules;
}

interface Target {
  readonly client: Client;
  readonly signal: AbortSignal;
}

class Resource {
  private readonly fields: readonly Field[];

  constructor(
    private readonly table: ResourceTable,
    private readonly shape: Shape,
  ) {
    this.fields = shape.fields;
  }

  definition(): CloudflareResource {
    const { table, fields } = this;
    const isInput = ({ kind }: Field) => kind !== "computed";
    const inputs = fields.filter(isInput).map((field) => [field.name, inputDefinition(field)] as const);
    return {
      inputs: Object.fromEntries(inputs),
      computed: fields.filter((field) => !isInput(field)).map(({ name }) => name),
      secretOutputs: fields.filter((field) => !isInput(field) && field.rule.secret).map(({ name }) => name),
      recomputedOnUpdate: table.recomputed ?? [],
      check: ({ news }) => ({ inputs: withSecrets(fields, news), failures: this.failures(news) }),
      diff: ({ oldInputs, oldOutputs, news }) => {
        const differences = compare(fields, this.wanted(news), oldOutputs, oldInputs);
        const isFixed = table.update === undefined;
        return { differences: differences.map((one) => ({ ...one, replace: isFixed || one.replace })) };
      },
      previewCreate: ({ inputs: news }) => withSecrets(fields, previewOf(fields, this.wanted(news))),
      create: async ({ inputs: news, config, signal, name }) => {
        const { state, id } = await this.create({ client: config, signal }, this.wanted(news), name);
        return { id, outputs: withSecrets(fields, state) };
      },
      update: async ({ id, inputs: news, oldOutputs, config, signal }) => {
        const target = { client: config, signal };
        const state = await this.update(target, id, this.wanted(news), oldOutputs);
        return withSecrets(fields, state);
      },
      ...(table.delete === undefined
        ? {}
        : {
            delete: ({ id, oldOutputs, config, signal }) =>
              this.delete({ client: config, signal }, id, oldOutputs),
          }),
      read: async ({ id, oldInputs, oldOutputs, isImport, config, signal }) => {
        if (table.read === undefined && !isImport)
          return { outputs: withSecrets(fields, oldOutputs), inputs: oldInputs };
        const parts = this.importParts(id, isImport);
        const { id: _, ...address } = parts;
        const recorded = { ...oldOutputs, ...address };
        const found = await this.read({ client: config, signal }, parts["id"] ?? id, recorded);
        if (found === undefined) return undefined;
        const { state, answer } = found;
        const given = isImport ? undefined : oldInputs;
        return {
          id: idOf(table, state, answer, typeof parts["id"] === "string" ? parts["id"] : id),
          outputs: withSecrets(fields, state),
          inputs: withSecrets(fields, inputsOf(fields, given, state)),
        };
      },
    };
  }

  private wanted(inputs: Values): Values {
    const wanted = wantedOf(this.fields, inputs);
    return this.table.complete?.(wanted) ?? wanted;
  }

  private failures(inputs: Values): CheckFailure[] {
    const own = checkShape(this.fields, inputs);
    return own.length > 0 ? own : [...(this.table.check?.(inputs) ?? [])];
  }

  private async create(target: Target, wanted: Values, name: string): Promise<{ id: string; state: Values }> {
    const { table } = this;
    const request = (call: Call) => this.send(target, "read", call, wanted, {}, wanted);
    await table.beforeCreate?.(wanted, request);
    const body = wholeBody(this.fields, wanted);
    let answer: Value;
    try {
      answer = await this.send(target, "create", table.create, wanted, {}, wanted, body);
    } catch (error) {
      throw this.explained(error, wanted, name);
    }
    let answered = this.answerOf(answer, wanted);
    let state = stateAfterWrite(this.fields, wanted, answered);
    if (table.read !== undefined && table.readAfterCreate?.(answered)) {
      try {
        answered = this.answerOf(await request(table.read), wanted);
      } catch (error) {
        // It is there: forgetting it would leave it behind for ever.
        const reason = error instanceof Error ? error.message : String(error);
        throw new PartialFailure(idOf(table, state, answered), withSecrets(this.fields, state), [reason]);
      }
      state = stateAfterWrite(this.fields, wanted, answered);
    }
    return { id: idOf(table, state, answered), state };
  }

  private async update(target: Target, id: string, wanted: Values, recorded: Values): Promise<Values> {
    const calls = listOf(this.table.update);
    const state = { ...recorded, ...wanted, id };
    let answer: Value;
    for (const call of calls) {
      const body = call.startsWith("PATCH")
        ? changedBody(this.fields, wanted, recorded)
        : call.startsWith("DELETE")
          ? undefined
          : wholeBody(this.fields, wanted, recorded);
      answer = await this.send(target, "update", call, state, recorded, wanted, body);
    }
    const answered = this.answerOf(answer, recorded);
    const after = stateAfterWrite(this.fields, wanted, answered);
    const missing = this.fields.filter(
      ({ name, kind, answer: key }) =>
        (kind === "computed" || kind === "filled") &&
        after[name] === undefined &&
        answered[key] === undefined,
    );
    const kept = Object.fromEntries(missing.map(({ name }) => [name, recorded[name]]));
    const gone = Object.fromEntries(this.fields.map(({ name }) => [name, undefined]));
    return { ...gone, ...kept, ...after };
  }

  private async delete(target: Target, id: string, recorded: Values): Promise<void> {
    for (const call of listOf(this.table.delete)) {
      try {
        const body = call.startsWith("DELETE") ? undefined : {};
        await this.send(target, "delete", call, { ...recorded, id }, recorded, recorded, body);
      } catch (error) {
        if (!(error instanceof ApiError) || error.status !== 404) throw error;
      }
    }
  }

  /** Undefined when it is gone. */
  private async read(
    target: Target,
    id: Value,
    recorded: Values,
  ): Promise<{ state: Values; answer: Values } | undefined> {
    const { table } = this;
    if (table.read === undefined)
      throw new Error(`${this.shape.token} cannot be imported: nothing can be read of it`);
    let answer: Value;
    try {
      answer = await this.send(target, "read", table.read, { ...recorded, id }, recorded, recorded);
    } catch (error) {
      if (error instanceof ApiError && error.status === 404) return undefined;
      throw error;
    }
    const answered = this.answerOf(answer, recorded);
    if (table.isGone?.(answered)) return undefined;
    return { state: stateAfterRead(this.fields, recorded, answered), answer: answered };
  }

  private answerOf(answer: Value, recorded: Values): Values {
    const changed = this.table.fromAnswer ? this.table.fromAnswer(answer, recorded) : answer;
    return isObject(changed) ? changed : {};
  }

  private async send(
    { client, signal }: Target,
    operation: Operation,
    call: Call,
    state: Values,
    recorded: Values,
    wanted: Values,
    body?: Values,
  ): Promise<Value> {
    const { table } = this;
    const [method, template] = call.split(" ", 2) as [string, string];
    const context = { operation, method, wanted, recorded };
    const sent = body === undefined ? undefined : table.toBody ? table.toBody(body, context) : body;
    const headers = { ...table.headers?.(state), ...table.toHeaders?.(context) };
    const path = fillPath(template, state, this.shape.token);
    return (await client.call({ method, path, body: sent, headers, signal })).result;
  }

  /** The parts of an import's id; nothing where the id is that of the state. */
  private importParts(id: string, isImport: boolean): Values {
    const { importId } = this.table;
    const parts = importId === undefined ? undefined : parseImportId(importId, id);
    if (parts !== undefined && (isImport || id.includes("/"))) return parts;
    if (!isImport) return {};
    const form = importId === undefined ? undefined : importForm(importId, {});
    throw new Error(
      form === undefined
        ? `${this.shape.token} cannot be imported: Cloudflare gives it no id of its own`
        : `"${id}" is no import id of ${this.shape.token}: it has to be ${form}`,
    );
  }

  /** An existing resource is not taken over silently: the message says how to do it. */
  private explained(error: unknown, wanted: Values, name: string): unknown {
    const { importId } = this.table;
    if (!(error instanceof ApiError) || !error.isExisting || importId === undefined) return error;
    const form = importForm(importId, wanted);
    error.message +=
      `. It exists already; to take it over: pulumi import ${this.shape.token} ${name} '${form}'` +
      "; what a run of this stack has made without an answer, npx groundwork up takes in by itself";
    return error;
  }
}

function inputDefinition({ kind, rule }: Field): InputDefinition {
  return { required: kind === "required", replace: rule.replace ?? false, secret: rule.secret ?? false };
}

function listOf(calls: Call | readonly Call[] | undefined): readonly Call[] {
  return calls === undefined ? [] : typeof calls === "string" ? [calls] : calls;
}
