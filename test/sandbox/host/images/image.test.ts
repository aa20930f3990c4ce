import {
  chooseImage,
  imageName,
  substitutionNotice,
  type SandboxImage,
} from "../../../../sandbox/host/images/image";

const images: readonly SandboxImage[] = [
  { names: ["ghcr.io/nxy7/streampai-elixir"], kind: "node-app" },
  { names: ["other"], kind: "node-app", standIn: true },
  { names: ["postgres", "*timescaledb*"], kind: "postgres" },
];

test.each([
  ["postgres", "postgres"],
  ["postgres:16-alpine", "postgres"],
  ["docker.io/library/postgres:16", "postgres"],
  ["index.docker.io/timescale/timescaledb:2", "timescale/timescaledb"],
  ["ghcr.io/a/b@sha256:0123", "ghcr.io/a/b"],
  ["ghcr.io/a/b:1@sha256:0123", "ghcr.io/a/b"],
  ["localhost:5000/a/b", "localhost:5000/a/b"],
  ["localhost:5000/a/b:1", "localhost:5000/a/b"],
])("the name in %s is %s", (reference, name) => expect(imageName(reference)).toBe(name));

test.each([
  ["ghcr.io/nxy7/streampai-elixir:sha-1", 0, true],
  ["timescale/timescaledb-ha:pg17", 2, true],
  ["postgres:18", 2, true],
  ["ghcr.io/nxy7/streampai-elixir-next:1", 1, false],
  ["redis:8", 1, false],
])("for %s image %d runs, exactly: %s", (reference, index, exact) => {
  expect(chooseImage(reference, images)).toEqual({ image: images[index], exact });
});

test("without a stand-in the first application stands in, and nothing for nothing", () => {
  expect(chooseImage("redis", images.slice(0, 1))?.image).toBe(images[0]);
  expect(chooseImage("redis", images.slice(2))).toBeUndefined();
});

test.each([
  [images, "a stand-in answers in its place, its commands are not run"],
  [images.slice(0, 1), "the sample image (ghcr.io/nxy7/streampai-elixir) stands in for it"],
])("says openly what stands in", (known, words) => {
  const choice = chooseImage("redis:8", known);
  expect(choice && substitutionNotice("redis:8", choice)).toBe(
    `sandbox: image redis:8 is not to be had here; ${words}`,
  );
});
