import { plainText, terminalLines } from "../../scripts/terminal-text";

const escape = String.fromCharCode(27);
const sgr = (code: string): string => `${escape}[${code}m`;

test("text keeps its colours, and loses what makes them", () => {
  const lines = terminalLines(
    `${sgr("1")}bold${sgr("22")} ${sgr("32")}+${sgr("39")} made${sgr("2")} 1 s${sgr("0")}\r\n`,
  );
  expect(lines).toEqual([
    [
      { text: "bold", bold: true, dim: false, colour: undefined },
      { text: " ", bold: false, dim: false, colour: undefined },
      { text: "+", bold: false, dim: false, colour: "green" },
      { text: " made", bold: false, dim: false, colour: undefined },
      { text: " 1 s", bold: false, dim: true, colour: undefined },
    ],
  ]);
  expect(plainText(lines)).toBe("bold + made 1 s");
});

test("what was written over is not there, and a spinner's line is none", () => {
  const spun = `⠙${escape}[1G${escape}[0K⠹${escape}[1G${escape}[0Kadded 3 packages`;
  expect(plainText(terminalLines(`${spun}\n10 %\r20 %\nend`))).toBe("added 3 packages\n20 %\nend");
  expect(plainText(terminalLines(`a\n⠙${escape}[1G${escape}[0K\nb`))).toBe("a\nb");
});

test("empty lines between others stay", () => {
  expect(plainText(terminalLines("a\n\nb\n"))).toBe("a\n\nb");
});
