import { parseEnvFile } from "../../../../sandbox/host/process/env-file";
import { interpolate } from "../../../../sandbox/host/process/interpolate";
import { fillTemplate, table } from "../../../../sandbox/host/process/output";
import { rewritePaths } from "../../../../sandbox/host/process/spec";
import { parseDuration, splitWords } from "../../../../sandbox/host/process/words";

const values: Record<string, string> = { A: "a", EMPTY: "", N: "A" };
const lookup = (name: string): string | undefined => values[name];

test.each([
  ["$A-$A", "a-a"],
  ["${A}b", "ab"],
  ["${NO:-x}${NO-y}${EMPTY:-z}[${EMPTY-z}]", "xyz[]"],
  ["${A:+set}${NO:+set}${EMPTY:+set}[${EMPTY+set}]", "set[set]"],
  ["${NO:-${A}-${NO:-deep}}", "a-deep"],
  ["$$A $${A}", "$A ${A}"],
  ["${A:?no}", "a"],
  ["plain", "plain"],
])("interpolates %j", (text, expected) => {
  expect(interpolate(text, lookup)).toBe(expected);
});

test.each(["${NO?}", "${NO:?gone}", "${", "$ ", "${A", "${1A}"])("refuses %j", (text) => {
  expect(() => interpolate(text, lookup)).toThrow(/required variable NO|invalid interpolation format/);
});

test("reads env files: quotes, comments, export, variables, several lines", () => {
  const text = [
    "# a comment",
    "PLAIN=one two # not this",
    "HASH=a#b",
    "export EXPORTED=yes",
    "SINGLE='$A as it is'",
    'DOUBLE="$A\\n\\"quoted\\" \\$A"',
    "VARIABLE=${A}/${PLAIN}",
    "A",
    "GONE",
    "EMPTY_HERE=",
    'LINES="first',
    'second"',
    "SPACED = value",
    "WINDOWS=x\r",
  ].join("\n");
  expect(parseEnvFile(text, lookup)).toEqual({
    PLAIN: "one two",
    HASH: "a#b",
    EXPORTED: "yes",
    SINGLE: "$A as it is",
    DOUBLE: 'a\n"quoted" $A',
    VARIABLE: "a/one two",
    A: "a",
    EMPTY_HERE: "",
    LINES: "first\nsecond",
    SPACED: "value",
    WINDOWS: "x",
  });
  expect(() => parseEnvFile("not a variable\n", lookup)).toThrow(/unexpected character/);
});

test.each([
  ["a  b", ["a", "b"]],
  [`sh -c 'echo "x y"'`, ["sh", "-c", 'echo "x y"']],
  [`"a \\"b\\"" c\\ d ''`, ['a "b"', "c d", ""]],
  ["", []],
])("splits %j into words", (text, words) => {
  expect(splitWords(text)).toEqual(words);
});
test("an open quote is a mistake", () => expect(() => splitWords("a 'b")).toThrow(/unclosed/));

test.each([
  ["90s", 90_000],
  ["1m30s", 90_000],
  ["1.5h", 5_400_000],
  ["250ms", 250],
  [5, 5000],
  ["5", 5000],
])("a duration of %j is %d ms", (text, milliseconds) => expect(parseDuration(text)).toBe(milliseconds));

test("container paths become the machine's, whole ones only", () => {
  const paths = [
    ["/run/secrets/key", "/host/key"],
    ["/data/deep", "/host/deep"],
    ["/data", "/app/data"],
    ["/app", "/host/app"],
  ] as const;
  const rewrite = (text: string): string => rewritePaths(text, paths);
  expect(rewrite("/app")).toBe("/host/app");
  expect(rewrite("cat /run/secrets/key /data/deep/x /data/y")).toBe("cat /host/key /host/deep/x /app/data/y");
  expect(rewrite('"/app/server.js":/data')).toBe('"/host/app/server.js":/app/data');
  expect(rewrite("postgresql://u:p@db:5432/app")).toBe("postgresql://u:p@db:5432/app");
  expect(rewrite("/apple /my/app /run/secrets/key2")).toBe("/apple /my/app /run/secrets/key2");
});

test("fills templates as far as scripts write them", () => {
  const value = { Name: "api", State: { Health: { Status: "healthy" } }, Labels: { "a.b": "c" } };
  expect(fillTemplate("{{.Name}}\\t{{.State.Health.Status}}", value)).toBe("api\thealthy");
  expect(fillTemplate("{{json .State}} {{.Gone}}", value)).toBe('{"Health":{"Status":"healthy"}} <no value>');
  expect(fillTemplate('{{index .Labels "a.b"}}', value)).toBe("c");
  expect(
    fillTemplate("{{if .State.Health}}yes{{else}}no{{end}}{{if .Gone}}yes{{else}}no{{end}}", value),
  ).toBe("yesno");
  expect(() => fillTemplate("{{range .Labels}}x{{end}}", value)).toThrow(/not understood/);
});

test("a table is as wide as its cells", () => {
  expect(table(["NAME", "STATUS"], [["a-long-name", "Up"]])).toBe("NAME          STATUS\na-long-name   Up\n");
});
