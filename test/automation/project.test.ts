import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { UserError } from "../../common/user-error";
import { openProject } from "../../automation/project";
import { projectRoot } from "../../common/project-root";
import { sandboxFolder } from "../../sandbox/folder";

const { GROUNDWORK_PROJECT } = process.env;
let folder: string;
beforeEach(() => (folder = mkdtempSync(join(tmpdir(), "gw-project-"))));
afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
  if (GROUNDWORK_PROJECT === undefined) delete process.env["GROUNDWORK_PROJECT"];
  else process.env["GROUNDWORK_PROJECT"] = GROUNDWORK_PROJECT;
});

test("is this checkout's own by default, which needs no naming", () => {
  delete process.env["GROUNDWORK_PROJECT"];
  expect(openProject()).toEqual({ name: "groundwork", directory: projectRoot(), typed: undefined });
});

test.each(["plyr", "pika", "srq-hpn"])("is examples/%s when that is named", (name) => {
  const directory = join(projectRoot(), "examples", name);
  process.env["GROUNDWORK_PROJECT"] = directory;
  expect(openProject()).toMatchObject({ name, directory });
});

test("each project's stack of one name has a sandbox of its own", () => {
  const roots = ["", "examples/plyr", "examples/pika"].map((place) => {
    process.env["GROUNDWORK_PROJECT"] = join(projectRoot(), place);
    return sandboxFolder("staging", { GROUNDWORK_HOME: "/home" }).root;
  });
  expect(roots[0]).toBe("/home/sandbox/staging");
  expect(roots[1]).toMatch(/^\/home\/sandbox\/plyr-[0-9a-f]{6}\.staging$/);
  expect(new Set(roots).size).toBe(3);
});

test("the folder of sandboxes is the same from everywhere, also where it is said by a relative or an empty path", () => {
  delete process.env["GROUNDWORK_PROJECT"];
  const rootOf = (home: string): string => sandboxFolder("staging", { GROUNDWORK_HOME: home }).root;
  expect(rootOf("kept/here")).toBe(join(process.cwd(), "kept/here/sandbox/staging"));
  expect(rootOf("")).toBe(join(projectRoot(), ".groundwork/sandbox/staging"));
});

test.each([
  ["no Pulumi.yaml", undefined, "the folder is no Pulumi project"],
  ["one without a name", "runtime: nodejs\n", "the folder's Pulumi.yaml has no name"],
  ["one whose name is no name", "name: a/b\n", "the folder's Pulumi.yaml has no name"],
])("refuses a folder with %s", (_what, text, message) => {
  if (text !== undefined) writeFileSync(join(folder, "Pulumi.yaml"), text);
  expect(() => openProject(folder)).toThrow(message);
});

test("refuses a Pulumi.yaml that is no YAML with its place, and shows nothing of what stands in it", () => {
  const file = join(folder, "Pulumi.yaml");
  writeFileSync(file, 'name: shop\nconfig:\n  token: "hunter2-hunter2\n');
  const error = ((): unknown => {
    try {
      return openProject(folder);
    } catch (failure) {
      return failure;
    }
  })();
  expect(error).toBeInstanceOf(UserError);
  expect((error as UserError).message).toContain(`${file}:4:1: `);
  expect((error as UserError).message).toContain("a character is missing");
  expect((error as UserError).message).not.toContain("hunter2");
  expect((error as UserError).cause).toBeUndefined();
});
