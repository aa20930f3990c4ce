import { chmod, mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type EngineSources, findEngine, serves } from "../../../sandbox/engine/engine";

let cache: string;
beforeEach(async () => {
  cache = await mkdtemp(join(tmpdir(), "groundwork-engine-"));
});
afterEach(() => rm(cache, { recursive: true, force: true }));

/** Sources of a machine with nothing; each test adds what its machine has. */
function machine(has: Partial<EngineSources>): EngineSources {
  return {
    onPath: () => Promise.resolve(undefined),
    download: () => Promise.reject(new Error("getaddrinfo ENOTFOUND\nmore detail")),
    build: () => Promise.reject(new Error("must not be built")),
    hasGo: () => Promise.resolve(false),
    ...has,
  };
}

async function placeEngine(root: string): Promise<void> {
  await mkdir(join(root, "bin"), { recursive: true });
  for (const name of ["pulumi", "pulumi-language-nodejs"]) {
    await writeFile(join(root, "bin", name), "#!/bin/sh\n");
    await chmod(join(root, "bin", name), 0o755);
  }
}

test.each([
  ["3.232.0", true],
  ["v3.240.1", true],
  ["3.231.9", false],
  ["2.300.0", false],
  ["4.0.0", false],
  ["not a version", false],
])("a pulumi of version %s on PATH serves: %s", (version, expected) => {
  expect(serves(version, "3.232.0")).toBe(expected);
});

test("a pulumi on PATH whose version serves is used, and nothing is downloaded or built", async () => {
  const engine = await findEngine({
    cache,
    sources: machine({
      onPath: () => Promise.resolve({ pulumi: "/opt/tools/pulumi", version: "3.300.0" }),
      download: () => Promise.reject(new Error("must not download")),
    }),
  });
  expect(engine).toEqual({
    pulumi: "/opt/tools/pulumi",
    binDirectory: "/opt/tools",
    version: "3.300.0",
    source: "path",
  });
});

test("a pulumi on PATH that is too old is named, and the vendor's installer is asked", async () => {
  const said: string[] = [];
  const engine = await findEngine({
    cache,
    log: (line) => said.push(line),
    sources: machine({
      onPath: () => Promise.resolve({ pulumi: "/opt/tools/pulumi", version: "3.1.0" }),
      download: (_version, root) => placeEngine(root),
    }),
  });
  expect(engine.source).toBe("download");
  expect(said[0]).toMatch(/pulumi 3\.1\.0 on PATH does not serve/);
});

test("what was had once is found in the cache, without asking anybody", async () => {
  const download = jest.fn((_version: string, root: string) => placeEngine(root));
  await findEngine({ cache, sources: machine({ download }) });
  const again = await findEngine({ cache, sources: machine({ download }) });
  expect(again.source).toBe("cache");
  expect(download).toHaveBeenCalledTimes(1);
});

test("without the vendor's site the engine is built from Go, and the log says why", async () => {
  const said: string[] = [];
  const engine = await findEngine({
    cache,
    log: (line) => said.push(line),
    sources: machine({ hasGo: () => Promise.resolve(true), build: (root) => placeEngine(root) }),
  });
  expect(engine.source).toBe("build");
  expect(said).toEqual([
    "no pulumi 3.232.0 on this machine yet: asking the vendor's installer",
    "the vendor's installer did not serve (getaddrinfo ENOTFOUND)",
    "building the engine from its Go modules instead",
  ]);
});

test("with neither a download nor Go there is one error that names both remedies", async () => {
  await expect(findEngine({ cache, sources: machine({}) })).rejects.toMatchObject({
    name: "UserError",
    message: expect.stringMatching(/install Pulumi .*or install Go/) as string,
  });
});

test("two processes that need the engine at once build it once", async () => {
  let builds = 0;
  const sources = machine({
    hasGo: () => Promise.resolve(true),
    build: async (root) => {
      builds += 1;
      await new Promise((resolve) => setTimeout(resolve, 300));
      await placeEngine(root);
    },
  });
  const waited: string[] = [];
  const both = await Promise.all([
    findEngine({ cache, sources }),
    findEngine({ cache, sources, log: (line) => waited.push(line) }),
  ]);
  expect(builds).toBe(1);
  expect(both.map((engine) => engine.source).sort()).toEqual(["build", "cache"]);
});

test("a build that fails leaves no half engine behind that a later run would take for whole", async () => {
  const sources = machine({
    hasGo: () => Promise.resolve(true),
    build: async (root) => {
      await mkdir(join(root, "bin"), { recursive: true });
      await writeFile(join(root, "bin", "pulumi-language-nodejs"), "");
      throw new Error("compile failed");
    },
  });
  await expect(findEngine({ cache, sources })).rejects.toThrow("compile failed");
  const retried = await findEngine({
    cache,
    sources: machine({ download: (_version, root) => placeEngine(root) }),
  });
  expect(retried.source).toBe("download");
  expect(await readdir(join(cache, "pulumi-3.232.0", "bin"))).toHaveLength(2);
});
