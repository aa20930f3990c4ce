/** What the host tells of a rehearsal -> problems and warnings. Pure. */
import type { RehearsalRecord, RollbackCheck } from "./record";
import { readServerLog } from "./server-log";
import { rehearsedStatements, type RehearsedStatement, type Relation, rewriteOf } from "./statements";

/** What `database-rehearse` prints. */
export interface HostRehearsal {
  readonly source: "backup" | "live";
  readonly backup: string;
  readonly at: string;
  readonly image: string;
  /** Exit code of the migrations. */
  readonly code: number;
  readonly output: string;
  readonly again: string;
  readonly exact: boolean;
  readonly before: readonly HostRelation[];
  readonly after: readonly HostRelation[];
  readonly log: string;
  readonly previous: string;
  readonly checks: readonly RollbackCheck[];
  readonly seconds: RehearsalRecord["seconds"];
}

type HostRelation = readonly [
  oid: number,
  name: string,
  kind: string,
  node: number,
  rows: number,
  bytes: number,
];

/** What it is judged by. */
export interface Judging {
  readonly limitMs: number;
  /** Whether the stack file says that releases of before cannot work with the new schema. */
  readonly breaking: boolean;
  /** Takes secrets out of a text. */
  readonly redact: (text: string) => string;
}

export type Verdict = Pick<
  RehearsalRecord,
  "statements" | "statementsLeftOut" | "dropped" | "problems" | "warnings" | "passed"
>;

const mostStatements = 500;
const longestStatement = 300;

export function verdictOf(host: HostRehearsal, { breaking, limitMs, redact }: Judging): Verdict {
  const before = host.before.map(relationOf);
  const after = new Map(host.after.map(relationOf).map((relation) => [relation.oid, relation]));
  const log = Buffer.from(host.log, "base64").toString("utf8");
  const found = rehearsedStatements(readServerLog(log), before).map((each) => ({
    ...each,
    statement: cut(redact(each.statement)),
    ...(each.error === undefined ? {} : { error: cut(redact(each.error)) }),
  }));
  const { unclaimed, statements } = withOtherRewrites(found, before, after);
  const dropped = before
    .filter(({ kind, oid }) => /^[rpm]$/.test(kind) && !after.has(oid))
    .map(({ name, rows }) => `${name} (about ${rows} rows)`);
  const failed = statements.findLast(({ error }) => error !== undefined);
  const problems = [
    ...(host.code === 0 ? [] : [migrationFailure(host, failed, redact)]),
    ...(host.again === ""
      ? []
      : [`roles and grants are refused after the migrations: ${lastLine(redact(decoded(host.again)))}`]),
    ...statements.flatMap((statement) => tooLong(statement, limitMs)),
    ...(breaking ? [] : host.checks.filter(({ ok }) => !ok).map(noRollback(host.previous))),
  ];
  const warnings = [
    ...statements.flatMap(({ rewrites, statement }) =>
      rewrites.map(
        ({ bytes, relation, rows }) =>
          `rewrites ${relation} (about ${rows} rows, ${size(bytes)}): ${short(statement)}`,
      ),
    ),
    ...unclaimed.map((name) => `rewrites ${name}`),
    ...dropped.map((name) => `drops ${name}`),
    ...(host.code === 0 && host.previous === ""
      ? ["no release serves yet: there is nothing to go back to, and nothing was tried"]
      : []),
    ...(breaking && host.checks.some(({ ok }) => !ok)
      ? [`release ${host.previous} does not work with the new schema, as \`breaking\` says`]
      : []),
    ...(host.exact
      ? []
      : ["the server did not let commits be watched: locks of statements that are no DDL may be missing"]),
  ];
  return {
    statements: statements.slice(0, mostStatements),
    statementsLeftOut: Math.max(0, statements.length - mostStatements),
    dropped,
    problems,
    warnings,
    passed: problems.length === 0,
  };
}

function relationOf([oid, name, kind, node, rows, bytes]: HostRelation): Relation {
  return { oid, name, kind, node, rows, bytes };
}

function migrationFailure(
  { code, output }: HostRehearsal,
  failed: RehearsedStatement | undefined,
  redact: (text: string) => string,
): string {
  if (code === 124 || code === 137) return "the migrations took longer than their timeout";
  const why =
    failed?.error === undefined
      ? lastLine(redact(decoded(output)))
      : `${failed.error}: ${short(failed.statement)}`;
  return `the migrations failed with exit code ${code}${why === "" ? "" : `: ${why}`}`;
}

/** ACCESS EXCLUSIVE keeps even readers waiting, and who waits for it keeps those behind it waiting. */
function tooLong({ locks, statement }: RehearsedStatement, limitMs: number): string[] {
  return locks
    .filter(({ heldMs, mode }) => mode === "ACCESS EXCLUSIVE" && heldMs > limitMs)
    .map(
      ({ heldMs, relation }) =>
        `holds ACCESS EXCLUSIVE on ${relation} for ${Math.round(heldMs)} ms (at most ${limitMs} ms): ${short(statement)}`,
    );
}

function noRollback(previous: string): (check: RollbackCheck) => string {
  return ({ detail, service, what }) =>
    `no rollback to release ${previous}: ${service} ${what === "smoke" ? "fails its smoke command" : "is not well"} on the new schema (${detail})`;
}

/**
 * VACUUM FULL, CLUSTER, REFRESH and TRUNCATE tell nothing before they rewrite: the file of what they rewrote is another
 * one. Who had it under ACCESS EXCLUSIVE has done it.
 */
function withOtherRewrites(
  statements: readonly RehearsedStatement[],
  before: readonly Relation[],
  after: ReadonlyMap<number, Relation>,
): { readonly statements: RehearsedStatement[]; readonly unclaimed: string[] } {
  const told = new Set(statements.flatMap(({ rewrites }) => rewrites.map(({ relation }) => relation)));
  const changed = before.filter(
    ({ kind, name, node, oid }) =>
      /^[rm]$/.test(kind) && !told.has(name) && after.has(oid) && after.get(oid)?.node !== node,
  );
  const claimed = new Set<string>();
  const result = statements.map((statement) => {
    const own = changed.filter(
      ({ name }) =>
        !claimed.has(name) &&
        /^\s*(vacuum|cluster|refresh|truncate|do|call|select)\b/i.test(statement.statement) &&
        statement.locks.some(({ mode, relation }) => relation === name && mode === "ACCESS EXCLUSIVE"),
    );
    for (const { name } of own) claimed.add(name);
    return own.length === 0
      ? statement
      : { ...statement, rewrites: [...statement.rewrites, ...own.map(rewriteOf)] };
  });
  return { statements: result, unclaimed: changed.flatMap(({ name }) => (claimed.has(name) ? [] : [name])) };
}

export function decoded(base64: string): string {
  return Buffer.from(base64, "base64").toString("utf8");
}

function lastLine(text: string): string {
  return text.trim().split("\n").at(-1)?.trim() ?? "";
}

function cut(text: string): string {
  return text.length <= longestStatement ? text : `${text.slice(0, longestStatement - 1)}…`;
}

/** A statement in a sentence. */
export function short(statement: string): string {
  return statement.length <= 80 ? statement : `${statement.slice(0, 79)}…`;
}

/** `12 kB` and the like. */
export function size(bytes: number): string {
  const units = ["bytes", "kB", "MB", "GB", "TB"];
  const power = bytes < 1024 ? 0 : Math.min(units.length - 1, Math.floor(Math.log2(bytes) / 10));
  return `${Math.round(bytes / 1024 ** power)} ${units[power] ?? ""}`;
}
