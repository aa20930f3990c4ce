import { UserError } from "../../common/user-error";
import { configKey, configPath, type Keys } from "./paths";

/** One mistake in a stack file. No text of it ever holds a secret. */
export interface SettingsIssue {
  /** The file, as it was given; undefined where the settings did not come from a file. */
  readonly file: string | undefined;
  /** Counted from 1; undefined where the position is not known. */
  readonly line: number | undefined;
  readonly column: number | undefined;
  /** Where it is, as `pulumi config --path` takes it, without the namespace: `origins.api.hostnames[0]`. */
  readonly path: string;
  /** The same as a list of keys. */
  readonly keys: Keys;
  /** True: the path is one of the file itself (`config`, `encryptionsalt`), not of the settings. */
  readonly ofFile: boolean;
  /** What is wrong. */
  readonly what: string;
  /** The value received, where it can be shown. */
  readonly value: string | undefined;
  /** What is allowed instead. */
  readonly allowed: string | undefined;
  /** A command or an edit that mends it. */
  readonly fix: string;
}

/** What a rule says of one place; the rest of the issue is found from the file. */
export interface Finding {
  readonly keys: Keys;
  readonly what: string;
  /** True: show the value that stands there (never one that could be a secret). Text: show that instead. */
  readonly value?: boolean | string;
  readonly allowed?: string | undefined;
  readonly fix?: string | undefined;
  /** Point at the key instead of its value. */
  readonly atKey?: boolean;
}

/** One issue as lines for a terminal. */
export function formatIssue(issue: SettingsIssue): string {
  const place = [issue.file, issue.line, issue.column].filter((part) => part !== undefined).join(":");
  const path = issue.path === "" ? "" : placeName(issue);
  const lines = [[place, path].filter((part) => part !== "").join("  ")];
  lines.push(issue.value === undefined ? `  ${issue.what}` : `  ${issue.what}: ${issue.value}`);
  if (issue.allowed !== undefined) lines.push(`  allowed: ${issue.allowed}`);
  lines.push(`  fix: ${issue.fix}`);
  return lines.join("\n");
}

/** `groundwork:origins.api.port`; what is of the file itself (`config`, `encryptionsalt`) as it is. */
function placeName({ keys, path, ofFile }: SettingsIssue): string {
  return ofFile ? path : configKey(keys);
}

/** Everything that is wrong with one stack file, or with several together. */
export class SettingsError extends UserError {
  constructor(readonly issues: readonly SettingsIssue[]) {
    const files = [...new Set(issues.map(({ file }) => file ?? "the stack's settings"))].join(", ");
    const count = issues.length === 1 ? "a mistake" : `${issues.length} mistakes`;
    super({ what: `${files}: ${count}\n\n${issues.map(formatIssue).join("\n\n")}\n` });
  }
}

/** The order in which people read: by line, then by path. */
export function sortIssues(issues: readonly SettingsIssue[]): SettingsIssue[] {
  const last = Number.MAX_SAFE_INTEGER;
  return [...issues].sort(
    (a, b) =>
      (a.line ?? last) - (b.line ?? last) ||
      (a.column ?? last) - (b.column ?? last) ||
      configPath(a.keys).localeCompare(configPath(b.keys)) ||
      a.what.localeCompare(b.what),
  );
}
