import {
  hasProtected,
  migrationFramesOf,
  outputsOf,
  parseExport,
  resourceNamed,
  stepOf,
  urnsOf,
  withSettled,
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

test("what was cut short is taken out; what a creation has made becomes a resource, after all it depends on", () => {
  const one = urn("a:b:C", "one");
  const settled = withSettled(exported, [{ urn: one, type: "a:b:C", id: "4711" }]);
  expect(settled.deployment.pending_operations).toBeUndefined();
  expect(settled.deployment.resources?.slice(0, 3)).toEqual(deployment.resources);
  expect(settled.deployment.resources?.slice(3)).toEqual([
    { urn: one, type: "a:b:C", id: "4711", outputs: { id: "4711" } },
  ]);
  expect(settled).toMatchObject({ somethingNew: true, deployment: { manifest: { version: "v3" } } });
  expect(withSettled(exported).deployment.resources).toEqual(deployment.resources);
});

test("what is taken in replaces what has its URN, which the next run deletes", () => {
  const taken = { urn: urn("random:index/x:X", "not-api-migrations"), type: "random:index/x:X", id: "new" };
  const { resources = [] } = withSettled(exported, [taken]).deployment;
  expect(resources.filter((each) => each.urn === taken.urn)).toEqual([
    { ...deployment.resources?.[2], delete: true },
    { ...taken, outputs: { id: "new" } },
  ]);
});

test("a stack that was only made has an empty state", () => {
  expect(parseExport('{"version":3,"deployment":null}').deployment).toEqual({});
});

test("outputs are read with secrets shown, and one with a secret anywhere in it is secret", () => {
  const hidden = (value: unknown): object => ({
    "4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270",
    plaintext: JSON.stringify(value),
  });
  const outputs = {
    address: "https://app.example",
    count: null,
    token: hidden("quiet"),
    databases: [{ name: "main", url: hidden({ user: "app" }) }],
  };
  const resources = [{ urn: urn("pulumi:pulumi:Stack", "shop-dev"), type: "pulumi:pulumi:Stack", outputs }];
  expect(outputsOf({ resources })).toEqual({
    address: { value: "https://app.example", secret: false },
    count: { value: null, secret: false },
    token: { value: "quiet", secret: true },
    databases: { value: [{ name: "main", url: { user: "app" } }], secret: true },
  });
});

test("a stack that was only made has no outputs", () => {
  expect(outputsOf({})).toEqual({});
});

it("tells whether something is protected from removal", () => {
  const resource = { urn: "urn:pulumi:prod::shop::a:b:C::c", type: "a:b:C", custom: true };
  expect(hasProtected({})).toBe(false);
  expect(hasProtected({ resources: [resource, { ...resource, protect: false }] })).toBe(false);
  expect(hasProtected({ resources: [resource, { ...resource, protect: true }] })).toBe(true);
});
