import { execFileSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";

type Filter = ((paths: readonly string[]) => { readonly filtered: readonly string[] }) & {
  suiteKeys(folder: string, machine: string): ReadonlyMap<string, string> | undefined;
  suitesPassed(paths: readonly string[]): void;
};

let folder: string;
let clone: string;
let filter: Filter;
let said: string[];

const sources = {
  "lib/one.ts": 'import { two } from "./two";\nexport const one = two;\n',
  "lib/two.ts": "export const two = 2;\n",
  "lib/three.ts": "export const three = 3;\n",
  "lib/engine.ts": 'import { spawn } from "node:child_process";\nexport { spawn };\n',
  "test/one.test.ts": 'import { one } from "../lib/one";\ntest("one", () => one);\n',
  "test/three.test.ts": 'import { three } from "../lib/three";\ntest("three", () => three);\n',
  "test/up.test.ts": 'import { spawn } from "../lib/engine";\ntest("up", () => spawn);\n',
  "test/files.test.ts": 'import { readdirSync } from "node:fs";\ntest("files", () => readdirSync("."));\n',
  "test/readme.test.ts": 'test("README.md names what there is", () => undefined);\n',
  "remote/step.sh": "true\n",
  "README.md": "read me\n",
};
const suites = Object.keys(sources).filter((file) => file.endsWith(".test.ts"));

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "gw-suites-"));
  clone = join(folder, "clone");
  mkdirSync(clone);
  execFileSync("git", ["init", "--quiet", clone]);
  put(sources);
  jest.replaceProperty(process, "env", { ...process.env, GROUNDWORK_CACHE: join(folder, "cache") });
  delete process.env["GROUNDWORK_ALL_SUITES"];
  said = [];
  jest.spyOn(console, "log").mockImplementation((line: string) => void said.push(line));
  jest.isolateModules(() => {
    // eslint-disable-next-line @typescript-eslint/no-require-imports -- plain JavaScript, as jest itself loads it
    filter = require("../../scripts/remembered-suites.js") as Filter;
  });
});
afterEach(() => {
  jest.restoreAllMocks();
  rmSync(folder, { recursive: true, force: true });
});

function put(files: Readonly<Record<string, string>>): void {
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(clone, name)), { recursive: true });
    writeFileSync(join(clone, name), text);
  }
}

const keys = (root = clone, machine = "this one") =>
  filter.suiteKeys(root, machine) ?? new Map<string, string>();

/** The suites that are to be run again after a change. */
function touchedBy(files: Readonly<Record<string, string>>): readonly string[] {
  const before = keys();
  put(files);
  const after = keys();
  return [...after.keys()].filter((suite) => before.get(suite) !== after.get(suite)).sort();
}

test.each([
  [
    "a module touches who imports it, also by another, and who starts programs or reads files",
    "lib/two.ts",
    ["one", "up", "files"],
  ],
  ["a module that nobody imports touches only those", "lib/new.ts", ["up", "files"]],
  ["a suite touches itself alone", "test/three.test.ts", ["three"]],
  ["a script, and whatever else is no TypeScript, touches all", "remote/step.sh", suites],
  ["a document touches those that name one", "README.md", ["readme"]],
])("%s", (_behaviour, changed, touched) => {
  const named = touched.map((suite) => (suite.endsWith(".ts") ? suite : `test/${suite}.test.ts`));
  expect(touchedBy({ [changed]: "// changed\n" })).toEqual([...named].sort());
});

test("the same content has the same keys in another clone, and others on a machine with other programs", () => {
  const other = join(folder, "other");
  cpSync(clone, other, { recursive: true });
  expect(keys(other)).toEqual(keys());
  expect([...keys(clone, "another").values()]).not.toEqual(expect.arrayContaining([...keys().values()]));
});

test("where Git does not tell what there is nothing is known", () => {
  rmSync(join(clone, ".git"), { recursive: true });
  expect(filter.suiteKeys(clone, "this one")).toBeUndefined();
});

test("what has passed is not run again, which is said, but where everything is asked for", () => {
  const two = ["remembered.test.ts", "remembered-suites.test.ts"].map((name) => join(__dirname, name));
  expect(filter(two).filtered).toEqual(two);
  filter.suitesPassed(two.slice(0, 1));
  expect(said).toEqual([]);
  expect(filter(two).filtered).toEqual(two.slice(1));
  expect(said).toEqual([expect.stringMatching(/not run again: 1 of 2 suites.*npm test -- --all/)]);
  process.env["GROUNDWORK_ALL_SUITES"] = "true";
  expect(filter(two).filtered).toEqual(two);
});

test("without a filter, as where one suite is run, nothing is remembered", () => {
  const one = join(__dirname, "remembered.test.ts");
  filter.suitesPassed([one]);
  expect(filter([one]).filtered).toEqual([one]);
});
