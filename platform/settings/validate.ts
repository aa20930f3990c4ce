import { basename } from "node:path";
import { escapeForRegExp } from "../../common/escape-for-reg-exp";
import { checkSettings, type Checked } from "./check";
import { ENCRYPTED, type OtherReading, parseStackDocument, type StackDocument } from "./document";
import { type Finding, type SettingsIssue, sortIssues } from "./issue";
import { listOf, nearest } from "./nearest";
import { configKey, configPath, existsAt, isRecord, type Keys, valueAt, NAMESPACE } from "./paths";
import type { SecretNames } from "./rules/context";
import { stackSchema } from "./stack-schema";
import { hiddenParts, secretLook, showValue } from "./secret-patterns";
import type { Settings } from "./settings-type";
import { stackNameOf } from "./tier";

/** A stack file to be checked. */
export interface StackFile {
  /** Its name, for messages: `Pulumi.staging.yaml`. */
  readonly file: string;
  readonly text: string;
  /** The stack's name. */
  readonly stack: string;
}

/** How to check. */
export interface ValidateOptions {
  /**
   * `required`: a secret that something names and that is not there is a mistake. `optional`: it is listed in
   * `missingSecrets`; for those who bring secrets of their own, as a sandbox does. @default "required"
   */
  readonly secrets?: "required" | "optional";
  /** Secrets that are at hand otherwise, such as CLOUDFLARE_API_TOKEN in the environment. @default [] */
  readonly otherSecrets?: readonly string[];
}

/** Settings, or everything that is wrong. */
export type Validated = { readonly settings: Settings } | { readonly issues: readonly SettingsIssue[] };

/**
 * Checks a stack file: its YAML, its values, and what they mean together. Every mistake is reported at once, with its
 * line. Pure; never throws, whatever the text.
 *
 * @example
 * const result = validateStackFile({ file: "Pulumi.prod.yaml", text, stack: "prod" });
 * if ("issues" in result) console.error(result.issues.map(formatIssue).join("\n\n"));
 */
export function validateStackFile(input: StackFile, options: ValidateOptions = {}): Validated {
  const { issues, settings } = inspectStackFile(input, options);
  return settings === undefined ? { issues } : { settings };
}

/** What {@link validateStackFile} finds, with what could be read in spite of mistakes. */
export interface Inspected extends Checked {
  readonly issues: readonly SettingsIssue[];
  readonly document: StackDocument;
}

export function inspectStackFile(input: StackFile, options: ValidateOptions = {}): Inspected {
  const stack = stackNameOf(input.stack);
  const document = parseStackDocument(input.text);
  const { values, foreign, secrets, findings } = sections(document, stack);
  const checked = checkSettings({
    stack,
    values,
    foreign,
    secrets,
    otherSecrets: options.otherSecrets ?? [],
    requireSecrets: options.secrets !== "optional",
  });
  const toIssue = (finding: Finding): SettingsIssue =>
    issueOf(finding, { ...input, stack, values: { ...values, ...foreign }, document });
  const syntax = document.mistakes.map((mistake): SettingsIssue => ({
    file: input.file,
    line: mistake.line,
    column: mistake.column,
    path: "",
    keys: [],
    ofFile: true,
    what: mistake.what,
    value: undefined,
    allowed: "YAML",
    fix: `edit ${input.file} at line ${mistake.line}`,
  }));
  // What a broken file lacks says nothing.
  const issues = syntax.length > 0 ? syntax : sortIssues([...findings, ...checked.findings].map(toIssue));
  return { ...checked, settings: issues.length === 0 ? checked.settings : undefined, issues, document };
}

/** What the engine itself keeps in a stack file. */
const FILE_KEYS = ["config", "secretsprovider", "encryptedkey", "encryptionsalt", "environment"];

/** Takes a file apart: our settings, those of others, secrets by name. */
function sections(document: StackDocument, stack: string) {
  const findings: Finding[] = [];
  const values: Record<string, unknown> = {};
  const foreign: Record<string, unknown> = {};
  let secrets: SecretNames = { present: [], plain: [] };
  const { root } = document;
  const config = isRecord(root) ? root.config : undefined;
  if (document.mistakes.length === 0 && root !== null && root !== undefined && !isRecord(root)) {
    findings.push({
      keys: [],
      what: "the file is not a map",
      allowed: "config: with groundwork: settings below it",
      fix: "start with a line `config:`",
    });
  }
  if (isRecord(root)) {
    for (const key of Object.keys(root)) {
      if (FILE_KEYS.includes(key)) continue;
      const meant = key.startsWith(`${NAMESPACE}:`);
      const better = meant ? undefined : nearest(key, FILE_KEYS);
      findings.push({
        keys: [`:${key}`],
        atKey: true,
        what: meant
          ? "a setting stands outside of config"
          : `unknown key at the top of the file${better === undefined ? "" : `; ${better} is the nearest right one`}`,
        allowed: listOf(FILE_KEYS),
        fix: meant
          ? "move it below `config:`, two spaces further in"
          : better === undefined
            ? "remove it"
            : `rename it to ${better}`,
      });
    }
    if (config !== undefined && config !== null && !isRecord(config)) {
      findings.push({
        keys: [":config"],
        what: "config is not a map",
        allowed: "lines `groundwork:<name>: <value>` below config:",
        fix: "write the settings below it, two spaces further in",
      });
    }
  }
  findings.push(...document.otherReadings.flatMap(otherReading));
  for (const [key, value] of Object.entries(isRecord(config) ? config : {})) {
    const separator = key.indexOf(":");
    const name = key.slice(separator + 1);
    if (separator === -1) {
      findings.push({
        keys: [`:config.${key}`],
        atKey: true,
        what: "the key has no namespace, so the engine refuses the file",
        allowed: "groundwork:<name>",
        fix: `rename it to ${NAMESPACE}:${nearest(key, Object.keys(stackSchema().shape)) ?? key}`,
      });
    } else if (key.slice(0, separator) !== NAMESPACE) {
      foreign[key] = value;
      const better = nearest(key.slice(0, separator), [NAMESPACE]);
      if (better !== undefined) {
        findings.push({
          keys: [key],
          atKey: true,
          what: "the namespace is misspelt",
          allowed: "groundwork:<name>",
          fix: `rename it to ${NAMESPACE}:${name}`,
        });
      }
    } else if (name === "secrets") secrets = secretNames(value, findings, stack);
    else values[name] = decode(name, value);
  }
  return { values, foreign, secrets, findings };
}

/** Other namespaces are read by programs that may well expect what the engine makes of a text. */
function otherReading({ keys: [top, key = "", ...rest], isKey, as }: OtherReading): Finding[] {
  const [namespace, name = ""] = String(key).split(":");
  if (top !== "config" || namespace !== NAMESPACE || name === "secrets") return [];
  return [
    {
      keys: [name, ...rest],
      what: `without quotes the engine reads this as ${as}, and hands that over`,
      value: !isKey,
      atKey: isKey,
      allowed: 'texts that look like a date or a number in quotes: "2024-06-20", "1_000"',
      fix: "put it in quotes",
    },
  ];
}

/** A map or list may also stand as a text of JSON, as `pulumi config set` without --path leaves it. */
export function decode(name: string, value: unknown): unknown {
  if (typeof value !== "string" || !/^\s*[[{]/.test(value) || name === "domain") return value;
  try {
    return JSON.parse(value) as unknown;
  } catch {
    return value;
  }
}

function secretNames(value: unknown, findings: Finding[], stack: string): SecretNames {
  if (value === ENCRYPTED) return { present: undefined, plain: [] };
  if (value === null || value === undefined) return { present: [], plain: [] };
  if (!isRecord(value)) {
    findings.push({
      keys: ["secrets"],
      what: "groundwork:secrets is not a map of names to encrypted values",
      allowed: "name -> secure: <encrypted>, or one encrypted map",
      fix: `remove it, and set each secret: pulumi config set --secret --path 'groundwork:secrets.NAME' -s ${stack}`,
    });
    return { present: undefined, plain: [] };
  }
  const present: string[] = [];
  const plain: string[] = [];
  for (const [name, entry] of Object.entries(value)) {
    if (!/^[A-Z][A-Z0-9_]{0,99}$/.test(name)) {
      findings.push({
        keys: ["secrets"],
        what: "a secret has a name that nothing can refer to",
        allowed: "names of capital letters, digits and underscores, such as GHCR_TOKEN",
        fix: `pulumi config set --secret --path 'groundwork:secrets.NAME' -s ${stack}, and remove the other one`,
      });
      continue;
    }
    present.push(name);
    if (entry === ENCRYPTED) continue;
    if (typeof entry === "string") plain.push(name);
    else {
      findings.push({
        keys: ["secrets", name],
        what: `the secret ${name} is not one encrypted text`,
        allowed: "secure: <encrypted>",
        fix: `pulumi config set --secret --path 'groundwork:secrets.${name}' -s ${stack}`,
      });
    }
  }
  return { present, plain };
}

/** What is known of the place of a finding. */
export interface IssuePlace {
  readonly file: string | undefined;
  readonly stack: string;
  readonly values: unknown;
  readonly document: StackDocument | undefined;
}

/** Makes an issue of a finding: where it is, what stands there, and a way to mend it. */
export function issueOf(finding: Finding, place: IssuePlace): SettingsIssue {
  const keys = publicKeys(finding.keys);
  const raw = valueAt(place.values, keys);
  const shown = showValue(keys, raw);
  const value =
    typeof finding.value === "string" ? finding.value : finding.value === true ? shown : undefined;
  const show = (text: string): string => withoutHidden(text, place.values);
  const fix =
    finding.fix === undefined || show(finding.fix) !== finding.fix ? fallbackFix(keys, place) : finding.fix;
  const position = place.document?.position(fileKeys(keys), finding.atKey);
  const shownKeys = ofFile(keys) ?? keys;
  return {
    file: place.file,
    line: position?.line,
    column: position?.column,
    path: configPath(shownKeys),
    keys: shownKeys,
    ofFile: shownKeys !== keys,
    what: show(finding.what),
    value: value === undefined ? undefined : show(value),
    allowed: finding.allowed === undefined ? undefined : show(finding.allowed),
    fix,
  };
}

const hiddenOf = new WeakMap<object, readonly string[]>();

/** Takes out of a message what no message may repeat, wherever in the file it stands. */
function withoutHidden(text: string, values: unknown): string {
  if (typeof values !== "object" || values === null) return text;
  const parts = hiddenOf.get(values) ?? hiddenParts(values);
  hiddenOf.set(values, parts);
  const lower = text.toLowerCase();
  return parts
    .filter((part) => lower.includes(part.toLowerCase()))
    .reduce((shown, part) => shown.replace(new RegExp(escapeForRegExp(part), "gi"), "(not shown)"), text);
}

/** Keys of the file itself, such as `:config` or `:config.domain`, without their mark. */
function ofFile(keys: Keys): Keys | undefined {
  const [first] = keys;
  if (typeof first !== "string" || !first.startsWith(":")) return undefined;
  return first.startsWith(":config.") ? ["config", first.slice(":config.".length)] : [first.slice(1)];
}

/** The path in the file of a path of settings. Paths that start with `:` are of the file itself. */
function fileKeys(keys: Keys): Keys {
  const [first, ...rest] = keys;
  if (typeof first !== "string") return ["config", ...keys];
  const own = ofFile(keys);
  if (own !== undefined) return own;
  return ["config", first.includes(":") ? first : `${NAMESPACE}:${first}`, ...rest];
}

/** Keys that look like secrets themselves are left out, with all below them. */
function publicKeys(keys: Keys): Keys {
  const at = keys.findIndex((key) => typeof key === "string" && secretLook(key) !== undefined);
  return at === -1 ? keys : keys.slice(0, at);
}

function fallbackFix(keys: Keys, { file, values, stack }: IssuePlace): string {
  const value = valueAt(values, keys);
  const isLeaf = typeof value !== "object" || value === null;
  if (isLeaf && existsAt(values, keys))
    return `pulumi config set --path '${configKey(keys)}' <value> -s ${stack}`;
  return `edit ${file === undefined ? `Pulumi.${stack}.yaml` : basename(file)}`;
}
