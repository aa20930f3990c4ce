/** A text that must stand nowhere but where it is meant to. */
export interface Secret {
  /** What it is, such as `main-app-a-password.result`: findings tell this, never the text. */
  readonly name: string;
  readonly text: string;
}

/** One way in which a secret may stand in a file. */
export interface Needle {
  readonly secret: string;
  /** `plain`, `base64` and so on. */
  readonly form: string;
  readonly bytes: Buffer;
}

/** Shorter texts stand in some file by chance. */
export const shortest = 16;

/**
 * Every form in which a secret is searched: as it is, as JSON, an address, base64 or hexadecimal would write it. A key of
 * several lines is searched by each of them, as no log keeps its line breaks.
 *
 * @throws Error where a secret is too short to be told from other text
 */
export function needlesOf({ name, text }: Secret): Needle[] {
  const lines = text.split("\n").filter((line) => !line.startsWith("-----"));
  const parts = lines.length > 1 ? lines.filter((line) => line.length >= 40) : lines;
  if (parts.length === 0 || parts.some((part) => part.length < shortest))
    throw new Error(`${name} is too short to be searched: ${shortest} characters at least`);
  const found = new Map<string, Needle>();
  for (const part of parts) {
    for (const [form, written] of formsOf(part)) {
      if (!found.has(written))
        found.set(written, { secret: name, form, bytes: Buffer.from(written, "utf8") });
    }
  }
  return [...found.values()];
}

function formsOf(text: string): [form: string, written: string][] {
  const hex = Buffer.from(text, "utf8").toString("hex");
  const base64 = base64Inside(text);
  return [
    ["plain", text],
    ["JSON", JSON.stringify(text).slice(1, -1)],
    ["percent-encoded", encodeURIComponent(text)],
    ["hexadecimal", hex],
    ["hexadecimal", hex.toUpperCase()],
    ...base64.map((written): [string, string] => ["base64", written]),
    ...base64.map((written): [string, string] => [
      "base64url",
      written.replaceAll("+", "-").replaceAll("/", "_"),
    ]),
  ];
}

/** What base64 makes of a text in the middle of another: three ways, by where in a group of three bytes it begins. */
function base64Inside(text: string): string[] {
  const bytes = Buffer.from(text, "utf8");
  return [0, 1, 2].map((before) => {
    const whole = Buffer.concat([Buffer.alloc(before), bytes]).toString("base64");
    // Characters that hold bits of a neighbour are left out.
    return whole.slice(Math.ceil((before * 8) / 6), Math.floor(((before + bytes.length) * 8) / 6));
  });
}

/** Each text once, under the first name it has. */
export function uniqueSecrets(secrets: readonly Secret[]): Secret[] {
  const texts = new Map<string, Secret>();
  for (const secret of secrets) texts.set(secret.text, texts.get(secret.text) ?? secret);
  return [...texts.values()];
}
