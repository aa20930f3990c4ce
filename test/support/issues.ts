import type { Issues } from "../../components/shared/validation";

/** Mistakes as `property: problem value`, in the order found. */
export function told(issues: Issues): string[] {
  return issues.list.map(
    ({ property, problem, value }) => `${property}: ${problem}${value === undefined ? "" : ` ${value}`}`,
  );
}
