import Table from "cli-table3";

/** A table without lines between its rows. */
export function compactTable(head: string[]): Table.Table {
  const chars = { mid: "", "left-mid": "", "mid-mid": "", "right-mid": "" };
  return new Table({ head, chars, style: { head: [], border: [] } });
}
