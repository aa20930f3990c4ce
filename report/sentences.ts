/** Sentences that all ways to show a report have in common. */
import type { Change, Operation, Report, Risk, RiskKind } from "./model";
import { riskKinds, riskLevels } from "./model";

/** How an operation reads before and after it was done, and its sign. */
export const verbs: Readonly<
  Record<Operation, { readonly sign: string; readonly plan: string; readonly done: string }>
> = {
  delete: { sign: "-", plan: "delete", done: "deleted" },
  replace: { sign: "±", plan: "replace", done: "replaced" },
  update: { sign: "~", plan: "update", done: "updated" },
  create: { sign: "+", plan: "create", done: "created" },
  import: { sign: "=", plan: "import", done: "imported" },
  read: { sign: "<", plan: "read", done: "read" },
  forget: { sign: "-", plan: "forget", done: "forgotten" },
  same: { sign: " ", plan: "keep", done: "kept" },
};

/** What was found to be otherwise, where nothing is planned. */
const driftVerbs: Readonly<Partial<Record<Operation, string>>> = {
  delete: "gone",
  update: "changed",
  create: "new",
  replace: "changed",
};

export function verbOf({ operation, outcome }: Change, report: Pick<Report, "kind">): string {
  if (report.kind === "drift") return driftVerbs[operation] ?? verbs[operation].done;
  if (outcome === "failed") return `${verbs[operation].plan} failed`;
  if (outcome === "unfinished") return `${verbs[operation].plan} unfinished`;
  return outcome === "done" ? verbs[operation].done : verbs[operation].plan;
}

/** `3 to create, 1 to delete, 40 unchanged`, or the same of what was done. */
export function countsSentence({ counts, kind, result }: Pick<Report, "counts" | "kind" | "result">): string {
  const planned = result === "planned" && kind !== "drift";
  const order = ["delete", "replace", "update", "create", "import", "read"] as const;
  const parts = order.flatMap((operation) => {
    const count = counts[operation] ?? 0;
    if (count === 0) return [];
    if (kind === "drift") return [`${count} ${driftVerbs[operation] ?? verbs[operation].done}`];
    return [planned ? `${count} to ${verbs[operation].plan}` : `${count} ${verbs[operation].done}`];
  });
  const same = counts["same"] ?? 0;
  if (parts.length > 0) return [...parts, `${same} unchanged`].join(", ");
  if (kind === "drift") return `no drift: ${same} resources are as the state knows them`;
  return `nothing to change: ${same} resources are as described`;
}

/** How many changes have risks of a kind, the worst level first; kinds without any are left out. */
export function riskCounts(
  changes: readonly Change[],
): { readonly kind: RiskKind; readonly level: Risk["level"]; readonly count: number }[] {
  return riskLevels.flatMap((level) =>
    riskKinds.flatMap((kind) => {
      const count = changes.filter(({ risks }) =>
        risks.some((risk) => risk.kind === kind && risk.level === level),
      ).length;
      return count === 0 ? [] : [{ kind, level, count }];
    }),
  );
}

/** `danger: data loss (2), DNS (1); warning: downtime (4)`; empty where nothing is at risk. Notices are not told. */
export function riskSentence(changes: readonly Change[]): string {
  const counts = riskCounts(changes);
  return riskLevels
    .filter((level) => level !== "notice")
    .flatMap((level) => {
      const of = counts.filter((each) => each.level === level);
      return of.length === 0
        ? []
        : [`${level}: ${of.map(({ kind, count }) => `${kind} (${count})`).join(", ")}`];
    })
    .join("; ");
}

export function headline({ stack, kind, result }: Report): string {
  const doing = {
    preview: "preview of",
    up: "up of",
    refresh: "refresh of",
    destroy: "destroy of",
    drift: "drift of",
  };
  const ended = { planned: "", succeeded: "", failed: " failed", cancelled: " was stopped" };
  return `${doing[kind]} ${stack}${ended[result]}`;
}

export function money(amount: number, currency: string): string {
  return currency === "USD" ? `$${amount.toFixed(2)}` : `${amount.toFixed(2)} ${currency}`;
}

/** `$12.00 → $15.50 a month (+$3.50)`. */
export function costSentence({ before, after, currency }: NonNullable<Report["cost"]>): string {
  const difference = after - before;
  const sign = difference < 0 ? "-" : "+";
  const rounded = Math.abs(difference) < 0.005;
  if (rounded) return `${money(after, currency)} a month, as before`;
  return `${money(before, currency)} → ${money(after, currency)} a month (${sign}${money(Math.abs(difference), currency)})`;
}
