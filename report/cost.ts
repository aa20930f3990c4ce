/**
 * What an environment costs a month, before and after a change: the stack's own `groundwork:costs`, as its output of that
 * name has them, and what is priced by use. Pure.
 */
import type { EngineEvent, StepEventMetadata } from "@pulumi/pulumi/automation/index.js";
import { stackType } from "../common/engine-values";
import type { Change, Report } from "./model";

export type Cost = NonNullable<Report["cost"]>;

type Costs = Readonly<Record<string, number>>;

/** Takes the engine's events as they come, and keeps what the stack's output `costs` was and becomes. */
export class CostWatch {
  private before: Costs = {};
  private after: Costs | undefined;

  readonly add = ({ resourcePreEvent, resOutputsEvent }: EngineEvent): void => {
    const step = (resOutputsEvent ?? resourcePreEvent)?.metadata;
    if (step?.type !== stackType) return;
    const { new: wanted, old, op } = step;
    if (old) this.before = costsIn(old);
    if (op === "delete") this.after = {};
    else if (resOutputsEvent !== undefined && wanted) this.after = costsIn(wanted);
  };

  /**
   * @param changes of the same run, for what is priced by use
   * @returns undefined where nothing has a price, or the run did not come to its outputs
   */
  section(changes: readonly Change[] = []): Cost | undefined {
    const { after, before } = this;
    if (after === undefined) return undefined;
    const names = [...new Set([...Object.keys(before), ...Object.keys(after)])].sort();
    const lines = names
      .filter((name) => before[name] !== after[name])
      .map((name) => ({
        what: name,
        ...(before[name] === undefined ? {} : { before: before[name] }),
        ...(after[name] === undefined ? {} : { after: after[name] }),
      }));
    const byUse = changes.flatMap(({ type, operation, title }) => {
      const note = operation === "create" ? pricedByUse[type] : undefined;
      return note === undefined ? [] : [{ what: title, after: 0, note }];
    });
    if (names.length === 0 && byUse.length === 0) return undefined;
    return { currency: "USD", before: sum(before), after: sum(after), lines: [...lines, ...byUse] };
  }
}

/** Kinds of resources whose price depends on their use (developers.cloudflare.com/r2/pricing, standard storage). */
const pricedByUse: Readonly<Record<string, string | undefined>> = {
  "cloudflare:index/r2Bucket:R2Bucket": "free up to 10 GB of the account, then $0.015 a GB",
};

function costsIn({ outputs }: NonNullable<StepEventMetadata["new"]>): Costs {
  const costs: unknown = (outputs as Record<string, unknown> | undefined)?.["costs"];
  if (typeof costs !== "object" || costs === null) return {};
  return Object.fromEntries(
    Object.entries(costs).filter((entry): entry is [string, number] => typeof entry[1] === "number"),
  );
}

function sum(costs: Costs): number {
  return Object.values(costs).reduce((total, each) => total + each, 0);
}
