import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { runGit } from "../../automation/git";
import { runEngine } from "../../sandbox/engine/run";

// What a program prints comes in pieces, and a piece may end in the middle of a character.
let folder: string;
beforeEach(() => (folder = mkdtempSync(join(tmpdir(), "gw-cut-"))));
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** A program that prints an é on both streams, its second byte some time after its first; it ends with the code. */
function program(name: string, code: number): string {
  const file = join(folder, name);
  const bytes = [String.raw`\303`, String.raw`\251`].map((byte) => `printf '${byte}'; printf '${byte}' >&2`);
  writeFileSync(file, `#!/bin/sh\n${bytes.join("\nsleep 0.3\n")}\nexit ${code}\n`);
  chmodSync(file, 0o755);
  return file;
}

test("a character in two pieces is one, from git", async () => {
  program("git", 0);
  const variables = { PATH: `${folder}:${process.env["PATH"] ?? ""}` };
  expect(await runGit(folder, ["status"], { variables })).toEqual({ code: 0, stdout: "é", stderr: "é" });
});

test.each([
  [0, "é"],
  [1, "pulumi stack ls: é"],
])("a character in two pieces is one, from an engine that ends with %i", async (code, said) => {
  const engine = {
    pulumi: program("pulumi", code),
    binDirectory: folder,
    version: "3.232.0",
    source: "path" as const,
  };
  const output = runEngine(engine, ["stack", "ls"], { directory: folder });
  expect(await output.catch((error: Error) => error.message)).toBe(said);
});
