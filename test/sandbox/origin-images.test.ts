import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Settings } from "../../platform/settings";
import { originsWithStandIns, usesImage } from "../../sandbox/origin-images";

const images = [
  { names: ["sample-api"], kind: "node-app" as const },
  { names: ["caddy"], kind: "caddy" as const },
  { names: [], kind: "node-app" as const, standIn: true },
];
const compose = (services: object) => ({ kind: "compose", composeFile: "compose.yaml", services });

test("an origin is a stand-in's where an image is not to be had, whoever names it; a platform's always is", async () => {
  const folder = await mkdtemp(join(tmpdir(), "stand-ins-"));
  await writeFile(
    join(folder, "compose.yaml"),
    "services: { api: { image: 'sample-api:1' }, web: { image: '${WEB:-ghcr.io/x/web}' }, built: { build: . } }",
  );
  const origins = {
    known: compose({ api: {} }),
    fallback: compose({ api: {}, web: {} }),
    overridden: compose({ api: { image: "ghcr.io/x/api:2" } }),
    replaced: compose({ web: { image: "sample-api:2" } }),
    built: compose({ built: {} }),
    fly: { kind: "external" },
  } as unknown as Settings["origins"];
  const found = originsWithStandIns({ origins }, join(folder, "Pulumi.dev.yaml"), images);
  expect([...found.keys()].sort()).toEqual(["built", "fallback", "fly", "overridden"]);
  await rm(folder, { recursive: true });
});

test("HTTP/2 is asked for where what ends TLS is its own, and a Caddy of the user's own is seen", async () => {
  const folder = await mkdtemp(join(tmpdir(), "stand-ins-"));
  await writeFile(
    join(folder, "compose.yaml"),
    "services: { caddy: { image: 'caddy:2-alpine' }, web: { image: ghcr.io/x/web } }",
  );
  await writeFile(join(folder, "other.yaml"), "services: { web: { image: ghcr.io/x/web } }");
  const door = { tls: { port: 443, publish: 443 } };
  const origins = {
    own: compose({ caddy: door, web: {} }),
    other: { ...compose({ web: door }), composeFile: "other.yaml" },
  } as unknown as Settings["origins"];
  const file = join(folder, "Pulumi.dev.yaml");
  expect(originsWithStandIns({ origins }, file, images)).toEqual(
    new Map([
      ["own", ["contains"]],
      ["other", ["contains", "http2"]],
    ]),
  );
  expect(usesImage({ origins }, file, "caddy")).toBe(true);
  expect(usesImage({ origins: { other: origins["other"]! } }, file, "caddy")).toBe(false);
  await rm(folder, { recursive: true });
});
