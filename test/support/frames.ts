/** The frames of a remote step's standard input, decoded; the script in the first line is left out. */
export function readFrames(stdin: unknown): Record<string, string> {
  const lines = String(stdin).split("\n").slice(1);
  if (lines.at(-1) !== "" || lines.at(-2) !== ".") throw new Error("the input does not end as it should");
  return Object.fromEntries(
    lines.slice(0, -2).map((line) => {
      const [name = "", encoded = ""] = line.split(" ");
      return [name, Buffer.from(encoded, "base64").toString("utf8")];
    }),
  );
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
