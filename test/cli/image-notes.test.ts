import { imageNotes } from "../../cli/image-notes";
import type { Settings } from "../../platform/settings";

const sample = { names: ["ghcr.io/nxy7/streampai-elixir"], kind: "node-app" as const };

function origins(image: string | undefined): Pick<Settings, "origins"> {
  const service = image === undefined ? {} : { image };
  return { origins: { api: { kind: "compose", services: { api: service } } } } as unknown as Settings;
}

test("a service that the sample runs in place of is told", () => {
  expect(imageNotes(origins("ghcr.io/nxy7/streampai-elixir:latest"), [sample], {})).toEqual([
    "service api: the sample of examples/ runs in place of ghcr.io/nxy7/streampai-elixir:latest",
  ]);
});

test("a service that a stand-in answers for is told with the image that is missing", () => {
  expect(imageNotes(origins(undefined), [sample], { "notes/web": "ghcr.io/example/notes:1" })).toEqual([
    "service notes/web: ghcr.io/example/notes:1 is not to be had here; a server that says so answers in its place",
  ]);
});

test("nothing is told of images that are what they are", () => {
  expect(imageNotes(origins("registry.example/own:1"), [sample], {})).toEqual([]);
});
