import colours from "picocolors";
import type { AttackReport } from "../../automation/database/database";
import { compactTable } from "./table";

/** What an attack came to, as it is printed: both tables, then what came otherwise than it must. */
export function attackLines({ database, rows, seconds, server, user }: AttackReport): string[] {
  const lines: string[] = [];
  const titles = { attack: "must be refused", work: "must succeed" } as const;
  for (const table of ["attack", "work"] as const) {
    const printed = compactTable(["", titles[table], "tried", ""]);
    for (const { attempts, number, title, verdict, ...row } of rows) {
      if (row.table !== table) continue;
      printed.push([number, title, attempts.length, paint[verdict](words[table][verdict])]);
    }
    lines.push(...printed.toString().split("\n"));
  }
  for (const { attempts, number, table } of rows) {
    for (const { got, verdict, wanted, what } of attempts) {
      if (verdict === "surprise")
        lines.push(`${colours.red("✗")} ${table} ${number}: ${what}: ${got}; it must be ${wanted}`);
      if (verdict === "open") {
        lines.push(
          `${colours.yellow("!")} ${table} ${number}: ${what}: open to everybody, and only a superuser could close it`,
        );
      }
    }
  }
  const attempts = rows.reduce((sum, row) => sum + row.attempts.length, 0);
  lines.push(
    `${user} on ${database} (PostgreSQL ${server}): ${attempts} attempts in ${rows.length} rows, ` +
      `${surprisesText(rows.filter(({ verdict }) => verdict === "surprise").length)}, ${seconds.toFixed(1)} s`,
  );
  return lines;
}

export function surprisesText(count: number): string {
  return count === 0 ? "no surprise" : count === 1 ? "1 surprise" : `${count} surprises`;
}

type Verdict = AttackReport["rows"][number]["verdict"];

const words: Readonly<Record<"attack" | "work", Readonly<Record<Verdict, string>>>> = {
  attack: {
    "as it must be": "refused",
    surprise: "SURPRISE",
    open: "open",
    "nothing to try": "nothing to try",
  },
  work: { "as it must be": "done", surprise: "SURPRISE", open: "open", "nothing to try": "nothing to try" },
};

const paint: Readonly<Record<Verdict, (text: string) => string>> = {
  "as it must be": colours.green,
  surprise: colours.red,
  open: colours.yellow,
  "nothing to try": colours.dim,
};
