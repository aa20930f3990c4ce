import { compareSync } from "bcryptjs";
import { provider } from "../../../sandbox/providers/random/provider";
import { defaultSpecial, randomText, shuffled } from "../../../sandbox/providers/random/text";
import { isSecret, UNKNOWN } from "../../../sandbox/providers/values";
import { testProvider } from "../../support/provider";

const type = (name: string) => `random:index/random${name}:Random${name}`;
const random = testProvider(provider);

describe("random text", () => {
  const rules = {
    length: 40,
    lower: true,
    upper: true,
    numeric: true,
    special: true,
    minLower: 0,
    minUpper: 0,
    minNumeric: 0,
    minSpecial: 0,
  };

  it("has the least numbers asked for, and only the characters allowed", () => {
    for (let round = 0; round < 50; round++) {
      const text = randomText({
        ...rules,
        length: 8,
        minLower: 2,
        minUpper: 2,
        minNumeric: 2,
        minSpecial: 2,
      });
      expect(text).toHaveLength(8);
      expect(text.match(/[a-z]/g)).toHaveLength(2);
      expect(text.match(/[A-Z]/g)).toHaveLength(2);
      expect(text.match(/\d/g)).toHaveLength(2);
      expect([...text].filter((character) => defaultSpecial.includes(character))).toHaveLength(2);
    }
    expect(randomText({ ...rules, special: false })).toMatch(/^[A-Za-z0-9]{40}$/);
    expect(randomText({ ...rules, overrideSpecial: "_", upper: false, lower: false, numeric: false })).toBe(
      "_".repeat(40),
    );
  });

  it("uses every character about equally often", () => {
    const counts = new Map<string, number>();
    const text = randomText({ ...rules, length: 62_000, special: false });
    for (const character of text) counts.set(character, (counts.get(character) ?? 0) + 1);
    expect(counts.size).toBe(62);
    // 1000 expected; six standard deviations are 190.
    expect(Math.min(...counts.values())).toBeGreaterThan(800);
    expect(Math.max(...counts.values())).toBeLessThan(1_200);
  });

  it("shuffles without losing anything", () => {
    const items = Array.from({ length: 100 }, (_, index) => index);
    expect(shuffled(items).sort((one, other) => one - other)).toEqual(items);
    expect(shuffled(items)).not.toEqual(items);
  });
});

describe("RandomPassword", () => {
  it("makes a password and its bcrypt hash, both secret, with the real one's id and outputs", async () => {
    const { id, outputs } = await random.create(type("Password"), { length: 24, special: false });
    expect(id).toBe("none");
    expect(outputs["result"]).toMatch(/^[A-Za-z0-9]{24}$/);
    expect(compareSync(outputs["result"] as string, outputs["bcryptHash"] as string)).toBe(true);
    expect({ ...outputs, result: "", bcryptHash: "" }).toEqual({
      bcryptHash: "",
      length: 24,
      lower: true,
      minLower: 0,
      minNumeric: 0,
      minSpecial: 0,
      minUpper: 0,
      number: true,
      numeric: true,
      result: "",
      special: false,
      upper: true,
    });
    const sent = await random.operations.create(random.context(type("Password")), { length: 9 }, false);
    expect(
      Object.keys(sent.outputs)
        .filter((name) => isSecret(sent.outputs[name]))
        .sort(),
    ).toEqual(["bcryptHash", "result"]);
  });

  it.each([
    [{ length: 0 }, { length: "length must be a whole number of at least 1, got: 0" }],
    [
      { length: 3, minLower: 2, minUpper: 2 },
      {
        length:
          "length must be at least the sum of minUpper, minLower, minNumeric and minSpecial (4), got: 3",
      },
    ],
    [
      { length: 3, lower: false, upper: false, numeric: false, special: false },
      { special: "at least one of special, upper, lower and numeric must be true" },
    ],
    [{}, { length: `${type("Password")} needs the input "length"` }],
    [
      { length: 8, number: true, numeric: false },
      { number: "number and numeric are one setting; give numeric alone" },
    ],
  ])("refuses %j", (inputs, expected) => {
    expect(random.refusals(type("Password"), inputs)).toEqual(expected);
  });

  it("refuses an input it does not have, by name", () => {
    expect(Object.keys(random.refusals(type("Password"), { length: 8, lenght: 8 }))).toEqual(["lenght"]);
  });

  it.each([
    ["keepers", { keepers: { version: "1" } }, { keepers: { version: "2" } }, "replace"],
    ["length", {}, { length: 25 }, "replace"],
    ["special", {}, { special: false }, "replace"],
    ["overrideSpecial", {}, { overrideSpecial: "-" }, "replace"],
    ["a default given openly", {}, { lower: true, minSpecial: 0 }, "same"],
    ["a default left out again", { upper: true }, {}, "same"],
    ["nothing", {}, {}, "same"],
  ] as const)("decides about a change of %s", (_what, before, after, decision) => {
    expect(random.decide(type("Password"), { length: 24, ...before }, { length: 24, ...after })).toBe(
      decision,
    );
  });

  it("imports a password as its id, which is then forgotten", async () => {
    const found = await random.operations.read(random.context(type("Password")), "imported-text", {}, {});
    expect(found?.id).toBe("none");
    expect(found?.inputs).toEqual({ length: 13 });
    expect(isSecret(found?.outputs["result"])).toBe(true);
  });
});

describe("the other types", () => {
  it("shows what is computed as unknown in a preview, and defaults as they are", async () => {
    expect(await random.preview(type("Id"), { byteLength: 4 })).toEqual({
      byteLength: 4,
      b64Url: UNKNOWN,
      b64Std: UNKNOWN,
      hex: UNKNOWN,
      dec: UNKNOWN,
    });
    expect(await random.preview(type("Pet"), {})).toEqual({ length: 2, separator: "-" });
  });

  it("RandomId: four forms of the same bytes, prefixed; the id is not", async () => {
    const { id, outputs } = await random.create(type("Id"), { byteLength: 5, prefix: "web-" });
    const bytes = Buffer.from(id, "base64url");
    expect(bytes).toHaveLength(5);
    expect(outputs).toEqual({
      byteLength: 5,
      prefix: "web-",
      b64Url: `web-${id}`,
      b64Std: `web-${bytes.toString("base64")}`,
      hex: `web-${bytes.toString("hex")}`,
      dec: `web-${bytes.readUIntBE(0, 5)}`,
    });
    const found = await random.operations.read(random.context(type("Id")), `web-,${id}`, {}, {});
    expect(found).toEqual({ id, inputs: { byteLength: 5, prefix: "web-" }, outputs });
  });

  it("RandomInteger: both ends are possible, nothing outside", async () => {
    const seen = new Set<unknown>();
    for (let round = 0; round < 200; round++) {
      const { id, outputs } = await random.create(type("Integer"), { min: 3, max: 5 });
      expect(Number(id)).toBe(outputs["result"]);
      seen.add(outputs["result"]);
    }
    expect([...seen].sort()).toEqual([3, 4, 5]);
    expect(random.refusals(type("Integer"), { min: 5, max: 3 })).toEqual({
      min: "min needs to be smaller than or equal to max: 5 > 3",
    });
  });

  it("refuses a seed instead of giving another value than the real provider", () => {
    expect(random.refusals(type("Integer"), { min: 1, max: 3, seed: "a" })).toEqual({
      seed: '"seed" is not supported by the sandbox: the real provider would give another value for it',
    });
    expect(random.refusals(type("Shuffle"), { inputs: ["a"], seed: "a" })).toHaveProperty("seed");
  });

  it("RandomUuid: versions 4 and 7", async () => {
    expect((await random.create(type("Uuid"), {})).id).toMatch(/^[\da-f]{8}-[\da-f]{4}-4/);
    expect((await random.create(type("Uuid4"), {})).outputs["result"]).toMatch(/^[\da-f]{8}-[\da-f]{4}-4/);
    const before = Date.now();
    const { id } = await random.create(type("Uuid7"), {});
    expect(id).toMatch(/^[\da-f]{8}-[\da-f]{4}-7[\da-f]{3}-[89ab][\da-f]{3}-[\da-f]{12}$/);
    expect(parseInt(id.replaceAll("-", "").slice(0, 12), 16)).toBeGreaterThanOrEqual(before);
  });

  it("RandomPet: as many words as asked for, joined, the name is the id", async () => {
    expect((await random.create(type("Pet"), {})).id).toMatch(/^[a-z]+-[a-z]+$/);
    expect((await random.create(type("Pet"), { length: 3, prefix: "gw", separator: "_" })).id).toMatch(
      /^gw(_[a-z]+){3}$/,
    );
    await expect(random.operations.read(random.context(type("Pet")), "one-two", {}, {})).rejects.toThrow(
      "cannot be imported",
    );
  });

  it("RandomShuffle: a permutation, cut or repeated", async () => {
    const inputs = ["a", "b", "c"];
    const all = await random.create(type("Shuffle"), { inputs });
    expect([...(all.outputs["results"] as string[])].sort()).toEqual(inputs);
    const some = await random.create(type("Shuffle"), { inputs, resultCount: 1 });
    expect(some.outputs["results"]).toHaveLength(1);
    const more = await random.create(type("Shuffle"), { inputs, resultCount: 6 });
    expect([...(more.outputs["results"] as string[])].sort()).toEqual(["a", "a", "b", "b", "c", "c"]);
  });

  it("RandomBytes: secret in both forms", async () => {
    const { id, outputs } = await random.create(type("Bytes"), { length: 16 });
    expect(Buffer.from(outputs["hex"] as string, "hex").toString("base64")).toBe(outputs["base64"]);
    expect(id).toBe(outputs["base64"]);
  });

  it("says what it has when asked for another type", async () => {
    await expect(random.create("random:index/randomDie:RandomDie", {})).rejects.toThrow(
      /unknown resource type random:index\/randomDie:RandomDie: this provider of random has .*RandomPassword/,
    );
  });
});
