/**
 * How the engine reads a text without quotes. It reads YAML 1.1 in places, where editors and our own parser read 1.2: a date becomes
 * a moment, `1_000` a number.
 */

const DATE =
  /^(\d{4})-(\d{1,2})-(\d{1,2})(?:$|(?:[Tt](?=.*(?:Z|[+-]\d\d:\d\d)$)| (?!.*[Z+-]))\d{1,2}:\d{1,2}:\d{1,2})/;
/** A moment as the engine hands it to the program. */
const MOMENT = /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(?:\.\d+)? [+-]\d{4} \S+$/;

/** What the engine makes of a text without quotes, where that is not what our own parser made of it. */
export function engineReading(text: string, ours: unknown): "a moment" | "a number" | undefined {
  if (isDate(text)) return "a moment";
  const number = numberOf(text);
  return number === undefined || number === ours ? undefined : "a number";
}

/** Is this what the engine made of a date without quotes? */
export function isEngineMoment(text: string): boolean {
  return MOMENT.test(text);
}

function isDate(text: string): boolean {
  const [year, month, day] = (DATE.exec(text) ?? []).slice(1, 4).map(Number);
  if (year === undefined || month === undefined || day === undefined) return false;
  const date = new Date(Date.UTC(year, month - 1, day));
  return date.getUTCMonth() === month - 1 && date.getUTCDate() === day;
}

function numberOf(text: string): number | undefined {
  if (!/^[-+\d]/.test(text)) return undefined;
  const [, sign, digits = ""] = /^([-+]?)(.*)$/.exec(text.replaceAll("_", "")) ?? [];
  const octal = /^0[oO]?([0-7]+)$/.exec(digits)?.[1];
  const isNumber =
    /^0(?:[xX][\da-fA-F]+|[bB][01]+)$/.test(digits) ||
    /^(?:\.\d+|\d+(?:\.\d*)?)(?:[eE][-+]?\d+)?$/.test(digits);
  if (octal === undefined && !isNumber) return undefined;
  const size = octal === undefined ? Number(digits) : parseInt(octal, 8);
  return sign === "-" ? -size : size;
}
