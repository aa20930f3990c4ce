/** Resources by operation, of a run that went on in a second one: what either has done, and what stays after both. */
export function countsOfBoth(
  earlier: Readonly<Record<string, number>>,
  later: Readonly<Record<string, number>>,
): Record<string, number> {
  const sum: Record<string, number> = { ...later };
  for (const [operation, count] of Object.entries(earlier)) {
    if (operation !== "same") sum[operation] = (sum[operation] ?? 0) + count;
  }
  return sum;
}
