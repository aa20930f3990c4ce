import { randomBytes, randomInt, randomUUID } from "node:crypto";
import type { CheckFailure, InputDefinition, ProviderDefinition, ResourceDefinition } from "../definition";
import { containsUnknown, type Value, type Values } from "../values";
import { petWords } from "./pet";
import { randomText, shuffled, type TextRules, wrongRules } from "./text";

const replacing = { replace: true } as const;
const keepers: Record<string, InputDefinition> = { keepers: replacing };

/** Refused instead of giving other values than the real provider, whose generator is that of Go's math/rand. */
function refuseSeed({ news }: { news: Values }): { failures: CheckFailure[] } {
  if (news["seed"] === undefined) return { failures: [] };
  const reason = '"seed" is not supported by the sandbox: the real provider would give another value for it';
  return { failures: [{ property: "seed", reason }] };
}

/** At least 1 and whole, unless not known yet. */
function atLeastOne(property: string): ({ news }: { news: Values }) => { failures: CheckFailure[] } {
  return ({ news }) => {
    const value = news[property];
    const isWrong =
      value !== undefined && !containsUnknown(value) && !(Number.isInteger(value) && (value as number) >= 1);
    return {
      failures: isWrong
        ? [
            {
              property,
              reason: `${property} must be a whole number of at least 1, got: ${JSON.stringify(value)}`,
            },
          ]
        : [],
    };
  };
}

const textDefaults = {
  lower: true,
  upper: true,
  numeric: true,
  special: true,
  minLower: 0,
  minUpper: 0,
  minNumeric: 0,
  minSpecial: 0,
} as const;

const textInputs: Record<string, InputDefinition> = {
  ...keepers,
  length: { required: true, replace: true },
  overrideSpecial: replacing,
  ...Object.fromEntries(
    Object.entries(textDefaults).map(([name, implied]) => [name, { replace: true, implied }]),
  ),
  // The old word for `numeric`.
  number: replacing,
};

function textRules(inputs: Values): TextRules {
  const { number, ...rest } = inputs;
  return {
    ...textDefaults,
    ...(number === undefined ? {} : { numeric: number }),
    ...rest,
  } as unknown as TextRules;
}

/** `number` and `numeric` are one setting; outputs name both. */
function textOutputs(inputs: Values, result: string): Values {
  const { numeric } = textRules(inputs);
  return { result, numeric, number: numeric };
}

const text: Pick<ResourceDefinition, "inputs" | "check"> = {
  inputs: textInputs,
  check({ news }) {
    const isWhole = typeof news["length"] === "number" && !containsUnknown(news);
    const failures = isWhole ? wrongRules(textRules(news)) : [];
    if (news["number"] !== undefined && news["numeric"] !== undefined && news["number"] !== news["numeric"]) {
      failures.push({ property: "number", reason: "number and numeric are one setting; give numeric alone" });
    }
    return { failures };
  },
};

/** What an imported text is taken to have been made by: the defaults, and its own length. */
function importedText(value: string): { inputs: Values; outputs: Values } {
  const inputs = { length: value.length };
  return { inputs, outputs: { ...textDefaults, ...inputs, ...textOutputs(inputs, value) } };
}

async function bcrypt(value: string): Promise<string> {
  // Loaded when the first password is made: most runs make none.
  const { hash } = await import("bcryptjs");
  // bcrypt knows no more than 72 bytes, and the real provider cuts as well.
  return hash(Buffer.from(value).subarray(0, 72).toString(), 10);
}

const password: ResourceDefinition = {
  ...text,
  computed: ["result", "bcryptHash", "number"],
  secretOutputs: ["result", "bcryptHash"],
  async create({ inputs }) {
    const result = randomText(textRules(inputs));
    return { id: "none", outputs: { ...textOutputs(inputs, result), bcryptHash: await bcrypt(result) } };
  },
  async read({ id, isImport, oldInputs, oldOutputs }) {
    if (!isImport) return { outputs: oldOutputs, inputs: oldInputs };
    const { inputs, outputs } = importedText(id);
    // The id of an import is the password itself: it must not stay one.
    return { id: "none", inputs, outputs: { ...outputs, bcryptHash: await bcrypt(id) } };
  },
};

const string: ResourceDefinition = {
  ...text,
  computed: ["result", "number"],
  create({ inputs }) {
    const result = randomText(textRules(inputs));
    return Promise.resolve({ id: result, outputs: textOutputs(inputs, result) });
  },
  read: ({ id, isImport, oldInputs, oldOutputs }) =>
    Promise.resolve(isImport ? importedText(id) : { outputs: oldOutputs, inputs: oldInputs }),
};

function idOutputs(bytes: Buffer, prefix: string): Values {
  return {
    b64Url: prefix + bytes.toString("base64url"),
    b64Std: prefix + bytes.toString("base64"),
    hex: prefix + bytes.toString("hex"),
    dec: prefix + BigInt(`0x${bytes.toString("hex")}`).toString(),
  };
}

const id: ResourceDefinition = {
  inputs: { ...keepers, byteLength: { required: true, replace: true }, prefix: replacing },
  computed: ["b64Url", "b64Std", "hex", "dec"],
  check: atLeastOne("byteLength"),
  create({ inputs }) {
    const bytes = randomBytes(inputs["byteLength"] as number);
    const outputs = idOutputs(bytes, (inputs["prefix"] as string | undefined) ?? "");
    return Promise.resolve({ id: bytes.toString("base64url"), outputs });
  },
  read({ id, isImport, oldInputs, oldOutputs }) {
    if (!isImport) return Promise.resolve({ outputs: oldOutputs, inputs: oldInputs });
    // `<prefix>,<base64url>`, or without a prefix.
    const comma = id.lastIndexOf(",");
    const bytes = Buffer.from(id.slice(comma + 1), "base64url");
    const inputs: Values = { byteLength: bytes.length, ...(comma < 0 ? {} : { prefix: id.slice(0, comma) }) };
    const outputs = { ...inputs, ...idOutputs(bytes, comma < 0 ? "" : id.slice(0, comma)) };
    return Promise.resolve({ id: bytes.toString("base64url"), inputs, outputs });
  },
};

const bytes: ResourceDefinition = {
  inputs: { ...keepers, length: { required: true, replace: true } },
  computed: ["base64", "hex"],
  secretOutputs: ["base64", "hex"],
  check: atLeastOne("length"),
  create({ inputs }) {
    const value = randomBytes(inputs["length"] as number);
    const base64 = value.toString("base64");
    return Promise.resolve({ id: base64, outputs: { base64, hex: value.toString("hex") } });
  },
  read({ id, isImport, oldInputs, oldOutputs }) {
    if (!isImport) return Promise.resolve({ outputs: oldOutputs, inputs: oldInputs });
    const value = Buffer.from(id, "base64");
    const inputs = { length: value.length };
    return Promise.resolve({
      inputs,
      outputs: { ...inputs, base64: value.toString("base64"), hex: value.toString("hex") },
    });
  },
};

const integer: ResourceDefinition = {
  inputs: {
    ...keepers,
    min: { required: true, replace: true },
    max: { required: true, replace: true },
    seed: replacing,
  },
  computed: ["result"],
  check({ news }) {
    const { failures } = refuseSeed({ news });
    const { min, max } = news;
    if (typeof min === "number" && typeof max === "number" && min > max) {
      failures.push({
        property: "min",
        reason: `min needs to be smaller than or equal to max: ${min} > ${max}`,
      });
    }
    return { failures };
  },
  create({ inputs }) {
    const result = randomInt(inputs["min"] as number, (inputs["max"] as number) + 1);
    return Promise.resolve({ id: String(result), outputs: { result } });
  },
  read({ id, isImport, oldInputs, oldOutputs }) {
    if (!isImport) return Promise.resolve({ outputs: oldOutputs, inputs: oldInputs });
    const parts = id.split(",");
    const [result, min, max] = parts.map(Number);
    if (parts.length !== 3 || parts.some((part) => !/^-?\d+$/.test(part))) {
      throw new Error(`the id of an import has to be <result>,<min>,<max>, not ${id}`);
    }
    return Promise.resolve({ id: String(result), inputs: { min, max }, outputs: { min, max, result } });
  },
};

const uuid = (make: () => string): ResourceDefinition => ({
  inputs: keepers,
  computed: ["result"],
  create() {
    const result = make();
    return Promise.resolve({ id: result, outputs: { result } });
  },
  read({ id, isImport, oldInputs, oldOutputs }) {
    if (!isImport) return Promise.resolve({ outputs: oldOutputs, inputs: oldInputs });
    if (!/^[\da-f]{8}(?:-[\da-f]{4}){3}-[\da-f]{12}$/i.test(id)) throw new Error(`not a UUID: ${id}`);
    return Promise.resolve({ inputs: {}, outputs: { result: id } });
  },
});

/** Version 7 (RFC 9562): milliseconds since 1970 in the first 48 bits, the rest random. */
function uuid7(): string {
  const raw = randomBytes(16);
  raw.writeUIntBE(Date.now(), 0, 6);
  raw[6] = (raw[6]! & 0x0f) | 0x70;
  raw[8] = (raw[8]! & 0x3f) | 0x80;
  return raw.toString("hex").replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}

const pet: ResourceDefinition = {
  inputs: {
    ...keepers,
    length: { replace: true, implied: 2 },
    prefix: replacing,
    separator: { replace: true, implied: "-" },
  },
  check: atLeastOne("length"),
  create({ inputs }) {
    const separator = (inputs["separator"] as string | undefined) ?? "-";
    const words = petWords((inputs["length"] as number | undefined) ?? 2);
    const prefix = inputs["prefix"] as string | undefined;
    const name = [...(prefix === undefined || prefix === "" ? [] : [prefix]), ...words].join(separator);
    return Promise.resolve({ id: name, outputs: {} });
  },
};

const shuffle: ResourceDefinition = {
  inputs: { ...keepers, inputs: { required: true, replace: true }, resultCount: replacing, seed: replacing },
  computed: ["results"],
  check: refuseSeed,
  create({ inputs }) {
    const items = inputs["inputs"] as Value[];
    const count = (inputs["resultCount"] as number | undefined) ?? items.length;
    const results: Value[] = [];
    // More than there are: one order after another, as the real one does.
    while (results.length < count && items.length > 0) results.push(...shuffled(items));
    return Promise.resolve({ id: "-", outputs: { resultCount: count, results: results.slice(0, count) } });
  },
};

/** The provider of `@pulumi/random`: values once made stay until an input or a keeper changes. */
export const provider: ProviderDefinition = {
  name: "random",
  version: "4.21.2",
  resources: {
    "random:index/randomPassword:RandomPassword": password,
    "random:index/randomString:RandomString": string,
    "random:index/randomId:RandomId": id,
    "random:index/randomBytes:RandomBytes": bytes,
    "random:index/randomInteger:RandomInteger": integer,
    "random:index/randomUuid:RandomUuid": uuid(randomUUID),
    "random:index/randomUuid4:RandomUuid4": uuid(randomUUID),
    "random:index/randomUuid7:RandomUuid7": uuid(uuid7),
    "random:index/randomPet:RandomPet": pet,
    "random:index/randomShuffle:RandomShuffle": shuffle,
  },
};
