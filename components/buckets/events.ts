/** Which events a notification of R2 is about. */
export interface EventFilter {
  readonly actions: readonly string[];
  readonly prefix?: string | undefined;
  readonly suffix?: string | undefined;
}

/** Whether one event can fit both: R2 refuses such a pair on one bucket. */
export function overlap(left: EventFilter, right: EventFilter): boolean {
  const starts = (one = "", other = ""): boolean => one.startsWith(other) || other.startsWith(one);
  const ends = (one = "", other = ""): boolean => one.endsWith(other) || other.endsWith(one);
  return (
    left.actions.some((action) => right.actions.includes(action)) &&
    starts(left.prefix, right.prefix) &&
    ends(left.suffix, right.suffix)
  );
}
