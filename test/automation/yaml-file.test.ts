import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { readProjectFile, readYaml } from "../../automation/yaml-file";
import type { UserError } from "../../common/user-error";

const folder = mkdtempSync(join(tmpdir(), "gw-yaml-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function written(text: string): string {
  const file = join(folder, "Pulumi.yaml");
  writeFileSync(file, text);
  return file;
}

test("what it says", () => {
  expect(readYaml(written("a: [1, two]\n"), "the file")).toEqual({ a: [1, "two"] });
  expect(readProjectFile(written("name: shop\nbackend:\n  url: file:///states\n"))).toEqual({
    name: "shop",
    backend: { url: "file:///states" },
  });
  expect(readProjectFile(written(""))).toEqual({});
});

test("a mistake is told by its place, without the text of the file", () => {
  const file = written('name: shop\npassword: "kept-to-itself\nruntime: nodejs\n');
  const caught = ((): unknown => {
    try {
      return readProjectFile(file);
    } catch (error) {
      return error;
    }
  })() as UserError;
  expect(caught.parts.what).toBe("the project's Pulumi.yaml cannot be read");
  expect(caught.parts.value).toMatch(/Pulumi\.yaml:\d+:\d+: /);
  expect(caught.message).not.toContain("kept-to-itself");
});
