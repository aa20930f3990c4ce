import {
  migrationFramesOf,
  parseExport,
  resourceNamed,
  stepOf,
  urnsOf,
  withAdopted,
  withoutPendingCreates,
} from "../../automation/state";
import { encodeFrames } from "../../remote/framing";

const urn = (type: string, name: string): string => `urn:pulumi:dev::shop::${type}::${name}`;
const secret = (text: string): object => ({ ciphertext: "x", plaintext: JSON.stringify(text) });

const frames = { mode: "fast" };
const stdin = `a script\n${encodeFrames(frames)}`;

const exported = parseExport(
  JSON.stringify({
    version: 3,
    somethingNew: true,
    deployment: {
      manifest: { version: "v3" },
      resources: [
        { urn: urn("groundwork:index:AppOrigin", "api"), type: "groundwork:index:AppOrigin", custom: false },
        {
          urn: urn("command:remote:Command", "api-migrations"),
          type: "command:remote:Command",
          custom: true,
          created: "2026-01-02T03:04:05Z",
          inputs: { stdin: secret(stdin) },
          outputs: { stdout: secret("done") },
        },
        { urn: urn("random:index/x:X", "not-api-migrations"), type: "random:index/x:X", custom: true },
      ],
      pending_operations: [
        { type: "creating", resource: { urn: urn("a:b:C", "one"), type: "a:b:C" } },
        { type: "creating", resource: { urn: urn("a:b:C", "two"), type: "a:b:C" } },
        { type: "updating", resource: { urn: urn("a:b:C", "three"), type: "a:b:C" } },
      ],
    },
  }),
);
const { deployment } = exported;

test("a resource is found by its whole name, and only resources of providers are listed", () => {
  expect(resourceNamed(deployment, "api-migrations")?.created).toBe("2026-01-02T03:04:05Z");
  expect(resourceNamed(deployment, "migrations")).toBeUndefined();
  expect(urnsOf(deployment, (name) => name.startsWith("api"))).toEqual([
    urn("command:remote:Command", "api-migrations"),
  ]);
});

test("a step's input and output are read where the state shows its secrets, and nothing where it hides them", () => {
  expect(stepOf(deployment, "api-migrations")).toEqual({ stdin, stdout: "done" });
  expect(migrationFramesOf(deployment, "api")).toEqual(frames);
  expect(migrationFramesOf(deployment, "web")).toBeUndefined();
  const hidden = {
    resources: [{ urn: urn("command:remote:Command", "x"), type: "", inputs: { stdin: {} } }],
  };
  expect(stepOf(hidden, "x")).toEqual({});
});

test("pending creations are taken out, those that are wanted or all; everything else is kept as it is", () => {
  const one = withoutPendingCreates(exported, (pending) => pending.endsWith("::one"));
  expect(one.deployment.pending_operations?.map(({ resource }) => resource.urn.split("::").at(-1))).toEqual([
    "two",
    "three",
  ]);
  expect(withoutPendingCreates(exported).deployment.pending_operations).toHaveLength(1);
  expect(one).toMatchObject({ somethingNew: true, deployment: { manifest: { version: "v3" } } });
  const without = {
    version: 3,
    deployment: { pending_operations: deployment.pending_operations!.slice(0, 2) },
  };
  expect(withoutPendingCreates(without)).toEqual({ version: 3, deployment: {} });
});

test("a creation that has made its thing becomes a resource with its id, after all it depends on", () => {
  const one = urn("a:b:C", "one");
  const { resources, pending_operations } = withAdopted(exported, one, "4711").deployment;
  expect(resources?.at(-1)).toEqual({ urn: one, type: "a:b:C", id: "4711", outputs: { id: "4711" } });
  expect(resources).toHaveLength(4);
  expect(pending_operations?.map(({ resource }) => resource.urn)).not.toContain(one);
  expect(withAdopted(exported, urn("a:b:C", "three"), "1")).toBe(exported);
});

test("a stack that was only made has an empty state", () => {
  expect(parseExport('{"version":3,"deployment":null}').deployment).toEqual({});
});
