import { escapeForRegExp } from "../common/escape-for-reg-exp";
import { secretForms } from "./secret-forms";

/** Shorter texts would be found everywhere; what is marked as a secret is hidden whatever its length. */
const shortest = 4;
export const mask = "[secret]";

/**
 * Makes a function that takes secrets, and their usual encodings, out of free text, and whatever could steer a terminal.
 *
 * @param secrets plain texts that are known to be secret
 */
export function redactor(secrets: Iterable<string>): (text: string) => string {
  const needles = new Set<string>();
  for (const secret of secrets) {
    for (const part of [secret, ...secret.split("\n")]) {
      const text = part.trim();
      if (text.length < shortest || text === mask) continue;
      for (const plain of new Set([text, clean(text)])) {
        for (const form of secretForms(plain)) if (form.length >= shortest) needles.add(form);
      }
    }
  }
  if (needles.size === 0) return clean;
  const pattern = new RegExp(
    [...needles]
      .sort((one, other) => other.length - one.length)
      .map(escapeForRegExp)
      .join("|"),
    "g",
  );
  return (text) => clean(clean(text).replace(pattern, mask));
}

/** Without escape sequences and control characters, but for line breaks. */
export function clean(text: string): string {
  return text
    .replace(/\r\n?/g, "\n")
    .replace(/\u001b(?:\[[0-?]*[ -/]*[@-~]|\][^\u0007\u001b]*(?:\u0007|\u001b\\)?|[@-Z\\-_])/g, "")
    .replace(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/g, "");
}
