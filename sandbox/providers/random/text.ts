import { randomInt } from "node:crypto";

/** Which characters a password or string is made of. */
export interface TextRules {
  readonly length: number;
  readonly lower: boolean;
  readonly upper: boolean;
  readonly numeric: boolean;
  readonly special: boolean;
  readonly minLower: number;
  readonly minUpper: number;
  readonly minNumeric: number;
  readonly minSpecial: number;
  /** @default {@link defaultSpecial} */
  readonly overrideSpecial?: string | undefined;
}

const lowerCase = "abcdefghijklmnopqrstuvwxyz";
const upperCase = lowerCase.toUpperCase();
const digits = "0123456789";

/** The special characters of the real provider. */
export const defaultSpecial = "!@#$%&*()-_=+[]{}<>:?";

/** What is wrong with the rules, by input name. */
export function wrongRules(rules: TextRules): { property: string; reason: string }[] {
  const failures: { property: string; reason: string }[] = [];
  const least = rules.minLower + rules.minUpper + rules.minNumeric + rules.minSpecial;
  if (!Number.isInteger(rules.length) || rules.length < 1) {
    failures.push({
      property: "length",
      reason: `length must be a whole number of at least 1, got: ${rules.length}`,
    });
  } else if (rules.length < least) {
    failures.push({
      property: "length",
      reason: `length must be at least the sum of minUpper, minLower, minNumeric and minSpecial (${least}), got: ${rules.length}`,
    });
  }
  if (!rules.lower && !rules.upper && !rules.numeric && !rules.special) {
    failures.push({
      property: "special",
      reason: "at least one of special, upper, lower and numeric must be true",
    });
  }
  return failures;
}

/** Text by the rules, each character from the system's cryptographic source, each arrangement as likely as any other. */
export function randomText(rules: TextRules): string {
  const special =
    rules.overrideSpecial === undefined || rules.overrideSpecial === ""
      ? defaultSpecial
      : rules.overrideSpecial;
  const all =
    (rules.upper ? upperCase : "") +
    (rules.lower ? lowerCase : "") +
    (rules.numeric ? digits : "") +
    (rules.special ? special : "");
  const pick = (from: string, count: number) =>
    Array.from({ length: count }, () => from[randomInt(from.length)]!);
  const required = [
    ...pick(lowerCase, rules.minLower),
    ...pick(upperCase, rules.minUpper),
    ...pick(digits, rules.minNumeric),
    ...pick(special, rules.minSpecial),
  ];
  return shuffled([...required, ...pick(all, rules.length - required.length)]).join("");
}

/** A new array in random order. */
export function shuffled<Item>(items: readonly Item[]): Item[] {
  const result = [...items];
  for (let last = result.length - 1; last > 0; last--) {
    const other = randomInt(last + 1);
    [result[last], result[other]] = [result[other]!, result[last]!];
  }
  return result;
}
