import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type * as pulumi from "@pulumi/pulumi";
import type * as random from "@pulumi/random";
import { importing, importListFile, importListText, readImportList } from "../../platform/imports";

const accountId = "000000000000000000000000000000a1";
const entry = { type: "random:index/randomString:RandomString", name: "one", id: "known", keep: ["length"] };
const list = { accountId, resources: [entry], leave: ["access.checks"] };

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "gw-imports-"));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

test("a list is read as it was written; for another account or API, and where there is none, it is empty", () => {
  expect(readImportList(directory, "live", { accountId })).toMatchObject({ resources: [], leave: [] });
  writeFileSync(importListFile(directory, "live"), importListText(list));
  expect(readImportList(directory, "live", { accountId })).toEqual(list);
  const sandbox = { accountId, apiUrl: "http://127.0.0.1:1/client/v4" };
  expect(readImportList(directory, "live", sandbox).resources).toEqual([]);
  expect(readImportList(directory, "live", { accountId: "other" }).leave).toEqual([]);
  expect(readImportList(directory, "other", { accountId }).resources).toEqual([]);
});

test("a damaged list is refused with what is wrong with it", () => {
  writeFileSync(importListFile(directory, "live"), '{"accountId": "a", "resources": [{"type": "x"}]}');
  expect(() => readImportList(directory, "live", { accountId })).toThrow(
    /the import list cannot be read[^]*resources\.0\.name[^]*next: mend it/,
  );
  writeFileSync(importListFile(directory, "live"), "{");
  expect(() => readImportList(directory, "live", { accountId })).toThrow(/it is not JSON/);
});

test("only the resource of that type and name is taken over, and what it keeps is ignored", () => {
  const transform = importing(list);
  const given = (type: string, name: string) =>
    transform({
      resource: {} as random.RandomString,
      type,
      name,
      props: {},
      opts: { ignoreChanges: ["special"] },
    });
  expect(given(entry.type, "one")).toEqual({
    props: {},
    opts: { import: "known", ignoreChanges: ["special", "length"] },
  });
  expect(given(entry.type, "two")).toBeUndefined();
  expect(given("random:index/randomId:RandomId", "one")).toBeUndefined();
});

test("what had the name in the list before keeps what it says, and is not taken over once more", () => {
  const transform = importing({ resources: [entry, { ...entry, name: "other", id: "another", keep: [] }] });
  const given = (name: string, ...aliases: pulumi.Alias[]) =>
    transform({ resource: {} as random.RandomString, type: entry.type, name, props: {}, opts: { aliases } });
  const aliases = [{ type: "random:index/old:Old" }, { name: "nobody" }, { name: "one" }];
  expect(given("new", ...aliases)).toEqual({ props: {}, opts: { aliases, ignoreChanges: ["length"] } });
  expect(given("other", { name: "one" })?.opts).not.toHaveProperty("import");
  expect(given("other", { name: "nobody" })?.opts).toMatchObject({ import: "another" });
});
