import { z } from "zod";
import { atBothLevels, type Call, type Route } from "../call";
import { type Answer, refuse } from "../envelope";
import { hexId } from "../ids";
import type { Json, PlanName, RuleRow, RulesetRow } from "../model";
import { checkRules, phaseGroups, phases } from "../ruleset-rules";
import { parse } from "../validate";

const errors = { code: 20119, prefix: "invalid JSON: " };
const rule = z.looseObject({
  id: z.string().optional(),
  ref: z.string().optional(),
  action: z.string(),
  expression: z.string(),
  description: z.string().optional(),
  enabled: z.boolean().optional(),
  action_parameters: z.record(z.string(), z.unknown()).nullish(),
  ratelimit: z.record(z.string(), z.unknown()).nullish(),
});
const position = z.union([
  z.object({ before: z.string() }),
  z.object({ after: z.string() }),
  z.object({ index: z.int().min(1) }),
]);
const parts = { description: z.string().optional(), rules: z.array(rule).default([]) };
const create = z.looseObject({
  name: z.string().min(1),
  kind: z.enum(["zone", "root", "custom", "managed"]),
  phase: z.enum(Object.keys(phases) as [string, ...string[]]),
  ...parts,
});
const update = z.looseObject({
  name: z.string().min(1).optional(),
  kind: z.string().optional(),
  phase: z.string().optional(),
  ...parts,
});

const path = "/rulesets";
const one = `${path}/{ruleset_id}`;
const entry = `${path}/phases/{phase}/entrypoint`;

export const rulesetRoutes: readonly Route[] = atBothLevels([
  { method: "GET", path, needs: "any", handle: list },
  { method: "POST", path, needs: "any", handle: add },
  { method: "GET", path: one, needs: "any", handle: (call) => ({ result: rulesetBody(found(call)) }) },
  {
    method: "PUT",
    path: one,
    needs: "any",
    handle: (call) => ({ result: rulesetBody(replace(call, found(call))) }),
  },
  {
    method: "DELETE",
    path: one,
    needs: "any",
    handle: (call) => (call.store.delete("rulesets", found(call).id), { status: 204 }),
  },
  { method: "GET", path: entry, needs: "any", handle: (call) => ({ result: rulesetBody(entryPoint(call)) }) },
  { method: "PUT", path: entry, needs: "any", handle: putEntryPoint },
  { method: "POST", path: `${one}/rules`, needs: "any", handle: addRule },
  { method: "PATCH", path: `${one}/rules/{rule_id}`, needs: "any", handle: changeRule },
  { method: "DELETE", path: `${one}/rules/{rule_id}`, needs: "any", handle: removeRule },
]);

function level({ scope }: Call): "accounts" | "zones" {
  return scope.startsWith("zones/") ? "zones" : "accounts";
}

function planOf(call: Call): PlanName {
  return level(call) === "zones" ? call.zone.plan : "enterprise";
}

function permit(call: Call, phase: string): void {
  call.require(phaseGroups(phase, level(call)));
}

function found(call: Call): RulesetRow {
  const row = call.store.get("rulesets", call.params["ruleset_id"]!);
  if (row?.scope !== call.scope)
    throw refuse(404, 10001, `could not find ruleset: ${call.params["ruleset_id"]!}`);
  permit(call, row.phase);
  return row;
}

function entryKind(call: Call): string {
  return level(call) === "zones" ? "zone" : "root";
}

function entryPointOf(call: Call, phase: string): RulesetRow | undefined {
  return call.store.find(
    "rulesets",
    (row) => row.scope === call.scope && row.phase === phase && row.kind === entryKind(call),
  );
}

function phaseOf(call: Call): string {
  const phase = call.params["phase"]!;
  if (!(phase in phases)) throw refuse(400, 20007, `invalid phase: ${phase}`);
  permit(call, phase);
  return phase;
}

function entryPoint(call: Call): RulesetRow {
  const phase = phaseOf(call);
  const row = entryPointOf(call, phase);
  if (row === undefined)
    throw refuse(404, 10003, `could not find entrypoint ruleset in the "${phase}" phase`);
  return row;
}

function list(call: Call): Answer {
  const all = [...new Set(Object.keys(phases).flatMap((phase) => phaseGroups(phase, level(call))))];
  call.require(all);
  const rows = call.store.list("rulesets", ({ scope }) => scope === call.scope);
  const result = rows.map((row) => {
    const { rules: _rules, ...body } = rulesetBody(row);
    return body;
  });
  return { result, resultInfo: { cursors: {} } };
}

function add(call: Call): Answer {
  const body = parse(create, call.body ?? {}, errors);
  permit(call, body.phase);
  if (
    body.kind === "managed" ||
    (body.kind === "zone" && level(call) === "accounts") ||
    (body.kind === "root" && level(call) === "zones")
  ) {
    throw refuse(400, 20008, `kind "${body.kind}" is not allowed at this level`);
  }
  if (body.kind === entryKind(call) && entryPointOf(call, body.phase) !== undefined) {
    throw refuse(
      400,
      20217,
      `A similar configuration with rules already exists: exceeded maximum number of ${body.kind} rulesets for phase ${body.phase}: 1 out of 1`,
    );
  }
  return { result: rulesetBody(save(call, body)) };
}

function putEntryPoint(call: Call): Answer {
  const phase = phaseOf(call);
  const existing = entryPointOf(call, phase);
  if (existing !== undefined) return { result: rulesetBody(replace(call, existing)) };
  const body = parse(update, call.body ?? {}, errors);
  return { result: rulesetBody(save(call, { name: "default", ...body, kind: entryKind(call), phase })) };
}

function replace(call: Call, before: RulesetRow): RulesetRow {
  const body = parse(update, call.body ?? {}, errors);
  for (const member of ["kind", "phase"] as const) {
    if (body[member] !== undefined && body[member] !== before[member])
      throw refuse(400, 20009, `the ${member} of a ruleset cannot be changed`);
  }
  return save(
    call,
    { name: before.name, description: before.description, ...body, kind: before.kind, phase: before.phase },
    before,
  );
}

interface RulesetParts {
  readonly name: string;
  readonly kind: string;
  readonly phase: string;
  readonly description?: string | undefined;
  readonly rules: readonly z.output<typeof rule>[];
}

function save(call: Call, body: RulesetParts, before?: RulesetRow): RulesetRow {
  checkRules(body.rules, body.phase, planOf(call));
  const row: RulesetRow = {
    id: before?.id ?? hexId(),
    scope: call.scope,
    kind: body.kind,
    phase: body.phase,
    name: body.name,
    description: body.description ?? "",
    version: (before?.version ?? 0) + 1,
    lastUpdated: call.time,
    rules: body.rules.map((given) => ruleRow(given, before?.rules ?? [], call.time)),
  };
  return call.store.put("rulesets", row.id, row);
}

/** A rule keeps its id where its `id` or `ref` is one that was there; its version counts its changes. */
function ruleRow(given: z.output<typeof rule>, before: readonly RuleRow[], time: string): RuleRow {
  const { id: givenId, ref: givenRef, version: _version, last_updated: _updated, ...body } = given;
  const old = before.find(({ id, ref }) => id === givenId || (givenRef !== undefined && ref === givenRef));
  const id = old?.id ?? hexId();
  const kept = Object.fromEntries(Object.entries(body).filter(([, value]) => value !== null));
  const next = {
    description: "",
    ...kept,
    action: given.action,
    expression: given.expression,
    enabled: given.enabled ?? true,
    id,
    ref: givenRef ?? old?.ref ?? id,
  };
  const same = old !== undefined && sameRule(next, old);
  return {
    ...next,
    version: same ? old.version : String(Number(old?.version ?? 0) + 1),
    last_updated: same ? old.last_updated : time,
  };
}

function sameRule(next: Json, { version: _version, last_updated: _updated, ...old }: RuleRow): boolean {
  const text = (value: Json): string =>
    JSON.stringify(Object.entries(value).sort(([left], [right]) => (left < right ? -1 : 1)));
  return text(next) === text(old);
}

function addRule(call: Call): Answer {
  const before = found(call);
  const { position: at, ...given } = parse(
    rule.extend({ position: position.optional() }),
    call.body ?? {},
    errors,
  );
  return {
    result: rulesetBody(save(call, { ...before, rules: placed([...before.rules], given, at) }, before)),
  };
}

function changeRule(call: Call): Answer {
  const before = found(call);
  const old = ruleOf(before, call);
  const { position: at, ...given } = parse(
    rule.partial().extend({ position: position.optional() }),
    call.body ?? {},
    errors,
  );
  const next = { ...old, ...given, id: old.id };
  const rules =
    at === undefined
      ? before.rules.map((entry) => (entry.id === old.id ? next : entry))
      : placed(
          before.rules.filter(({ id }) => id !== old.id),
          next,
          at,
        );
  return { result: rulesetBody(save(call, { ...before, rules }, before)) };
}

function removeRule(call: Call): Answer {
  const before = found(call);
  const old = ruleOf(before, call);
  return {
    result: rulesetBody(
      save(call, { ...before, rules: before.rules.filter(({ id }) => id !== old.id) }, before),
    ),
  };
}

function ruleOf(ruleset: RulesetRow, { params }: Call): RuleRow {
  const row = ruleset.rules.find(({ id }) => id === params["rule_id"]);
  if (row === undefined) throw refuse(404, 10002, `could not find rule: ${params["rule_id"]!}`);
  return row;
}

/** The list with one more rule at the wanted place; the end by default. */
function placed(
  rules: readonly z.output<typeof rule>[],
  given: z.output<typeof rule>,
  at: z.output<typeof position> | undefined,
): z.output<typeof rule>[] {
  let index = rules.length;
  if (at !== undefined && "index" in at) index = at.index - 1;
  else if (at !== undefined) {
    const id = "before" in at ? at.before : at.after;
    const anchor =
      id === "" ? ("before" in at ? 0 : rules.length - 1) : rules.findIndex((entry) => entry.id === id);
    if (anchor < 0 && rules.length > 0) throw refuse(400, 10002, `could not find rule: ${id}`);
    index = "before" in at ? anchor : anchor + 1;
  }
  return rules.toSpliced(index, 0, given);
}

function rulesetBody(row: RulesetRow): { rules: readonly RuleRow[] } & Json {
  return {
    id: row.id,
    name: row.name,
    description: row.description,
    kind: row.kind,
    phase: row.phase,
    version: String(row.version),
    last_updated: row.lastUpdated,
    rules: row.rules,
  };
}
