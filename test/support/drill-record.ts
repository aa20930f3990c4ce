import type { DrillRecord } from "../../automation/database/drill-record";

/** The record of a drill that passed. */
export const passedDrill: DrillRecord = {
  version: 1,
  stack: "prod",
  database: "main",
  repository: "/backups",
  backup: "0123abcd",
  backupAt: "2026-03-04T03:15:00Z",
  at: "2026-03-04T05:00:00.000Z",
  server: "own",
  tables: 3,
  rows: 10,
  differences: [],
  rpoSeconds: 6300,
  rtoSeconds: 12.5,
  seconds: { start: 2, restore: 8, compare: 1 },
  passed: true,
};
