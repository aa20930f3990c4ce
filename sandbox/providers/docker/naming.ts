import type { CheckRequest, DiffRequest, DiffResult } from "../definition";
import { type Value, type Values } from "../values";

/** A name that is not given is the resource's own and seven random digits, and stays: as the real provider does. */
export function named<Config>({ news, olds, name, randomSeed }: CheckRequest<Config>): { inputs: Values } {
  if (news["name"] !== undefined) return { inputs: news };
  const suffix = Buffer.from(randomSeed).toString("hex").slice(0, 7);
  return { inputs: { ...news, name: olds["name"] ?? `${name}-${suffix}` } };
}

/** As for the real provider, a name of the program's own has to be free before the successor can have it. */
export function freeingName<Config>(
  { name, oldInputs, news }: DiffRequest<Config>,
  standard: DiffResult,
): DiffResult {
  const kept = news["name"] === oldInputs["name"] ? news["name"] : undefined;
  const isGiven = typeof kept === "string" && !(kept.startsWith(`${name}-`) && /-[0-9a-f]{7}$/.test(kept));
  return { ...standard, deleteBeforeReplace: isGiven };
}

/** `[{ label, value }]` as a map, and back. */
export function labelMap(labels: Value): Record<string, string> {
  const list = (labels ?? []) as { label: string; value: string }[];
  return Object.fromEntries(list.map(({ label, value }) => [label, value]));
}

export function labelList(labels: Record<string, string> | null | undefined): Value {
  return Object.entries(labels ?? {}).map(([label, value]) => ({ label, value }));
}
