/** Schedules as cron lines of five fields, in UTC: when they were last due, and as systemd's OnCalendar. */

/** A schedule, each field as the numbers that it allows. */
export interface Schedule {
  readonly minutes: readonly number[];
  readonly hours: readonly number[];
  readonly days: readonly number[];
  readonly months: readonly number[];
  /** 0 is Sunday. */
  readonly weekdays: readonly number[];
  /** Cron's own rule: where both days and weekdays are restricted, one of them is enough. */
  readonly eitherDay: boolean;
}

const limits = [
  [0, 59],
  [0, 23],
  [1, 31],
  [1, 12],
  [0, 7],
] as const;

/**
 * Reads a cron line of numbers, lists, ranges and steps. Undefined where it is none.
 *
 * @example parseCron("15 3 * * 1-5")
 */
export function parseCron(text: string): Schedule | undefined {
  const fields = text.trim().split(/\s+/);
  if (fields.length !== limits.length) return undefined;
  const numbers = fields.map((part, index) => parseField(part, limits[index] ?? [0, 0]));
  const [minutes, hours, days, months, weekdays] = numbers;
  if (!minutes || !hours || !days || !months || !weekdays) return undefined;
  const isAny = (part: string | undefined): boolean => part?.startsWith("*") === true;
  return {
    minutes,
    hours,
    days,
    months,
    weekdays: [...new Set(weekdays.map((day) => day % 7))].sort((a, b) => a - b),
    eitherDay: !isAny(fields[2]) && !isAny(fields[4]),
  };
}

function parseField(part: string, [min, max]: readonly [number, number]): number[] | undefined {
  const found = new Set<number>();
  for (const item of part.split(",")) {
    const match = /^(\*|\d{1,2}(?:-\d{1,2})?)(?:\/(\d{1,2}))?$/.exec(item);
    if (match === null) return undefined;
    const step = match[2] === undefined ? 1 : Number(match[2]);
    if (step === 0) return undefined;
    const [first = min, given] = match[1] === "*" ? [] : (match[1] ?? "").split("-").map(Number);
    // As cron: `5/15` is 5, 20, 35, 50.
    const last = given ?? (match[1] === "*" || match[2] !== undefined ? max : first);
    if (first > last || first < min || last > max) return undefined;
    for (let number = first; number <= last; number += step) found.add(number);
  }
  return [...found].sort((a, b) => a - b);
}

/** The newest time at or before `now` at which a schedule was due. Undefined where it never is (30 February). */
export function lastDue(schedule: Schedule, now: Date): Date | undefined {
  const day = new Date(Date.UTC(now.getUTCFullYear(), now.getUTCMonth(), now.getUTCDate()));
  // A leap day is eight years back at most.
  for (let back = 0; back <= 8 * 366 + 1; back++) {
    const date = new Date(day.getTime() - back * 86_400_000);
    if (!isDay(schedule, date)) continue;
    for (const hour of schedule.hours.toReversed()) {
      for (const minute of schedule.minutes.toReversed()) {
        const time = new Date(date.getTime() + (hour * 60 + minute) * 60_000);
        if (time <= now) return time;
      }
    }
  }
  return undefined;
}

/** Minutes of the longest time between two runs, of the hundred before `now`; a week where there are none. */
export function longestGap(schedule: Schedule, now: Date): number {
  let longest = 0;
  let later = lastDue(schedule, now);
  for (let count = 0; count < 100 && later !== undefined; count++) {
    const before = lastDue(schedule, new Date(later.getTime() - 60_000));
    if (before !== undefined) longest = Math.max(longest, (later.getTime() - before.getTime()) / 60_000);
    later = before;
  }
  return longest === 0 ? 7 * 1440 : longest;
}

function isDay({ days, eitherDay, months, weekdays }: Schedule, date: Date): boolean {
  if (!months.includes(date.getUTCMonth() + 1)) return false;
  const byDay = days.includes(date.getUTCDate());
  const byWeekday = weekdays.includes(date.getUTCDay());
  return eitherDay ? byDay || byWeekday : byDay && byWeekday;
}

/** The lines of a systemd timer that are due together whenever the schedule is. */
export function onCalendar(schedule: Schedule): string[] {
  const { days, eitherDay, hours, minutes, months, weekdays } = schedule;
  const list = (numbers: readonly number[], all: number): string =>
    numbers.length === all ? "*" : numbers.map((number) => String(number).padStart(2, "0")).join(",");
  const time = `${list(hours, 24)}:${list(minutes, 60)}:00 UTC`;
  const names = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];
  const named = weekdays.length === 7 ? "" : `${weekdays.map((day) => names[day]).join(",")} `;
  const month = list(months, 12);
  const day = list(days, 31);
  if (eitherDay) return [`*-${month}-${day} ${time}`, `${named}*-${month}-* ${time}`];
  return [`${named}*-${month}-${day} ${time}`];
}
