import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Settings } from "../../platform/settings";
import { originsWithStandIns } from "../../sandbox/stand-in-origins";

test("an origin is a stand-in's where an image is not to be had, whoever names it; a platform's always is", async () => {
  const folder = await mkdtemp(join(tmpdir(), "stand-ins-"));
  await writeFile(
    join(folder, "compose.yaml"),
    "services: { api: { image: 'sample-api:1' }, web: { image: '${WEB:-ghcr.io/x/web}' }, built: { build: . } }",
  );
  const compose = (services: object) => ({ kind: "compose", composeFile: "compose.yaml", services });
  const origins = {
    known: compose({ api: {} }),
    fallback: compose({ api: {}, web: {} }),
    overridden: compose({ api: { image: "ghcr.io/x/api:2" } }),
    replaced: compose({ web: { image: "sample-api:2" } }),
    built: compose({ built: {} }),
    fly: { kind: "external" },
  } as unknown as Settings["origins"];
  const images = [
    { names: ["sample-api"], kind: "node-app" as const },
    { names: [], kind: "node-app" as const, standIn: true },
  ];
  const found = originsWithStandIns({ origins }, join(folder, "Pulumi.dev.yaml"), images);
  expect([...found].sort()).toEqual(["built", "fallback", "fly", "overridden"]);
  await rm(folder, { recursive: true });
});
