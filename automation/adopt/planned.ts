/** What a preview plans, taken from the engine's events. */
import type { EngineEvent } from "@pulumi/pulumi/automation/index.js";
import type { PlannedResource } from "./identify";

/** Something that a preview would change. */
export interface PlannedChange extends PlannedResource {
  readonly operation: string;
  /** Paths of inputs that differ. */
  readonly paths: readonly string[];
  /** What the program says, and what is there. */
  readonly before: Readonly<Record<string, unknown>>;
}

/** Takes the events of a preview. */
export class Planned {
  readonly changes: PlannedChange[] = [];

  readonly add = ({ resourcePreEvent }: EngineEvent): void => {
    const metadata = resourcePreEvent?.metadata;
    if (
      metadata === undefined ||
      metadata.type.startsWith("pulumi:") ||
      metadata.type.startsWith("groundwork:")
    )
      return;
    const { op, type, urn } = metadata;
    const halves = ["create-replacement", "delete-replaced", "import-replacement"];
    if (op === "same" || op === "read" || halves.includes(op)) return;
    this.changes.push({
      operation: op,
      type,
      name: urn.split("::").at(-1) ?? urn,
      inputs: (metadata.new?.inputs ?? {}) as Record<string, unknown>,
      before: (metadata.old?.inputs ?? {}) as Record<string, unknown>,
      paths: Object.keys(metadata.detailedDiff ?? {}).sort(),
    });
  };

  of(...operations: readonly string[]): PlannedChange[] {
    return this.changes.filter(({ operation }) => operations.includes(operation));
  }
}

/**
 * A difference for a reader: `value stays "1.0" (the stack file would say "1.2")`. Undefined for one between nothing and
 * something empty. Engines mask secrets in their events.
 */
export function keptWords(
  { inputs, before }: Pick<PlannedChange, "inputs" | "before">,
  path: string,
): string | undefined {
  const [there, wanted] = [valueAt(before, path), valueAt(inputs, path)];
  if (!there && !wanted) return undefined;
  return `${path} stays ${shown(there)} (the stack file would say ${shown(wanted)})`;
}

function valueAt(values: Readonly<Record<string, unknown>>, path: string): unknown {
  const keys = [...path.matchAll(/\["((?:[^"\\]|\\.)*)"\]|\[(\d+)\]|([^.[\]]+)/g)];
  return keys.reduce<unknown>(
    (at, [, quoted, index, name]) =>
      typeof at === "object" && at !== null
        ? (at as Record<string, unknown>)[quoted ?? index ?? name ?? ""]
        : undefined,
    values,
  );
}

function shown(value: unknown): string {
  if (value === undefined || value === null) return "unset";
  const text = JSON.stringify(value);
  return text.length > 80 ? `${text.slice(0, 77)}...` : text;
}
