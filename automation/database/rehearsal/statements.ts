/**
 * What migrations did, statement by statement, with the locks that each took: out of the log of the server that they ran
 * on. Pure.
 *
 * Three things in the log are ours (remote/database-rehearse.sh): an event before and after each DDL statement and before a
 * table is rewritten, written in the statement's own transaction, and one at each commit, while its locks are still held.
 */
import { partsOf } from "./parts";
import type { LogLine } from "./server-log";

/** Modes of locks on tables, from the weakest to the one that keeps even readers out. */
export const lockModes = [
  "AccessShareLock",
  "RowShareLock",
  "RowExclusiveLock",
  "ShareUpdateExclusiveLock",
  "ShareLock",
  "ShareRowExclusiveLock",
  "ExclusiveLock",
  "AccessExclusiveLock",
] as const;

/** A table, index, view or sequence that was there before. */
export interface Relation {
  readonly oid: number;
  /** With its schema, quoted where PostgreSQL wants it. */
  readonly name: string;
  /** As `pg_class.relkind` says it. */
  readonly kind: string;
  /** Changes when it is rewritten. */
  readonly node: number;
  /** As the planner estimates them. */
  readonly rows: number;
  readonly bytes: number;
}

/** The strongest lock that a statement took on something that was there before. */
export interface StatementLock {
  readonly relation: string;
  /** As SQL has it, such as `ACCESS EXCLUSIVE`. */
  readonly mode: string;
  /** From the beginning of the statement to the end of its transaction. Milliseconds. */
  readonly heldMs: number;
}

/** A table whose every row was written anew. */
export interface Rewrite {
  readonly relation: string;
  readonly rows: number;
  readonly bytes: number;
}

export interface RehearsedStatement {
  readonly statement: string;
  readonly milliseconds: number;
  readonly locks: readonly StatementLock[];
  readonly rewrites: readonly Rewrite[];
  /** What PostgreSQL refused it with. */
  readonly error?: string;
}

interface OurEvent {
  readonly event: "ddl_command_start" | "ddl_command_end" | "table_rewrite" | "commit";
  readonly at: number;
  readonly pid?: number;
  readonly locks: readonly (readonly [oid: number, mode: string])[];
  readonly table?: number;
}

interface Working {
  text: string;
  start: number;
  ms: number;
  ddl: boolean;
  error?: string;
  /** By relation and mode: until when, milliseconds since 1970. */
  readonly locks: Map<string, { oid: number; mode: string; until: number }>;
  readonly rewritten: Set<number>;
}

/** Statements of the migrations in their order, without those that only begin or end a transaction. */
export function rehearsedStatements(
  log: readonly LogLine[],
  before: readonly Relation[],
): RehearsedStatement[] {
  const known = new Map(before.map((relation) => [relation.oid, relation]));
  const all: Working[] = [];
  const sessions = new Map<string, Session>();
  const sessionOf = (process: string): Session => {
    const found = sessions.get(process) ?? new Session(known);
    sessions.set(process, found);
    return found;
  };
  for (const line of between(log)) {
    const ours = ourEvent(line.message);
    if (ours !== undefined) {
      sessionOf(ours.pid === undefined ? line.process : String(ours.pid)).note(ours);
      continue;
    }
    all.push(...sessionOf(line.process).line(line));
  }
  return all.map((each) => told(each, known));
}

/** Lines from the mark before the migrations to the one behind them; to the end where that is missing. */
function between(log: readonly LogLine[]): readonly LogLine[] {
  const marked = (event: string): number =>
    log.findIndex(({ message }) => message === `groundwork {"event": "${event}"}`);
  const [first, last] = [marked("migrations"), marked("migrated")];
  return first < 0 ? [] : log.slice(first + 1, last < 0 ? undefined : last);
}

function ourEvent(message: string): OurEvent | undefined {
  if (!message.startsWith("groundwork {")) return undefined;
  return JSON.parse(message.slice("groundwork ".length)) as OurEvent;
}

/** One connection of the migrations. */
class Session {
  /** Of the statement that is at work. */
  private events: OurEvent[] = [];
  /** Of the transaction that is open. */
  private statements: Working[] = [];
  /** Who took which lock in the open transaction, by relation and mode. */
  private open = new Map<string, { oid: number; mode: string; by: Working }>();
  /** Parsing and planning come as lines of their own, before the execution. */
  private prepared = 0;

  constructor(private readonly known: ReadonlyMap<number, Relation>) {}

  note(event: OurEvent): void {
    this.events.push(event);
  }

  /** What was done by the line's end: one statement, or the parts of a message that held several. */
  line({ at, message, outside, query, severity }: LogLine): Working[] {
    if (severity === "ERROR" && query !== "") {
      const failed = working(query, at, at);
      failed.error = message;
      this.end();
      return [failed];
    }
    const [, duration, phase, text] =
      /^duration: ([\d.]+) ms {2}(statement|parse|bind|execute)[^:]*: ([\s\S]*)$/.exec(message) ?? [];
    if (duration === undefined || text === undefined) return [];
    const ms = Number(duration);
    if (phase === "parse" || phase === "bind") {
      this.prepared += ms;
      return [];
    }
    const start = at - ms - this.prepared;
    this.prepared = 0;
    const events = this.events;
    this.events = [];
    const isControl = controls(text);
    const commit = events.findLast(({ event }) => event === "commit");
    // Waiting for the observer is no part of it.
    const parts = partsOf(text, events, start, Math.min(at, commit?.at ?? at)).map((part) => {
      const each = working(part.text, part.start, part.end);
      each.ddl = part.ddl;
      return each;
    });
    const own = isControl ? [] : parts;
    this.take(own, events);
    if (outside) {
      this.release(at);
      this.end();
    } else {
      this.statements.push(...own);
    }
    return own.filter((part) => !controls(part.text));
  }

  /** Says of each lock who took it, by the order in which locks were seen. */
  private take(own: readonly Working[], events: readonly OurEvent[]): void {
    const earlier = [...this.statements];
    events.forEach((event, index) => {
      const current = own.find(({ ddl, ms, start }) => ddl && event.at >= start && event.at <= start + ms);
      const before = own.filter(({ start }) => start < (current?.start ?? Infinity));
      // What a DDL statement finds before its own work was taken by those before it, unless it is one part of a whole.
      const found = event.event === "ddl_command_start" && (index === 0 || event.at === current?.start);
      const candidates =
        event.event === "commit"
          ? [...earlier, ...own]
          : found
            ? [...earlier, ...before, ...(current !== undefined && isCompound(current.text) ? [current] : [])]
            : current === undefined
              ? own
              : [current];
      for (const [oid, mode] of event.locks) {
        const key = `${oid} ${mode}`;
        if (this.open.has(key)) continue;
        const by = this.taker(candidates, oid, mode) ?? current ?? own.at(-1);
        if (by !== undefined) this.open.set(key, { oid, mode, by });
      }
      if (event.table !== undefined) (current ?? own.at(-1))?.rewritten.add(event.table);
      if (event.event === "commit") this.release(event.at);
    });
  }

  /** The one that names the relation, among those that no event of their own tells of, and that take such locks. */
  private taker(candidates: readonly Working[], oid: number, mode: string): Working | undefined {
    const name = this.known.get(oid)?.name.split(".").at(-1)?.replaceAll('"', "") ?? "";
    const silent = candidates.filter(({ ddl }) => !ddl);
    const able = silent.filter(({ text }) => isCompound(text) || takesStrongLocks(text) === isStrong(mode));
    const likely = able.length > 0 ? able : silent;
    return (
      likely.find(({ text }) => name !== "" && text.includes(name)) ?? likely.at(-1) ?? candidates.at(-1)
    );
  }

  private release(at: number): void {
    for (const [key, { by, mode, oid }] of this.open) {
      by.locks.set(key, { oid, mode, until: Math.max(at, by.locks.get(key)?.until ?? 0) });
    }
    this.open.clear();
    this.statements = [];
  }

  private end(): void {
    this.events = [];
    this.open.clear();
    this.statements = [];
    this.prepared = 0;
  }
}

function working(text: string, start: number, end: number): Working {
  return { text, start, ms: end - start, ddl: false, locks: new Map(), rewritten: new Set() };
}

/** Statements that only begin or end a transaction. */
function controls(text: string): boolean {
  return /^\s*(begin|start\s+transaction|commit|end|rollback|abort)\b[^;]*;?\s*$/i.test(text);
}

/** Statements that hold others: a block, a call, several in one message. */
function isCompound(text: string): boolean {
  return /^\s*(do|call|select|with|execute)\b/i.test(text) || /;\s*\S/.test(text);
}

/** Commands that event triggers do not tell of, although they lock whole tables. */
function takesStrongLocks(text: string): boolean {
  return /^\s*(lock|truncate|vacuum|analyze|cluster)\b/i.test(text);
}

function isStrong(mode: string): boolean {
  return strength(mode) > strength("RowExclusiveLock");
}

function told(statement: Working, known: ReadonlyMap<number, Relation>): RehearsedStatement {
  const { error, locks, ms, rewritten, start, text } = statement;
  // Of several modes on one relation the strongest says what others had to wait for.
  const strongest = new Map<string, StatementLock>();
  for (const { mode, oid, until } of [...locks.values()].sort(byStrength)) {
    const relation = known.get(oid)?.name;
    if (relation === undefined || mode === "AccessShareLock" || strongest.has(relation)) continue;
    strongest.set(relation, {
      relation,
      mode: modeInSql(mode),
      heldMs: rounded(Math.max(0, until - start)),
    });
  }
  return {
    statement: text.trim().replace(/\s+/g, " "),
    milliseconds: rounded(ms),
    locks: [...strongest.values()],
    rewrites: [...rewritten].flatMap((oid) => {
      const relation = known.get(oid);
      return relation === undefined ? [] : [rewriteOf(relation)];
    }),
    ...(error === undefined ? {} : { error }),
  };
}

export function rewriteOf({ bytes, name, rows }: Relation): Rewrite {
  return { relation: name, rows, bytes };
}

/** `AccessExclusiveLock` -> `ACCESS EXCLUSIVE`. */
export function modeInSql(mode: string): string {
  return mode
    .replace(/Lock$/, "")
    .replace(/(?<=[a-z])(?=[A-Z])/g, " ")
    .toUpperCase();
}

function byStrength(
  one: { readonly mode: string; readonly oid: number },
  other: { readonly mode: string; readonly oid: number },
): number {
  return strength(other.mode) - strength(one.mode) || one.oid - other.oid;
}

function strength(mode: string): number {
  return lockModes.findIndex((each) => each === mode);
}

function rounded(milliseconds: number): number {
  return Math.round(milliseconds * 10) / 10;
}
