import { lastDue, onCalendar, parseCron } from "../../common/cron";

const due = (cron: string, now: string): string | undefined => {
  const schedule = parseCron(cron);
  return schedule && lastDue(schedule, new Date(now))?.toISOString().slice(0, 16);
};

test.each([
  ["15 3 * * *", "2026-03-04T03:15:00Z", "2026-03-04T03:15"],
  ["15 3 * * *", "2026-03-04T03:14:59Z", "2026-03-03T03:15"],
  ["*/20 * * * *", "2026-03-04T00:19:00Z", "2026-03-04T00:00"],
  ["5/15 * * * *", "2026-03-04T00:19:00Z", "2026-03-04T00:05"],
  ["0 4 * * 7", "2026-03-04T12:00:00Z", "2026-03-01T04:00"],
  // Both restricted: one is enough.
  ["0 4 13 * 5", "2026-03-12T12:00:00Z", "2026-03-06T04:00"],
  ["0 4 29 2 *", "2026-03-04T12:00:00Z", "2024-02-29T04:00"],
  ["0 4 30 2 *", "2026-03-04T12:00:00Z", undefined],
])("%s was last due before %s at %s", (cron, now, expected) => {
  expect(due(cron, now)).toBe(expected);
});

test.each([
  "",
  "* * * *",
  "60 * * * *",
  "*/0 * * * *",
  "5-3 * * * *",
  "0 24 * * *",
  "0 0 0 * *",
  "@daily",
  "a * * * *",
])("%j is no schedule", (cron) => {
  expect(parseCron(cron)).toBeUndefined();
});

test.each([
  ["15 3 * * *", ["*-*-* 03:15:00 UTC"]],
  ["*/30 * * * *", ["*-*-* *:00,30:00 UTC"]],
  ["0 4 * * 0,6", ["Sun,Sat *-*-* 04:00:00 UTC"]],
  ["0 4 13 * 5", ["*-*-13 04:00:00 UTC", "Fri *-*-* 04:00:00 UTC"]],
])("%s is for systemd %j", (cron, expected) => {
  const schedule = parseCron(cron);
  expect(schedule && onCalendar(schedule)).toEqual(expected);
});
