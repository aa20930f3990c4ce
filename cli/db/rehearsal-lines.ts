import Table from "cli-table3";
import { migrationMs, type RehearsalRecord } from "../../automation/database/rehearsal/record";
import type { RehearsedStatement } from "../../automation/database/rehearsal/statements";
import { short, size } from "../../automation/database/rehearsal/verdict";

/** What is printed of a rehearsal: what each statement did, then whether the release of before is well on it. */
export function rehearsalLines(record: RehearsalRecord): string[] {
  const { backup, checks, copyAt, image, imageId, previous, problems, source, statements, warnings } = record;
  const shown = statements.filter(isShown);
  const others = statements.length - shown.length + record.statementsLeftOut;
  return [
    `migrations of ${image ?? "the compose file's image"}${imageId === undefined ? "" : ` (${imageId.slice(0, 19)})`} on ` +
      (source === "backup"
        ? `backup ${backup ?? ""} of ${copyAt}`
        : `a copy of the database, made ${copyAt}`),
    ...(shown.length === 0
      ? ["nothing was changed: the schema is up to date"]
      : [tableOf(shown, record.limitMs)]),
    `${statements.length + record.statementsLeftOut} statements in ${migrationMs(record)} ms` +
      (others === 0 || shown.length === 0
        ? ""
        : `; ${others} that only read or wrote rows, in no time, are not shown`),
    ...checks.map(
      ({ detail, ok, service, what }) =>
        `release ${previous ?? ""} on the new schema: ${service} ${what === "smoke" ? "smoke command" : "health"}: ` +
        `${ok ? "well" : "not well"} (${detail})`,
    ),
    ...warnings.map((warning) => `warning: ${warning}`),
    ...problems.map((problem) => `problem: ${problem}`),
    record.passed ? (checks.length > 0 ? "passed: a rollback is possible" : "passed") : "failed",
  ];
}

/** Those that lock more than rows, take time, or are refused. */
function isShown({ error, locks, milliseconds, rewrites, statement }: RehearsedStatement): boolean {
  return (
    error !== undefined ||
    rewrites.length > 0 ||
    milliseconds >= 10 ||
    /^\s*(create|alter|drop|truncate|comment|grant|revoke|reindex|refresh)\b/i.test(statement) ||
    locks.some(({ mode }) => !/^ROW /.test(mode))
  );
}

function tableOf(statements: readonly RehearsedStatement[], limitMs: number): string {
  const table = new Table({
    head: ["statement", "ms", "locks on what was there, and how long"],
    style: { head: [], border: [] },
    colWidths: [52, 10, 54],
    wordWrap: true,
  });
  for (const { error, locks, milliseconds, rewrites, statement } of statements) {
    const held = locks.map(
      ({ heldMs, mode, relation }) =>
        `${mode} ${relation} ${heldMs} ms${mode === "ACCESS EXCLUSIVE" && heldMs > limitMs ? " !" : ""}`,
    );
    table.push([
      short(statement),
      String(milliseconds),
      [
        ...held,
        ...rewrites.map(
          ({ bytes, relation, rows }) => `REWRITES ${relation} (about ${rows} rows, ${size(bytes)})`,
        ),
        ...(error === undefined ? [] : [`ERROR ${error}`]),
      ].join("\n"),
    ]);
  }
  return table.toString();
}
