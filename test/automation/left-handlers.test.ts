import { readFileSync } from "node:fs";
import { join } from "node:path";
import { withoutLeftHandlers } from "../../automation/left-handlers";
import { projectRoot } from "../../common/project-root";

/** One like those of the SDK, which it knows by their text. */
function handlerOfSdk(): (error: unknown) => void {
  const errorSet = new Set<unknown>();
  return (err) => {
    if (errorSet.has(err)) return;
    errorSet.add(err);
  };
}

const counts = () => [
  process.listenerCount("uncaughtException"),
  process.listenerCount("unhandledRejection"),
];

// From the first run on there is one more: that passes over what is left of a program.
beforeAll(() => withoutLeftHandlers(() => Promise.resolve()));

function install(handler: (error: unknown) => void): void {
  process.on("uncaughtException", handler);
  process.on("unhandledRejection", handler);
}

it("takes the SDK's handlers off that a run has left, also where it failed, and nobody else's", async () => {
  const own = (): void => undefined;
  const before = counts();
  const failing = withoutLeftHandlers(() => {
    install(handlerOfSdk());
    process.on("uncaughtException", own);
    return Promise.reject(new Error("the run failed"));
  });
  await expect(failing).rejects.toThrow("the run failed");
  expect(process.listeners("uncaughtException")).toContain(own);
  process.off("uncaughtException", own);
  expect(counts()).toEqual(before);
});

it("leaves those of a run that goes on", async () => {
  const before = counts();
  let end = (): void => undefined;
  const other = withoutLeftHandlers(async () => {
    install(handlerOfSdk());
    await new Promise<void>((resolve) => (end = resolve));
  });
  await withoutLeftHandlers(() => Promise.resolve());
  expect(counts()).toEqual(before.map((count) => count + 1));
  end();
  await other;
  expect(counts()).toEqual(before);
});

it("knows the handlers of the SDK that is installed", () => {
  const file = join(projectRoot(), "node_modules", "@pulumi", "pulumi", "automation", "server.js");
  expect(readFileSync(file, "utf8")).toContain("errorSet.has(err)");
});
