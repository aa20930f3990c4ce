import { appendFileSync } from "node:fs";
import type { CommandResult } from "./command";

/**
 * Keeps what a test shows for `npm run transcripts`, which names a file by GROUNDWORK_TRANSCRIPT; without it nothing is
 * kept.
 *
 * @example
 * transcribe("$ npx groundwork adopt -s live --domain example.com", adopted);
 */
export function transcribe(line: string, result?: CommandResult): void {
  const file = process.env["GROUNDWORK_TRANSCRIPT"];
  if (file === undefined || file === "") return;
  const told =
    result === undefined ? "" : `${result.all.trimEnd()}\n\n(exit code ${result.code ?? "none"})\n\n`;
  appendFileSync(file, `${line}\n${told}`);
}
