import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { nameOf, withIgnored } from "../../../automation/init/files";
import { initProject } from "../../../automation/init/init";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "gw-init-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

test("a folder with other things in it keeps them", () => {
  writeFileSync(join(folder, ".gitignore"), "node_modules\nsecret.txt");
  writeFileSync(join(folder, "README.md"), "mine");
  initProject(folder, { name: "shop" });
  expect(readFileSync(join(folder, "README.md"), "utf8")).toBe("mine");
  expect(readFileSync(join(folder, ".gitignore"), "utf8")).toBe(
    "node_modules\nsecret.txt\n.groundwork/\ndist/\n*.log\n.env\n",
  );
});

test("a project that is there is not touched", () => {
  writeFileSync(join(folder, "Pulumi.dev.yaml"), "config: {}\n");
  expect(() => initProject(folder)).toThrow(/there is a project already[^]*Pulumi\.dev\.yaml/);
  expect(readdirSync(folder)).toEqual(["Pulumi.dev.yaml"]);
});

test.each([
  [{ name: "Not Allowed" }, /cannot have that name: Not Allowed[^]*--name not-allowed/],
  [{ domain: "co.uk" }, /public suffix/],
])("%j is refused before anything is written", (options, expected) => {
  expect(() => initProject(folder, options)).toThrow(expected);
  expect(readdirSync(folder)).toEqual([]);
});

test.each([
  ["My App", "my-app"],
  ["9lives", "lives"],
  ["--", "app"],
  ["a".repeat(60), "a".repeat(40)],
])("the folder %s makes the name %s", (from, name) => {
  expect(nameOf(from)).toBe(name);
});

test("a .gitignore that has all stays as it is", () => {
  mkdirSync(join(folder, "x"));
  const whole = withIgnored("");
  expect(withIgnored(whole)).toBe(whole);
});
