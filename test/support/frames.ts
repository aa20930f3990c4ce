import { decodeStepInput } from "../../remote/framing";

/** The frames of a remote step's standard input, decoded; the script in the first line is left out. */
export function readFrames(stdin: unknown): Record<string, string> {
  return decodeStepInput(String(stdin));
}

/** Files written by a `write-files` step, by path. */
export function writtenFiles(stdin: unknown): Record<string, string> {
  const frames = readFrames(stdin);
  return Object.fromEntries(
    Array.from({ length: Number(frames["files"]) }, (_, index) => [
      frames[`file_${index + 1}_path`] ?? "",
      frames[`file_${index + 1}_content`] ?? "",
    ]),
  );
}
