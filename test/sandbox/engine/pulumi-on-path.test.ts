import { chmod, copyFile, mkdir, mkdtemp, readdir, rm, symlink, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pulumiOnPath } from "../../../sandbox/engine/pulumi-on-path";

let root: string;
let cache: string;
let path: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "groundwork-pulumi-"));
  [cache, path] = [join(root, "cache"), join(root, "bin")];
  await mkdir(path);
});
afterEach(() => rm(root, { recursive: true, force: true }));

const find = () => pulumiOnPath({ path: `${join(root, "empty")}:${path}`, cache });
const kept = () => readdir(join(cache, "pulumi-versions")).catch(() => []);
/** A program that is no script: it prints its argument, which is "version", of which a leading v is taken off. */
const program = (name: string) => copyFile("/bin/echo", join(path, name));
const said = "ersion";
/** What was kept is another answer than the program's: whoever gets it has not asked. */
async function changeKept(): Promise<void> {
  for (const name of await kept()) await writeFile(join(cache, "pulumi-versions", name), "3.232.0");
}

test("a program is asked for its version once, and again when another stands in its place", async () => {
  await program("pulumi");
  expect(await find()).toEqual({ pulumi: join(path, "pulumi"), version: said });
  await changeKept();
  expect((await find())?.version).toBe("3.232.0");
  await utimes(join(path, "pulumi"), 1, 1);
  expect((await find())?.version).toBe(said);
});

test("what a script or a version manager's shim answers is not kept: it depends on the folder", async () => {
  await writeFile(join(path, "pulumi"), "#!/bin/sh\necho v3.240.1\n");
  await chmod(join(path, "pulumi"), 0o755);
  expect((await find())?.version).toBe("3.240.1");
  await rm(join(path, "pulumi"));
  await program("manager");
  await symlink("manager", join(path, "pulumi"));
  expect((await find())?.version).toBe(said);
  expect(await kept()).toEqual([]);
});

test("there is none where none stands on PATH, or where it does not answer", async () => {
  expect(await find()).toBeUndefined();
  await writeFile(join(path, "pulumi"), "#!/bin/sh\nexit 1\n");
  await chmod(join(path, "pulumi"), 0o755);
  expect(await find()).toBeUndefined();
});

test("where the cache cannot be written it is asked each time", async () => {
  await program("pulumi");
  await writeFile(cache, "a file");
  expect((await find())?.version).toBe(said);
  expect((await find())?.version).toBe(said);
});
