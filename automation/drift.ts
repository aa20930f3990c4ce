import { mkdir, readFile, rename, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import { UserError, withCode } from "../common/user-error";
import type { PropertyChange, Report } from "../report";
import type { StackState } from "./state";

/** One thing that is otherwise than the state knows it. */
export interface DriftItem {
  readonly urn: string;
  readonly type: string;
  readonly name: string;
  /** What it is, in words: `DNS record A api.example.com → 203.0.113.10`. */
  readonly title: string;
  /** `gone`: it is not there any more. */
  readonly what: "changed" | "gone";
  /** What differs: `before` as the state has it, `after` as it is. Secrets are left out. */
  readonly properties: readonly PropertyChange[];
  /** When a check found it for the first time, ISO 8601. */
  readonly knownSince: string;
  /** It was still as recorded then, ISO 8601: at the check before, or when a run wrote it. */
  readonly asRecordedAt?: string;
}

/** What was changed outside of the code. */
export interface Drift {
  /** ISO 8601. */
  readonly checkedAt: string;
  readonly drifted: boolean;
  readonly items: readonly DriftItem[];
  /** Command that takes what is there into the state; the stack file has to say the same, or the next `up` reverts it. */
  readonly adopt: string;
  /** Command that makes it what the stack file says. */
  readonly revert: string;
  /** The same as a report, with what else it says. */
  readonly report: Report;
}

/** What checks remember of each other: no value, only when. */
export interface KnownDrift {
  /** The last check. */
  readonly checkedAt: string;
  /** By URN: the check that found it first, and when it was still as recorded. */
  readonly since: Readonly<Record<string, { readonly first: string; readonly recorded?: string }>>;
}

/**
 * What a check found, with since when it is known. Pure.
 *
 * @param report of a refresh that changes nothing, of kind `drift`
 * @param known what earlier checks remember. Default: this is the first
 */
export function driftOf(
  report: Report,
  state: StackState,
  known: KnownDrift | undefined,
  checkedAt: string,
): Drift {
  const modified = new Map((state.resources ?? []).map((resource) => [resource.urn, resource.modified]));
  const items = report.changes
    .filter(({ operation }) => operation === "update" || operation === "delete" || operation === "replace")
    .map(({ urn, type, name, title, operation, properties }): DriftItem => {
      const before = known?.since[urn];
      // A run may have written it after the last check.
      const recorded = before === undefined ? latest(modified.get(urn), known?.checkedAt) : before.recorded;
      return {
        ...{ urn, type, name, title, what: operation === "delete" ? "gone" : "changed", properties },
        knownSince: before?.first ?? checkedAt,
        ...(recorded === undefined ? {} : { asRecordedAt: recorded }),
      };
    });
  return {
    checkedAt,
    drifted: items.length > 0,
    items,
    adopt: `npx groundwork refresh -s ${report.stack}`,
    revert: `npx groundwork up -s ${report.stack} --refresh`,
    report: { ...report, drift: { checkedAt, items: items.map(sectionItem) } },
  };
}

function latest(...times: (string | undefined)[]): string | undefined {
  return times
    .filter((time) => time !== undefined)
    .sort((one, other) => Date.parse(one) - Date.parse(other))
    .at(-1);
}

function sectionItem({ urn, title, what, properties, knownSince }: DriftItem) {
  const paths = properties.map(({ path }) => path).join(", ");
  return { urn, title, what: what === "gone" ? "is gone" : `was changed: ${paths}`, knownSince };
}

/** What this check leaves for the next one. */
export function remembered({ checkedAt, items }: Drift): KnownDrift {
  const since = items.map(({ urn, knownSince: first, asRecordedAt: recorded }) => [
    urn,
    { first, ...(recorded === undefined ? {} : { recorded }) },
  ]);
  return { checkedAt, since: Object.fromEntries(since) as KnownDrift["since"] };
}

/** What earlier checks remember; undefined where there was none, or its file is no whole one. */
export async function readKnown(file: string): Promise<KnownDrift | undefined> {
  try {
    const known = JSON.parse(await readFile(file, "utf8")) as KnownDrift;
    return typeof known.checkedAt === "string" && typeof known.since === "object" ? known : undefined;
  } catch {
    return undefined;
  }
}

/** @throws UserError where it cannot be written */
export async function writeKnown(file: string, known: KnownDrift): Promise<void> {
  try {
    await mkdir(dirname(file), { recursive: true });
    await writeFile(`${file}.${process.pid}`, `${JSON.stringify(known, undefined, 1)}\n`);
    await rename(`${file}.${process.pid}`, file);
  } catch (cause) {
    throw new UserError({
      what: "since when each difference is known cannot be kept for the next check",
      value: withCode(file, cause),
      allowed: "a file in a folder that is there, or can be made",
      next: "name another one: --known FILE",
      cause,
    });
  }
}
