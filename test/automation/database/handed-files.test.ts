import { spawnSync } from "node:child_process";
import fs from "node:fs";
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import os, { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { HandedFiles } from "../../../automation/database/handed-files";

const folder = mkdtempSync(join(tmpdir(), "gw-handed-"));
beforeEach(() => jest.spyOn(os, "tmpdir").mockReturnValue(folder));
afterEach(() => jest.restoreAllMocks());
afterAll(() => rmSync(folder, { recursive: true, force: true }));

(fs.existsSync("/proc/self/fd") ? test : test.skip)(
  "where descriptors lead to them they have no name, and are read as often as wanted",
  () => {
    const files = new HandedFiles();
    const paths = [files.add("one", "first"), files.add("two", "second")];
    expect(readdirSync(folder)).toEqual([]);
    const read = spawnSync("cat", [...paths, ...paths], {
      stdio: ["ignore", "pipe", "inherit", ...files.open],
      encoding: "utf8",
    });
    expect(read.stdout).toBe("firstsecondfirstsecond");
    files.remove();
    expect(files.open).toEqual([]);
  },
);

test("elsewhere only this user can read them, until they are removed", () => {
  jest.spyOn(fs, "existsSync").mockReturnValue(false);
  const files = new HandedFiles();
  const [one, two] = [files.add("one", "first"), files.add("two", "second")];
  expect([readFileSync(one, "utf8"), readFileSync(two, "utf8"), files.open]).toEqual(["first", "second", []]);
  expect([statSync(one).mode & 0o777, statSync(dirname(one)).mode & 0o777]).toEqual([0o600, 0o700]);
  files.remove();
  expect(readdirSync(folder)).toEqual([]);
});
