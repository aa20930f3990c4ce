import { markKey, marks } from "../../common/engine-values";

/** A resource of a deployment as `pulumi stack export` writes it, as far as it is read here. */
export interface StateResource {
  readonly urn: string;
  readonly type: string;
  readonly id?: string;
  readonly parent?: string;
  readonly delete?: boolean;
  readonly pendingReplacement?: boolean;
  readonly initErrors?: readonly unknown[];
  readonly inputs?: Readonly<Record<string, unknown>>;
  readonly outputs?: Readonly<Record<string, unknown>>;
}

/** Is it a secret, an asset or anything else that is not plain JSON? */
export function isMarked(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && markKey in value;
}

/** A text that may be shown: a short string, number or boolean that is not marked as anything else. */
export function plainText(value: unknown): string | undefined {
  if (typeof value === "number" || typeof value === "boolean") return String(value);
  if (typeof value !== "string" || value === "" || value.length > 200 || value === "[secret]")
    return undefined;
  return value;
}

/** The showable texts of a list, or of a single value. */
export function plainList(value: unknown): string[] {
  if (isMarked(value)) return [];
  return (Array.isArray(value) ? value : [value]).map(plainText).filter((text) => text !== undefined);
}

/** A property of a resource as text: its output, else its input; undefined where either is marked secret. */
export function textOf(resource: StateResource, property: string): string | undefined {
  const [output, input] = [resource.outputs?.[property], resource.inputs?.[property]];
  if (isMarked(output) || isMarked(input)) return undefined;
  return plainText(output) ?? plainText(input);
}

/** Every secret text inside an export that was made with `--show-secrets`: what must not appear, wherever it is. */
export function secretTexts(value: unknown, found = new Set<string>()): Set<string> {
  if (Array.isArray(value)) value.forEach((each) => secretTexts(each, found));
  else if (isMarked(value) && value[markKey] === marks.secret) {
    const { plaintext } = value;
    if (typeof plaintext === "string") collectStrings(parse(plaintext), found);
  } else if (typeof value === "object" && value !== null) {
    Object.values(value).forEach((each) => secretTexts(each, found));
  }
  return found;
}

function parse(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch {
    return json;
  }
}

function collectStrings(value: unknown, found: Set<string>): void {
  // Shorter ones ("on", "80") would blank half of the page and protect nothing.
  if (typeof value === "string" && value.length >= 6) found.add(value);
  else if (typeof value === "object" && value !== null) {
    Object.values(value).forEach((each) => collectStrings(each, found));
  }
}

/** The same value with each occurrence of a secret replaced: the last line of defence, not the first. */
export function withoutSecrets<T>(value: T, secrets: ReadonlySet<string>): T {
  const clean = (each: unknown): unknown => {
    if (typeof each === "string") {
      let text = each;
      for (const secret of secrets) text = text.split(secret).join("[secret]");
      return text;
    }
    if (Array.isArray(each)) return each.map(clean);
    if (typeof each !== "object" || each === null) return each;
    return Object.fromEntries(Object.entries(each).map(([key, inner]) => [key, clean(inner)]));
  };
  return secrets.size === 0 ? value : (clean(value) as T);
}
