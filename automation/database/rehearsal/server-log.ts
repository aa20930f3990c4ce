/** PostgreSQL's log as CSV. Pure. */

/** What a line of the log tells. */
export interface LogLine {
  /** Milliseconds since 1970. */
  readonly at: number;
  readonly process: string;
  /** Whether the process was in no transaction any more when it wrote the line. */
  readonly outside: boolean;
  readonly severity: string;
  readonly message: string;
  /** The statement that an error is about. */
  readonly query: string;
}

/** Where the parts of a line stand: the same in all versions of PostgreSQL, as new ones are added at the end. */
const columns = { time: 0, process: 3, virtualTransaction: 9, severity: 11, message: 13, query: 19 } as const;

/** Reads a log. A last line that was cut off is left out. */
export function readServerLog(text: string): LogLine[] {
  return csvRows(text).flatMap((row) => {
    if (row.length <= columns.query) return [];
    const part = (column: number): string => row[column] ?? "";
    const at = Date.parse(part(columns.time).replace(" UTC", "Z").replace(" ", "T"));
    if (Number.isNaN(at)) return [];
    return [
      {
        at,
        process: part(columns.process),
        outside: /^(\d+\/0)?$/.test(part(columns.virtualTransaction)),
        severity: part(columns.severity),
        message: part(columns.message),
        query: part(columns.query),
      },
    ];
  });
}

/** Rows of fields; a field in quotes may hold commas, line ends, and quotes that are doubled. */
export function csvRows(text: string): string[][] {
  const rows: string[][] = [];
  let row: string[] = [];
  // A field, then what ends it.
  const pattern = /(?:"((?:[^"]|"")*)"|([^",\n]*))(,|\n)/gy;
  for (let match = pattern.exec(text); match !== null; match = pattern.exec(text)) {
    const [, quoted, plain = "", end] = match;
    row.push(quoted === undefined ? plain : quoted.replaceAll('""', '"'));
    if (end !== "\n") continue;
    rows.push(row);
    row = [];
  }
  return rows;
}
