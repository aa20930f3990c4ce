import { UserError } from "../common/user-error";

const units = { s: 1000, m: 60_000, h: 3_600_000 } as const;

/** `90s`, `10m`, `1h` in milliseconds. @throws UserError for anything else */
export function durationOf(text: string, option: string): number {
  const [, count, unit] = /^(\d{1,6})([smh])$/.exec(text) ?? [];
  if (count === undefined || unit === undefined) {
    throw new UserError({
      what: `${option} is no duration`,
      value: text,
      allowed: "a whole number with s, m or h",
      next: `${option} 10m`,
    });
  }
  return Number(count) * units[unit as keyof typeof units];
}
