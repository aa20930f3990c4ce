import { isDeepStrictEqual } from "node:util";
import { checkSettings } from "./check";
import { parseStackDocument, type StackDocument } from "./document";
import { isEngineMoment } from "./engine-reading";
import { type Finding, type SettingsIssue, sortIssues } from "./issue";
import { isRecord, type Keys, NAMESPACE } from "./paths";
import { isPrivateKey, needsPassphrase } from "./private-key";
import { setSecretCommand } from "./rules/secrets";
import type { RequiredSecret, Settings } from "./settings-type";
import { stackNameOf } from "./tier";
import { decode, inspectStackFile, issueOf } from "./validate";

/** A running program's configuration, as the engine hands it over: decrypted. */
export interface ProgramConfig {
  /** Full key (`groundwork:origins`) -> text; maps and lists as JSON. */
  readonly config: Readonly<Record<string, string>>;
  /** Which of them hold something encrypted. */
  readonly secretKeys: readonly string[];
  readonly stack: string;
  /** The stack's file where it was found, for line numbers and to tell what is encrypted in it. */
  readonly source?: { readonly file: string; readonly text: string } | undefined;
  /** The environment's CLOUDFLARE_API_TOKEN, which stands in for the secret that the settings name. @default none; empty is none */
  readonly apiToken?: string | undefined;
}

/** Settings with the secrets that they name, or everything that is wrong. */
export type FromConfig =
  | { readonly settings: Settings; readonly secrets: Readonly<Record<string, string>> }
  | { readonly issues: readonly SettingsIssue[] };

/** Reads and checks what the engine handed over. Pure; never throws, and no issue holds a secret. */
export function settingsFromConfig(input: ProgramConfig): FromConfig {
  const stack = stackNameOf(input.stack);
  const findings: Finding[] = [];
  const values: Record<string, unknown> = {};
  const foreign: Record<string, unknown> = {};
  for (const [key, text] of Object.entries(input.config)) {
    if (!key.startsWith(`${NAMESPACE}:`)) {
      if (!input.secretKeys.includes(key)) foreign[key] = text;
      continue;
    }
    const name = key.slice(NAMESPACE.length + 1);
    if (name === "secrets") continue;
    values[name] = text === "true" || text === "false" ? text === "true" : decode(name, text);
  }
  const secrets = readSecrets(input.config[`${NAMESPACE}:secrets`], findings, stack);
  const source = input.source === undefined ? undefined : parseSource(input.source, stack, values);
  for (const key of input.secretKeys) {
    const name = key.slice(NAMESPACE.length + 1);
    if (!key.startsWith(`${NAMESPACE}:`) || name === "secrets" || source !== undefined) continue;
    findings.push({
      keys: [name],
      what: "something in it is encrypted; secrets stand in groundwork:secrets only",
      allowed: "secrets in groundwork:secrets, named elsewhere",
      fix: `move it: ${setSecretCommand("NAME", stack)}`,
    });
  }
  // A file that is at hand and says the same has it in quotes.
  if (source === undefined) findings.push(...engineMoments(values));
  const environment = secretsOfEnvironment(values["cloudflare"], input.apiToken);
  const isSealed = input.secretKeys.includes(`${NAMESPACE}:secrets`);
  const checked = checkSettings({
    stack,
    values,
    foreign,
    secrets: {
      present: Object.keys(secrets),
      plain: source?.plain ?? (isSealed ? [] : Object.keys(secrets)),
    },
    otherSecrets: Object.keys(environment),
    requireSecrets: true,
  });
  findings.push(...(source?.encrypted ?? []), ...checked.findings);
  const all = { ...environment, ...secrets };
  if (checked.settings !== undefined)
    findings.push(...wrongSecrets(checked.settings.requiredSecrets, all, stack));
  if (findings.length === 0 && checked.settings !== undefined)
    return { settings: checked.settings, secrets: all };
  const place = {
    file: input.source?.file,
    stack,
    values: { ...values, ...foreign },
    document: source?.document,
  };
  return { issues: sortIssues(findings.map((finding) => issueOf(finding, place))) };
}

/** The file tells what is encrypted and where things stand; one that says something else than the engine is not it. */
function parseSource(
  { file, text }: { readonly file: string; readonly text: string },
  stack: string,
  values: Readonly<Record<string, unknown>>,
):
  | {
      readonly document: StackDocument;
      readonly plain: readonly string[];
      readonly encrypted: readonly Finding[];
    }
  | undefined {
  const document = parseStackDocument(text);
  if (document.mistakes.length > 0 || !isRecord(document.root) || !isRecord(document.root.config))
    return undefined;
  const config = document.root.config;
  const same = Object.entries(values).every(([name, value]) => {
    const own = config[`${NAMESPACE}:${name}`];
    return (
      isDeepStrictEqual(decode(name, own), value) ||
      String(own) === String(value) ||
      JSON.stringify(own) === undefined
    );
  });
  if (!same) return undefined;
  const { issues } = inspectStackFile({ file, text, stack }, { secrets: "optional" });
  const plain = issues.filter(({ keys, what }) => keys[0] === "secrets" && what.includes("in plain text"));
  const encrypted = issues.filter(({ what }) => what.startsWith("an encrypted value outside"));
  return {
    document,
    plain: plain.map(({ keys }) => String(keys[1])),
    encrypted: encrypted.map(({ keys, what, allowed, fix }) => ({ keys, what, allowed, fix })),
  };
}

/** Dates without quotes, of which the engine has made moments. */
function engineMoments(value: unknown, keys: Keys = []): Finding[] {
  if (Array.isArray(value)) return value.flatMap((item, index) => engineMoments(item, [...keys, index]));
  if (isRecord(value))
    return Object.entries(value).flatMap(([name, inner]) => engineMoments(inner, [...keys, name]));
  if (typeof value !== "string" || !isEngineMoment(value)) return [];
  return [
    {
      keys,
      what: "the engine has read a date without quotes as a moment",
      value: true,
      allowed: 'dates in quotes: "2024-06-20"',
      fix: "put it in quotes in the stack file",
    },
  ];
}

function secretsOfEnvironment(cloudflare: unknown, apiToken = ""): Record<string, string> {
  if (apiToken === "") return {};
  const named = isRecord(cloudflare) ? cloudflare["apiTokenSecret"] : undefined;
  return { [typeof named === "string" ? named : "CLOUDFLARE_API_TOKEN"]: apiToken };
}

function readSecrets(text: string | undefined, findings: Finding[], stack: string): Record<string, string> {
  if (text === undefined) return {};
  const wrong = (): Record<string, string> => {
    findings.push({
      keys: ["secrets"],
      what: "groundwork:secrets is not a map of names to texts",
      allowed: "name -> secret text, set one by one or as one map of JSON",
      fix: setSecretCommand("NAME", stack),
    });
    return {};
  };
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    return wrong();
  }
  if (!isRecord(parsed) || Object.values(parsed).some((value) => typeof value !== "string")) return wrong();
  return parsed as Record<string, string>;
}

/** Secrets that cannot be what they are for, by their form. */
function wrongSecrets(
  required: readonly RequiredSecret[],
  secrets: Readonly<Record<string, string>>,
  stack: string,
): Finding[] {
  return required.flatMap(({ name, purpose }): Finding[] => {
    const value = secrets[name] ?? "";
    const complain = (what: string, allowed: string): Finding[] => [
      {
        keys: ["secrets", name],
        what: `the secret ${name} ${what}`,
        allowed,
        fix: setSecretCommand(name, stack, purpose),
      },
    ];
    if (value.trim() === "") return complain("is empty", "a text that is not empty");
    if (purpose === "ssh-private-key" && !isPrivateKey(value)) {
      return complain("is not a private key", "the whole text of a private key file, `-----BEGIN …` first");
    }
    if (purpose === "ssh-private-key" && needsPassphrase(value)) {
      return complain(
        "is a private key with a passphrase, for which nobody could be asked",
        "a private key without a passphrase",
      );
    }
    if (purpose === "api-token" && /\s/.test(value)) {
      return complain("has white space in it", "the token alone, without quotes and line breaks");
    }
    return [];
  });
}
