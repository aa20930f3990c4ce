import { execFileSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

interface Step {
  readonly name: string;
  readonly args: readonly string[];
  readonly reads?: RegExp;
  readonly configuration?: RegExp;
}

// eslint-disable-next-line @typescript-eslint/no-require-imports -- plain JavaScript, as it runs before any dependency is there
const { pending } = require("../../scripts/remembered.js") as {
  readonly pending: (
    root: string,
    step: Step,
    folder: string,
  ) => { readonly args?: readonly string[]; readonly passed: () => void };
};

const whole: Step = { name: "types", args: ["-p", "."], reads: /\.(ts|json)$/ };
const each: Step = { name: "formatting", args: ["--check", "."], reads: /./, configuration: /^\.style$/ };

let folder: string;
let clone: string;
let cache: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "gw-remembered-"));
  clone = join(folder, "clone");
  cache = join(folder, "cache");
  mkdirSync(clone);
  execFileSync("git", ["init", "--quiet", clone]);
  put({ "one.ts": "1", "two.ts": "2", "notes.md": "notes", ".style": "wide", ".gitignore": "out/\n" });
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function put(files: Readonly<Record<string, string>>): void {
  for (const [name, text] of Object.entries(files)) writeFileSync(join(clone, name), text);
}

const toDo = (step: Step, root = clone) => pending(root, step, cache).args;
const pass = (step: Step) => pending(clone, step, cache).passed();

test("a check of all files together is done again after any change of what it reads, and only then", () => {
  expect(toDo(whole)).toEqual(["-p", "."]);
  pass(whole);
  expect(toDo(whole)).toBeUndefined();
  put({ "notes.md": "other notes" });
  expect(toDo(whole)).toBeUndefined();
  put({ "two.ts": "3" });
  expect(toDo(whole)).toEqual(["-p", "."]);
  put({ "two.ts": "2" });
  expect(toDo(whole)).toBeUndefined();
  put({ "three.ts": "" });
  expect(toDo(whole)).toEqual(["-p", "."]);
  rmSync(join(clone, "three.ts"));
  renameSync(join(clone, "two.ts"), join(clone, "second.ts"));
  expect(toDo(whole)).toEqual(["-p", "."]);
  expect(toDo({ ...whole, args: ["-p", ".", "--strict"] })).toEqual(["-p", ".", "--strict"]);
});

test("what was not passed is not remembered", () => {
  toDo(whole);
  toDo(each);
  expect(toDo(whole)).toEqual(["-p", "."]);
  expect(toDo(each)).toContain("one.ts");
});

test("where each file stands for itself only those are checked that are new or other", () => {
  pass(each);
  expect(toDo(each)).toBeUndefined();
  put({ "two.ts": "changed" });
  expect(toDo(each)).toEqual(["--check", "--ignore-unknown", "two.ts"]);
  pass(each);
  put({ "three.ts": "2" });
  expect(toDo(each)).toEqual(["--check", "--ignore-unknown", "three.ts"]);
});

test("a change of the configuration has every file checked again", () => {
  pass(each);
  put({ ".style": "narrow" });
  expect(toDo(each)).toEqual(
    expect.arrayContaining([".style", ".gitignore", "notes.md", "one.ts", "two.ts"]),
  );
});

test("another clone with the same content has nothing to check", () => {
  [whole, each].forEach(pass);
  const other = join(folder, "other");
  cpSync(clone, other, { recursive: true });
  expect([whole, each].map((step) => toDo(step, other))).toEqual([undefined, undefined]);
});

test("what Git ignores is not looked at; where there is no Git everything is checked", () => {
  mkdirSync(join(clone, "out"));
  pass(whole);
  put({ "out/made.ts": "made" });
  expect(toDo(whole)).toBeUndefined();
  rmSync(join(clone, ".git"), { recursive: true });
  expect(toDo(whole)).toEqual(["-p", "."]);
});

test("a check that does not say what it reads is always done", () => {
  const always: Step = { name: "shell scripts", args: ["check.sh"] };
  pass(always);
  expect(toDo(always)).toEqual(["check.sh"]);
});
