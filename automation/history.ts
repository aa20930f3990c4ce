import type { CiRun } from "./locks/ci-run";
import type { ChangeCounts } from "./changes";

/** One run of the past. */
export interface HistoryEntry {
  /** Number of the run; a file backend counts none. */
  readonly version?: number;
  /** `update`, `refresh`, `destroy` … */
  readonly kind: string;
  readonly result: "succeeded" | "failed" | "in-progress" | "not-started";
  /** ISO 8601. */
  readonly startedAt: string;
  readonly endedAt?: string;
  readonly seconds?: number;
  readonly message?: string;
  readonly changes: ChangeCounts;
  readonly by: HistoryOrigin;
}

/** What a run came from, as far as it was known there. */
export interface HistoryOrigin {
  readonly author?: string;
  readonly commit?: string;
  readonly branch?: string;
  /** The checkout had changes that were not committed. */
  readonly dirty?: boolean;
  readonly ci?: CiRun;
}

interface RawEntry {
  readonly version?: number;
  readonly kind: string;
  readonly result: HistoryEntry["result"];
  readonly startTime: string;
  readonly endTime?: string;
  readonly message?: string;
  readonly resourceChanges?: ChangeCounts;
  readonly environment?: Readonly<Record<string, string>>;
}

/** Reads `pulumi stack history --json`, the newest first. Settings that the engine keeps with a run are left out. */
export function parseHistory(text: string): HistoryEntry[] {
  return (JSON.parse(text) as readonly RawEntry[]).map((raw) => {
    const startedAt = new Date(raw.startTime).toISOString();
    const endedAt =
      raw.endTime === undefined || raw.result === "in-progress"
        ? undefined
        : new Date(raw.endTime).toISOString();
    return {
      ...(raw.version === undefined || raw.version === 0 ? {} : { version: raw.version }),
      kind: raw.kind,
      result: raw.result,
      startedAt,
      ...(endedAt === undefined
        ? {}
        : { endedAt, seconds: (Date.parse(endedAt) - Date.parse(startedAt)) / 1000 }),
      ...(raw.message ? { message: raw.message } : {}),
      changes: raw.resourceChanges ?? {},
      by: originOf(raw.environment ?? {}),
    };
  });
}

function originOf(environment: Readonly<Record<string, string>>): HistoryOrigin {
  const author = environment["git.author"] || environment["git.committer"];
  const branch = environment["git.headName"]?.replace(/^refs\/heads\//, "");
  const system = environment["ci.system"];
  const url = environment["ci.build.url"];
  return {
    ...(author ? { author } : {}),
    ...(environment["git.head"] ? { commit: environment["git.head"] } : {}),
    ...(branch ? { branch } : {}),
    ...(environment["git.dirty"] === undefined ? {} : { dirty: environment["git.dirty"] === "true" }),
    ...(system ? { ci: { system, ...(url ? { url } : {}) } } : {}),
  };
}
