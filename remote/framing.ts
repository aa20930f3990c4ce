/**
 * Input of remote steps. Plain `sh` cannot read JSON, and values hold quotes, newlines and anything else, so each value
 * travels as one line `name base64`, a plain word as `name =word`, closed by a line with a single dot. `read_frames` and
 * `value` of lib.sh read it.
 */
export type Frames = Readonly<Record<string, string | number>>;

const namePattern = /^[a-z][a-z0-9_]*$/;
const plainWord = /^[A-Za-z0-9._:/@-]+$/;

/** The frames as text for standard input. A name that lib.sh would refuse is an error here already. */
export function encodeFrames(frames: Frames): string {
  const lines = Object.entries(frames).map(([name, value]) => {
    if (!namePattern.test(name)) throw new Error(`bad frame name: ${name}`);
    const text = String(value);
    return `${name} ${plainWord.test(text) ? `=${text}` : Buffer.from(text, "utf8").toString("base64")}`;
  });
  return [...lines, ".", ""].join("\n");
}

/**
 * Frames of a list: `{files: 2, file_1_path: …, file_2_path: …}`.
 *
 * @example
 * listFrames("files", "file", [{ path: ".env", mode: "0600" }]);
 */
export function listFrames(count: string, item: string, entries: readonly Frames[]): Frames {
  const frames: Record<string, string | number> = { [count]: entries.length };
  entries.forEach((entry, index) => {
    for (const [name, value] of Object.entries(entry)) frames[`${item}_${index + 1}_${name}`] = value;
  });
  return frames;
}

/**
 * The frames in a step's standard input, decoded; the script in its first lines is left out.
 *
 * @throws Error where the input does not end as it should
 */
export function decodeStepInput(stdin: string): Record<string, string> {
  // The input of a step of before has no length before its script.
  const lines = stdin.split("\n").slice(/^script \d+\n/.test(stdin) ? 2 : 1);
  if (lines.at(-1) !== "" || lines.at(-2) !== ".") throw new Error("the input does not end as it should");
  return Object.fromEntries(
    lines.slice(0, -2).map((line) => {
      const [name = "", encoded = ""] = line.split(" ");
      return [
        name,
        encoded.startsWith("=") ? encoded.slice(1) : Buffer.from(encoded, "base64").toString("utf8"),
      ];
    }),
  );
}
