import { type Change, type RiskLevel, operations, riskLevels } from "./model";

/** The worst that a change may do; undefined: nothing is known. */
export function worst({ risks }: Pick<Change, "risks">): RiskLevel | undefined {
  return riskLevels.find((level) => risks.some((risk) => risk.level === level));
}

/** True for what a reader must not miss: everything that goes, and everything dangerous. */
export function comesFirst(change: Change): boolean {
  return change.operation === "delete" || change.operation === "replace" || worst(change) === "danger";
}

/** Deletions and replacements first, the worst at the top; then by danger, operation, component and name. */
export function inOrder(changes: readonly Change[]): Change[] {
  const ranks = (change: Change): number[] => {
    const level = worst(change);
    const goes = change.operation === "delete" || change.operation === "replace";
    return [
      goes ? 0 : 1,
      level === undefined ? riskLevels.length : riskLevels.indexOf(level),
      operations.indexOf(change.operation),
    ];
  };
  return changes
    .map((change) => ({ change, ranks: ranks(change), text: `${change.component}\n${change.name}` }))
    .sort((one, other) => {
      const index = one.ranks.findIndex((rank, at) => rank !== other.ranks[at]);
      if (index >= 0) return (one.ranks[index] ?? 0) - (other.ranks[index] ?? 0);
      return one.text < other.text ? -1 : one.text > other.text ? 1 : 0;
    })
    .map(({ change }) => change);
}
