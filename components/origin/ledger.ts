/** The downtime ledger: what the public address answered while a release replaced another. Pure. */

/** One request of the prober. Times are milliseconds since 1970, by the prober's clock. */
export interface ProbeSample {
  /** When it was sent. */
  readonly at: number;
  /** Milliseconds until the whole answer was there, or until it failed. */
  readonly ms: number;
  /** What was wrong with it: `HTTP 502`, `ECONNRESET`, `timeout`. Left out where it was good. */
  readonly failure?: string | undefined;
}

/** One WebSocket that the prober held. */
export interface SocketSample {
  readonly openedAt: number;
  /** Left out where it was open to the end. */
  readonly closedAt?: number | undefined;
  /** The code of the close frame; 1006 where it was cut without one. */
  readonly code?: number | undefined;
}

/** Everything that a prober has seen of a rollout. */
export interface ProbeRecord {
  readonly release: string;
  readonly url: string;
  readonly intervalMs: number;
  readonly startedAt: number;
  readonly endedAt: number;
  /** When three good answers in a row had come; left out where that never happened. */
  readonly armedAt?: number | undefined;
  /** When traffic went over to the new release, by the prober's clock; left out where it is not known. */
  readonly switchedAt?: number | undefined;
  readonly samples: readonly ProbeSample[];
  readonly sockets: readonly SocketSample[];
  /** Whether the release was switched back because of failures. */
  readonly aborted?: boolean | undefined;
  /** How often the connection to the host was made anew. */
  readonly reconnects?: number | undefined;
  /** What else a reader should know. */
  readonly notes?: readonly string[] | undefined;
}

/** What came of the requests of a span of time. */
export interface LedgerSpan {
  readonly requests: number;
  readonly failures: number;
  /** Milliseconds of half of the good answers; left out where there was none. */
  readonly p50?: number;
  /** Milliseconds of 99 in 100 good answers. */
  readonly p99?: number;
  /** Longest time without a good answer, in milliseconds. One interval is what there is in the best of times. */
  readonly longestGap: number;
}

/** Kept beside the release as ledger.json, shown by `groundwork up` and `groundwork releases`. */
export interface Ledger {
  readonly version: 1;
  readonly release: string;
  readonly url: string;
  /** ISO 8601, by the clock of the deploying machine. */
  readonly startedAt: string;
  readonly switchedAt?: string;
  /** Seconds that were watched. */
  readonly seconds: number;
  readonly intervalMs: number;
  /** Whether the address answered before the switch, so that failures after it are the release's. */
  readonly armed: boolean;
  /** From the first good answers to the switch: what network and machine do without a release. */
  readonly before: LedgerSpan;
  /** From the switch to the end: what the release is answerable for. */
  readonly after: LedgerSpan;
  /** Failures after the switch; 0 where nothing answered before it. */
  readonly lost: number;
  /** What the lost ones were, such as `{"HTTP 502": 3}`. */
  readonly lostAs: Readonly<Record<string, number>>;
  readonly sockets: {
    readonly opened: number;
    /** Ended by a close frame, as a server that drains does. */
    readonly closed: number;
    /** Ended without one, after the switch. */
    readonly dropped: number;
    /** Milliseconds that the first of those open at the switch lived on after it. Left out where none was closed. */
    readonly keptMs?: number;
  };
  readonly aborted: boolean;
  readonly reconnects: number;
  readonly notes: readonly string[];
}

/**
 * When the switch was is known to some tenths of a second, as it was heard of over the network: failures up to so many
 * milliseconds before it count as after it, so that none of the release's is taken for the network's.
 */
export const switchGuardMs = 300;

/** Draws up the ledger. */
export function ledgerOf(record: ProbeRecord): Ledger {
  const { armedAt, switchedAt, startedAt, endedAt, samples, sockets } = record;
  const boundary = switchedAt === undefined ? endedAt : switchedAt - switchGuardMs;
  const armed = armedAt !== undefined && (switchedAt === undefined || armedAt <= switchedAt);
  const from = armedAt ?? endedAt;
  const counted = samples.filter(({ at, ms }) => at + ms >= from);
  const before = counted.filter((sample) => endOf(sample) < boundary);
  const after = switchedAt === undefined ? [] : counted.filter((sample) => endOf(sample) >= boundary);
  const lostOnes = armed ? after.flatMap(({ failure }) => (failure === undefined ? [] : [failure])) : [];
  const closed = sockets.filter(({ code }) => code !== undefined && code !== 1006);
  const dropped = sockets.filter(
    ({ code, closedAt = 0 }) => code === 1006 && switchedAt !== undefined && closedAt >= boundary,
  );
  const kept = sockets.flatMap(({ openedAt, closedAt }) =>
    switchedAt === undefined || closedAt === undefined || openedAt > switchedAt || closedAt < boundary
      ? []
      : [Math.max(0, closedAt - switchedAt)],
  );
  return {
    version: 1,
    release: record.release,
    url: record.url,
    startedAt: iso(startedAt),
    ...(switchedAt === undefined ? {} : { switchedAt: iso(switchedAt) }),
    seconds: Math.round((endedAt - startedAt) / 100) / 10,
    intervalMs: record.intervalMs,
    armed,
    before: spanOf(
      before,
      armedAt === undefined ? [] : [armedAt, Math.max(armedAt, Math.min(boundary, endedAt))],
    ),
    after: spanOf(after, afterBounds(counted, boundary, endedAt, switchedAt)),
    lost: lostOnes.length,
    lostAs: tally(lostOnes),
    sockets: {
      opened: sockets.length,
      closed: closed.length,
      dropped: dropped.length,
      ...(kept.length === 0 ? {} : { keptMs: Math.round(Math.min(...kept)) }),
    },
    aborted: record.aborted ?? false,
    reconnects: record.reconnects ?? 0,
    notes: record.notes ?? [],
  };
}

/** The gap over the switch begins with the last good answer before it. */
function afterBounds(
  counted: readonly ProbeSample[],
  boundary: number,
  endedAt: number,
  switchedAt: number | undefined,
): readonly number[] {
  if (switchedAt === undefined) return [];
  const lastGood = Math.max(
    ...counted.filter((sample) => sample.failure === undefined && endOf(sample) < boundary).map(endOf),
    Number.NEGATIVE_INFINITY,
  );
  return Number.isFinite(lastGood) ? [lastGood, endedAt] : [endedAt];
}

function endOf({ at, ms }: ProbeSample): number {
  return at + ms;
}

/** @param bounds moments that end a gap besides good answers: the span's own begin and end */
function spanOf(samples: readonly ProbeSample[], bounds: readonly number[]): LedgerSpan {
  const good = samples.filter(({ failure }) => failure === undefined);
  const times = good.map(({ ms }) => ms).sort((one, other) => one - other);
  return {
    requests: samples.length,
    failures: samples.length - good.length,
    ...(times.length === 0 ? {} : { p50: percentile(times, 50), p99: percentile(times, 99) }),
    longestGap: longestGap([...good.map(endOf), ...bounds]),
  };
}

/** Nearest rank, of sorted numbers. @throws Error for an empty list */
export function percentile(sorted: readonly number[], percent: number): number {
  const value = sorted[Math.max(0, Math.ceil((percent / 100) * sorted.length) - 1)];
  if (value === undefined) throw new Error("no percentile of nothing");
  return Math.round(value * 10) / 10;
}

/** The longest time between two neighbouring moments; 0 for fewer than two. */
export function longestGap(moments: readonly number[]): number {
  const sorted = [...moments].sort((one, other) => one - other);
  const gaps = sorted.slice(1).map((moment, index) => moment - (sorted[index] ?? moment));
  return Math.round(gaps.reduce((longest, gap) => Math.max(longest, gap), 0));
}

function tally(words: readonly string[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const word of words) counts[word] = (counts[word] ?? 0) + 1;
  return counts;
}

function iso(at: number): string {
  return new Date(at).toISOString();
}

/** What decides whether to switch back. */
export interface AbortQuestion {
  readonly armedAt: number | undefined;
  readonly switchedAt: number | undefined;
  readonly samples: readonly ProbeSample[];
  /** So many failures in a row; 0 is never. */
  readonly abortAfter: number;
}

/** A network of our own that loses more than this share of requests before the switch says nothing about a release. */
export const noisyControl = 0.05;

/**
 * Whether the new release fails so much that the old one should come back: `abortAfter` failures in a row that began
 * after the switch, at an address that answered before it over a network that lost next to nothing.
 */
export function shouldAbort({ armedAt, switchedAt, samples, abortAfter }: AbortQuestion): boolean {
  if (abortAfter <= 0 || armedAt === undefined || switchedAt === undefined || armedAt > switchedAt)
    return false;
  const control = samples.filter(
    (sample) => sample.at >= armedAt && endOf(sample) < switchedAt - switchGuardMs,
  );
  const lost = control.filter(({ failure }) => failure !== undefined).length;
  if (control.length === 0 || lost > control.length * noisyControl) return false;
  const latest = samples
    .filter(({ at }) => at >= switchedAt)
    .sort((one, other) => one.at - other.at)
    .slice(-abortAfter);
  return latest.length === abortAfter && latest.every(({ failure }) => failure !== undefined);
}

/**
 * The prober's time of an event of the host, whose clock may be another: the host's own stamp, moved by the smallest
 * difference that any of its events had when it came in.
 *
 * @param events stamp of the host and time of arrival here, of all events so far
 */
export function localTime(
  stamp: number,
  events: readonly { readonly at: number; readonly heardAt: number }[],
): number {
  return stamp + Math.min(...events.map(({ at, heardAt }) => heardAt - at));
}

/** One line for people: `62 requests, 0 lost, p50 3 ms, p99 12 ms, longest gap 104 ms (101 before), …`. */
export function ledgerLine(ledger: Ledger): string {
  const { after, before, sockets } = ledger;
  const parts = [`${before.requests + after.requests} requests`];
  if (ledger.armed && ledger.switchedAt !== undefined) {
    parts.push(`${ledger.lost} lost${lostText(ledger.lostAs)}`);
    if (after.p50 !== undefined && after.p99 !== undefined)
      parts.push(`p50 ${after.p50} ms, p99 ${after.p99} ms`);
    parts.push(`longest gap ${after.longestGap} ms (${before.longestGap} ms before the switch)`);
  }
  if (sockets.opened > 0) {
    const kept = sockets.keptMs === undefined ? "" : ` after ${(sockets.keptMs / 1000).toFixed(1)} s`;
    parts.push(
      `${sockets.opened} socket${sockets.opened === 1 ? "" : "s"} opened, ${sockets.dropped} dropped` +
        (sockets.closed > 0 ? `, ${sockets.closed} closed with a frame${kept}` : ""),
    );
  }
  if (ledger.aborted) parts.push("switched back");
  return [parts.join(", "), ...ledger.notes].join("; ");
}

function lostText(lostAs: Readonly<Record<string, number>>): string {
  const kinds = Object.entries(lostAs).map(([kind, count]) => `${count} × ${kind}`);
  return kinds.length === 0 ? "" : ` (${kinds.join(", ")})`;
}

/** Reads a ledger back from JSON of a host; undefined where it is none. */
export function readLedger(value: unknown): Ledger | undefined {
  if (typeof value !== "object" || value === null) return undefined;
  const ledger = value as Partial<Ledger>;
  const complete =
    ledger.version === 1 &&
    typeof ledger.lost === "number" &&
    typeof ledger.after?.longestGap === "number" &&
    typeof ledger.before?.longestGap === "number" &&
    typeof ledger.sockets?.opened === "number" &&
    Array.isArray(ledger.notes);
  return complete ? (ledger as Ledger) : undefined;
}
