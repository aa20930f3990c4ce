import * as fc from "fast-check";
import { parse } from "yaml";
import { editStackFile } from "../../automation/stack-file-edit";

const file = `# A comment of the user's
config:
  groundwork:domain: example.com # kept
  groundwork:databases:
    main:
      kind: container
      # why it is so
      database: shop   # with odd   spacing
      extensions: [timescaledb,    citext]
    other: { kind: external, passwordVersion: 4 }
encryptionsalt: v1:salt
`;
const at = (database: string, key = "passwordVersion") => ["groundwork:databases", database, key];

test("a key that is not there is added, and every other character stays", () => {
  const edited = editStackFile(file, at("main"), 2);
  expect(edited).toBe(
    file.replace("      kind: container\n", "      passwordVersion: 2\n      kind: container\n"),
  );
});

test("a key that is there gets its new value, in a map of one line as well", () => {
  const once = editStackFile(file, at("main"), 2);
  expect(editStackFile(once, at("main"), 3)).toBe(once.replace("passwordVersion: 2", "passwordVersion: 3"));
  expect(editStackFile(file, at("other"), 5)).toBe(file.replace("passwordVersion: 4", "passwordVersion: 5"));
  expect(editStackFile(file, at("other", "passwordOverlap"), false)).toBe(
    file.replace("{ kind: external", "{ passwordOverlap: false, kind: external"),
  );
});

test("a key is taken away with its line, and one that is not there is none to take away", () => {
  const once = editStackFile(file, at("main", "passwordOverlap"), false);
  expect(editStackFile(once, at("main", "passwordOverlap"), undefined)).toBe(file);
  expect(editStackFile(file, at("main", "passwordOverlap"), undefined)).toBe(file);
});

test("with windows' line ends and without a last one", () => {
  const edited = editStackFile(file.replaceAll("\n", "\r\n").trimEnd(), at("main"), 7);
  expect(
    (parse(edited) as { config: Record<string, { main: object }> }).config["groundwork:databases"]?.main,
  ).toMatchObject({
    passwordVersion: 7,
    database: "shop",
  });
});

test.each([
  ["a database that is not there", file, at("nobody")],
  ["databases as text", `config:\n  groundwork:databases: '{"main":{}}'\n`, at("main")],
  ["an empty entry", "config:\n  groundwork:databases:\n    main: {}\n", at("main")],
  ["no YAML", "config: [", at("main")],
  [
    "a value that is a map",
    "config:\n  groundwork:databases:\n    main:\n      passwordVersion: { a: 1 }\n",
    at("main"),
  ],
])("%s is refused with what to write by hand", (_what, text, path) => {
  expect(() => editStackFile(text, path, 2)).toThrow(/does not change.*write passwordVersion: 2 by hand/s);
});

test("whatever numbers are written one after the other, the last one stands", () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 1, max: 9999 }), { minLength: 1, maxLength: 5 }), (numbers) => {
      const edited = numbers.reduce((text, number) => editStackFile(text, at("main"), number), file);
      expect(editStackFile(edited, at("main"), undefined)).toBe(file);
      expect(edited).toContain(`passwordVersion: ${numbers.at(-1) ?? 0}\n`);
    }),
  );
});
