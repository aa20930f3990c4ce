const units = { h: 3_600_000, d: 86_400_000, w: 604_800_000 } as const;
const longest = 90 * units.d;

/** How a lifetime is written. */
export const lifetimes = "hours, days or weeks, at most 90 days: 12h, 3d, 2w";

/** Milliseconds of a lifetime such as `12h`, `3d`, `2w`; undefined where it is none, or longer than 90 days. */
export function lifetimeMilliseconds(text: string): number | undefined {
  const [, count = "", unit = ""] = /^([1-9]\d{0,3})([hdw])$/.exec(text) ?? [];
  const milliseconds = Number(count) * (units[unit as keyof typeof units] ?? Number.NaN);
  return milliseconds > 0 && milliseconds <= longest ? milliseconds : undefined;
}
