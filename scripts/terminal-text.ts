/** What a terminal has been sent, read as a person sees it. Pure. */

/** A run of characters that look alike. */
export interface Span {
  readonly text: string;
  readonly bold: boolean;
  readonly dim: boolean;
  /** One of {@link colourNames}; undefined for the terminal's own. */
  readonly colour: string | undefined;
}

const colourNames = ["black", "red", "green", "yellow", "blue", "magenta", "cyan", "white"];

const sequence = /\u001b\[([0-9;?]*)([A-Za-z])/g;

/** The lines of a terminal's output, without what moved the cursor or was written over. */
export function terminalLines(output: string): Span[][] {
  let style: Omit<Span, "text"> = { bold: false, dim: false, colour: undefined };
  return output
    .replaceAll("\r\n", "\n")
    .trimEnd()
    .split("\n")
    .flatMap((line) => {
      const left = overwritten(line);
      // A line that held nothing but a spinner is none.
      if (left === "" && line !== "") return [];
      const spans: Span[] = [];
      let position = 0;
      const add = (text: string): void => {
        if (text !== "") spans.push({ text, ...style });
      };
      for (const found of left.matchAll(sequence)) {
        add(left.slice(position, found.index));
        position = found.index + found[0].length;
        if (found[2] === "m") style = styled(style, found[1] ?? "");
      }
      add(left.slice(position));
      return [spans];
    });
}

/** The text alone. */
export function plainText(lines: readonly (readonly Span[])[]): string {
  return lines
    .map((spans) =>
      spans
        .map(({ text }) => text)
        .join("")
        .trimEnd(),
    )
    .join("\n");
}

/** What stands in a line after its last return to the first column. */
function overwritten(line: string): string {
  return line.split(/\r|\u001b\[1G\u001b\[0?K/).at(-1) ?? "";
}

function styled(style: Omit<Span, "text">, parameters: string): Omit<Span, "text"> {
  return parameters.split(";").reduce((now, parameter) => {
    const code = Number(parameter);
    if (code === 0) return { bold: false, dim: false, colour: undefined };
    if (code === 1) return { ...now, bold: true };
    if (code === 2) return { ...now, dim: true };
    if (code === 22) return { ...now, bold: false, dim: false };
    if (code === 39) return { ...now, colour: undefined };
    if (code >= 30 && code <= 37) return { ...now, colour: colourNames[code - 30] };
    if (code >= 90 && code <= 97) return { ...now, colour: colourNames[code - 90] };
    return now;
  }, style);
}
