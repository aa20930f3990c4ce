import { PartialFailure, type ProviderDefinition } from "../../../sandbox/providers/definition";
import { differences } from "../../../sandbox/providers/differences";
import { engineAddress } from "../../../sandbox/providers/serve";
import { partsOfUrn } from "../../../sandbox/providers/service";
import {
  containsSecret,
  copySecrets,
  fromWire,
  isSecret,
  sameValue,
  secret,
  toWire,
  UNKNOWN,
  type Values,
} from "../../../sandbox/providers/values";
import { testProvider } from "../../support/provider";

describe("values", () => {
  it("unwraps secrets and output values, makes every unknown one, leaves null out", () => {
    const signature = "4dabf18193072939515e22adb298388d";
    const output = { [signature]: "d0e6a833031e9bbcd3f4e8bde6ca49a4" };
    expect(
      fromWire({
        a: secret({ b: secret("x") }),
        c: "3eeb2bf0-c639-47a8-9e75-3b44932eb421",
        d: null,
        e: [null, 1],
        f: { ...output, value: "known" },
        g: output,
      }),
    ).toEqual({ a: { b: "x" }, c: UNKNOWN, e: [undefined, 1], f: "known", g: UNKNOWN });
  });

  it("sends nothing undefined", () => {
    expect(toWire({ a: undefined, b: [undefined, { c: undefined, d: 1 }] })).toEqual({ b: [null, { d: 1 }] });
  });

  it("carries secretness over by name, as deep as both sides go", () => {
    const received = {
      plain: "1",
      all: secret("2"),
      deep: { one: secret("3"), two: "4" },
      list: ["5", secret("6")],
    };
    const outputs = copySecrets(
      { plain: "1", all: "2", deep: { one: "3", two: "4" }, list: ["5", "6"], other: "7" },
      received,
    );
    expect(isSecret(outputs["all"])).toBe(true);
    expect(outputs["deep"]).toEqual({ one: secret("3"), two: "4" });
    expect(outputs["list"]).toEqual(secret(["5", "6"]));
    expect([outputs["plain"], outputs["other"]]).toEqual(["1", "7"]);
    expect([containsSecret(received), containsSecret({ a: ["1"] })]).toEqual([true, false]);
  });

  it("takes absent and null for the same, and assets of one hash", () => {
    expect(sameValue({ a: undefined }, {})).toBe(true);
    expect(sameValue([1, 2], [2, 1])).toBe(false);
    const asset = (path: string, hash: string) => ({
      "4dabf18193072939515e22adb298388d": "c44067f5952c0a294b673a41bacd8c17",
      path,
      hash,
    });
    expect(sameValue(asset("a", "1"), asset("b", "1"))).toBe(true);
    expect(sameValue(asset("a", "1"), asset("a", "2"))).toBe(false);
  });
});

describe("differences", () => {
  it("names each leaf by its path", () => {
    const olds: Values = { a: 1, b: { c: "x", "d-e": [1, { f: 2 }] }, gone: true, same: [1] };
    const news: Values = { a: UNKNOWN, b: { c: "y", "d-e": [1, { f: 3 }, 4] }, came: {}, same: [1] };
    expect(differences(olds, news, (name) => name === "b")).toEqual([
      { path: "a", kind: "update", replace: false },
      { path: "b.c", kind: "update", replace: true },
      { path: 'b["d-e"][1].f', kind: "update", replace: true },
      { path: 'b["d-e"][2]', kind: "add", replace: true },
      { path: "gone", kind: "delete", replace: false },
      { path: "came", kind: "add", replace: false },
    ]);
  });
});

describe("what the engine says", () => {
  it.each([
    [["127.0.0.1:1"], "127.0.0.1:1"],
    [["--logtostderr", "-v=9", "--tracing", "file:x", "127.0.0.1:2"], "127.0.0.1:2"],
    [[], undefined],
  ])("%j", (args, expected) => expect(engineAddress(args)).toBe(expected));

  it("takes a URN apart, whatever stands in the name", () => {
    expect(partsOfUrn("urn:pulumi:dev::app::a:b:C$d:e/f:G::it::self")).toEqual({
      type: "d:e/f:G",
      name: "it::self",
    });
  });
});

describe("operations", () => {
  const type = "test:index:Thing";
  const definition: ProviderDefinition = {
    name: "test",
    version: "1.0.0",
    config: { address: { required: true }, insecure: { default: false } },
    resources: {
      [type]: {
        inputs: {
          name: { required: true, replace: true },
          size: { default: 1 },
          mode: { oneOf: ["a", "b"] },
          key: { secret: true, oneOf: ["k"] },
          shape: { implied: "round" },
        },
        computed: ["address", "token"],
        secretOutputs: ["token"],
        recomputedOnUpdate: ["address"],
        create: ({ inputs }) =>
          inputs["name"] === "partial"
            ? Promise.reject(new PartialFailure("id", { address: "half" }, ["not ready"]))
            : Promise.resolve({ id: "id", outputs: { address: "here", token: "t" } }),
        update: () => Promise.resolve({ address: "there" }),
        read: ({ id }) =>
          Promise.resolve(
            id === "gone" ? undefined : { outputs: { name: "found", size: 2, address: "a", extra: 1 } },
          ),
      },
      "test:index:Fixed": { inputs: { name: {} }, create: () => Promise.resolve({ id: "1", outputs: {} }) },
    },
  };
  const provider = testProvider(definition);

  it("checks by the table: unknown, missing, not allowed, defaults; a secret's value is not shown", () => {
    expect(provider.refusals(type, { nam: "x", mode: "c", key: "hidden" })).toEqual({
      nam: `${type} has no input "nam"; it has key, mode, name, shape, size`,
      name: `${type} needs the input "name"`,
      mode: '"mode" has to be one of a, b, not "c"',
      key: '"key" has to be one of k',
    });
    expect(provider.refusals(type, { name: UNKNOWN, mode: UNKNOWN })).toEqual({});
    expect(
      provider.operations.check(provider.context(type), {}, { name: "x", key: "k" }, new Uint8Array()).inputs,
    ).toEqual({
      name: "x",
      size: 1,
      key: secret("k"),
    });
  });

  it("creates, previews, updates and marks secrets", async () => {
    const context = provider.context(type);
    expect(await provider.operations.create(context, { name: "x", key: "k" }, false)).toEqual({
      id: "id",
      outputs: { name: "x", key: secret("k"), shape: "round", address: "here", token: secret("t") },
    });
    expect((await provider.operations.create(context, { name: "x" }, true)).outputs).toEqual({
      name: "x",
      shape: "round",
      address: UNKNOWN,
      token: UNKNOWN,
    });
    const update = (preview: boolean) =>
      provider.operations.update(
        context,
        "id",
        { name: "x", mode: "a" },
        { name: "x", mode: "a", address: "here", token: "t" },
        { name: "x", size: 2 },
        preview,
      );
    const common = { name: "x", size: 2, shape: "round", token: secret("t") };
    expect(await update(true)).toEqual({ ...common, address: UNKNOWN });
    expect(await update(false)).toEqual({ ...common, address: "there" });
  });

  it("completes the state of a partial failure", async () => {
    const failed: unknown = await provider.operations
      .create(provider.context(type), { name: "partial" }, false)
      .catch((error: unknown) => error);
    expect(failed).toMatchObject({
      id: "id",
      reasons: ["not ready"],
      outputs: { name: "partial", address: "half" },
    });
  });

  it("reads back the recorded inputs with what was found, all at an import, nothing when gone", async () => {
    const context = provider.context(type);
    const recorded = await provider.operations.read(context, "id", { name: "x" }, { name: "x" });
    expect(recorded?.inputs).toEqual({ name: "found" });
    const imported = await provider.operations.read(context, "id", {}, {});
    expect(imported?.inputs).toEqual({ name: "found", size: 2 });
    expect(await provider.operations.read(context, "gone", {}, {})).toBeUndefined();
  });

  it("replaces for any change where there is no update", () => {
    expect(provider.decide("test:index:Fixed", { name: "a" }, { name: "b" })).toBe("replace");
    expect(provider.decide(type, { name: "a" }, { name: "a", size: 2 })).toBe("update");
    expect(provider.decide(type, { name: "a" }, { name: "a", shape: "round" })).toBe("same");
  });

  it("checks the provider's own settings", () => {
    expect(
      provider.operations
        .checkConfig({ version: "1.0.0", adress: "x" })
        .failures.map(({ property }) => property),
    ).toEqual(["adress", "address"]);
    expect(provider.operations.checkConfig({ address: "x" }).inputs).toEqual({
      address: "x",
      insecure: false,
    });
  });

  it("names what it has when asked for something else", async () => {
    await expect(provider.operations.invoke("test:index:none", {}, provider.context(type))).rejects.toThrow(
      "unknown function test:index:none: this provider of test has none",
    );
  });
});
