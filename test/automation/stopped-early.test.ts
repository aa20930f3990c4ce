import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { commandOf } from "../../automation/engine-command";
import { EngineStack } from "../../automation/engine-stack";
import { sleep } from "../../common/processes";
import { startTogether } from "../../sandbox/providers/together";

jest.mock("../../sandbox/providers/together");

// Ctrl-C comes while there is no engine that could be told of it: before it is started, and between two that are.
let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "gw-stopped-"));
  mkdirSync(join(folder, "state"));
  writeFileSync(join(folder, "Pulumi.yaml"), "name: sample\nruntime: nodejs\n");
});
afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

/** An engine that writes down with what it is called, and knows no stack. */
function engine() {
  const pulumi = join(folder, "pulumi");
  writeFileSync(
    pulumi,
    `#!/bin/sh
echo "$1" >> '${folder}/calls'
case "$1" in
  up) echo "error: no stack named 'shop' found" >&2; exit 255 ;;
  stack) sleep 1 ;;
esac
`,
  );
  chmodSync(pulumi, 0o755);
  return { pulumi, binDirectory: folder, version: "3.232.0", source: "path" as const };
}
const calls = () =>
  existsSync(join(folder, "calls")) ? readFileSync(join(folder, "calls"), "utf8").trim().split("\n") : [];

test("who stops before the engine is started starts none, and the providers that wait for it end", async () => {
  const stop = new AbortController();
  const end = jest.fn();
  jest.mocked(startTogether).mockImplementationOnce(() => {
    stop.abort();
    return Promise.resolve({ variables: {}, end });
  });
  const { run } = commandOf(engine()) as unknown as { run: (...options: unknown[]) => Promise<unknown> };
  await expect(run(["up"], folder, {}, undefined, undefined, stop.signal)).rejects.toBe(stop.signal.reason);
  expect(calls()).toEqual([]);
  expect(end).toHaveBeenCalledTimes(1);
});

test("who stops while the stack is made has no up begun on it", async () => {
  const stop = new AbortController();
  const stack = await EngineStack.open({
    name: "shop",
    directory: folder,
    engine: engine(),
    program: () => Promise.resolve({}),
    configFile: undefined,
    variables: { PULUMI_BACKEND_URL: `file://${join(folder, "state")}`, PULUMI_CONFIG_PASSPHRASE: "test" },
  });
  const ended = stack
    .run("up", { signal: stop.signal }, (options) => stack.sdk.up(options))
    .catch((error: unknown) => error);
  while (!calls().includes("stack")) await sleep(20);
  stop.abort();
  expect(await ended).toBe(stop.signal.reason);
  expect(calls()).toEqual(["up", "stack"]);
});
