import { randomBytes } from "node:crypto";
import {
  DescribeSecretCommand,
  GetSecretValueCommand,
  SecretsManagerClient,
} from "@aws-sdk/client-secrets-manager";
import { provider } from "../../../sandbox/providers/aws/provider";
import { fromWire, isSecret, type Values } from "../../../sandbox/providers/values";
import { findMoto, type Moto, startMoto } from "../../support/moto";
import { testProvider, type TestProvider } from "../../support/provider";

const found = findMoto();
const python = "python" in found ? found.python : "";
if ("problem" in found) console.log(`skipped: the provider aws against its emulator: ${found.problem}`);

const Secret = "aws:secretsmanager/secret:Secret";
const SecretVersion = "aws:secretsmanager/secretVersion:SecretVersion";

describe("the provider aws", () => {
  const aws = testProvider(provider);

  it("replaces for another name or value, changes the rest in place", () => {
    const base = { name: "a", description: "x", recoveryWindowInDays: 7, tags: { a: "b" } };
    expect(aws.decide(Secret, base, { ...base, name: "b" })).toBe("replace");
    expect(aws.decide(Secret, base, { ...base, description: "y", tags: { a: "c" } })).toBe("update");
    expect(aws.decide(Secret, { name: "a" }, { name: "a", recoveryWindowInDays: 30 })).toBe("same");
    const version = { secretId: "s", secretString: "1" };
    expect(aws.decide(SecretVersion, version, { ...version, secretString: "2" })).toBe("replace");
    expect(aws.decide(SecretVersion, version, version)).toBe("same");
  });

  it("refuses what AWS refuses before anything is made, and what it does not serve by name", () => {
    expect(aws.refusals(Secret, { name: "a", recoveryWindowInDays: 3 })["recoveryWindowInDays"]).toContain(
      "7 to 30",
    );
    expect(aws.refusals(Secret, { name: "a", replicas: [] })["replicas"]).toContain("no input");
    expect(Object.keys(aws.refusals(SecretVersion, {}))).toEqual(["secretId", "secretString"]);
  });
});

(python === "" ? describe.skip : describe)("the provider aws at Secrets Manager", () => {
  let moto: Moto;
  let aws: TestProvider;
  let client: SecretsManagerClient;
  const configured = async (changes: Values = {}): Promise<TestProvider> => {
    const made = testProvider(provider);
    await made.operations.configure({
      region: moto.region,
      endpoints: JSON.stringify([{ secretsmanager: moto.endpoint }]),
      accessKey: moto.keys.accessKeyId,
      secretKey: moto.keys.secretAccessKey,
      ...changes,
    });
    return made;
  };
  const name = () => `groundwork/${randomBytes(4).toString("hex")}`;

  beforeAll(async () => {
    moto = await startMoto(python);
    aws = await configured();
    client = new SecretsManagerClient({
      region: moto.region,
      endpoint: moto.endpoint,
      credentials: moto.keys,
    });
  }, 120_000);
  afterAll(async () => {
    client.destroy();
    await moto.close();
  });

  it("makes, changes, reads and deletes a secret", async () => {
    const inputs: Values = {
      name: name(),
      description: "of api",
      tags: { stack: "prod", old: "1" },
      recoveryWindowInDays: 0,
    };
    const { id, outputs } = await aws.create(Secret, inputs);
    expect(outputs).toMatchObject({ arn: id, tagsAll: { stack: "prod", old: "1" } });
    const changed = { ...inputs, description: "of web", tags: { stack: "dev" } };
    await aws.operations.update(aws.context(Secret), id, inputs, outputs, changed, false);
    expect(await client.send(new DescribeSecretCommand({ SecretId: id }))).toMatchObject({
      Description: "of web",
      Tags: [{ Key: "stack", Value: "dev" }],
    });
    const read = await aws.operations.read(aws.context(Secret), id, changed, { ...outputs, ...changed });
    expect(read?.inputs).toEqual(changed);
    const imported = await aws.operations.read(aws.context(Secret), id, {}, {});
    expect(imported).toMatchObject({ id, inputs: { name: inputs["name"], description: "of web" } });
    await aws.operations.delete(aws.context(Secret), id, changed, outputs);
    expect(await aws.operations.read(aws.context(Secret), id, changed, outputs)).toBeUndefined();
    await aws.operations.delete(aws.context(Secret), id, changed, outputs);
  });

  it("keeps a deleted secret for as long as was said, and says so to who makes it again", async () => {
    const inputs: Values = { name: name(), recoveryWindowInDays: 7 };
    const { id, outputs } = await aws.create(Secret, inputs);
    await aws.operations.delete(aws.context(Secret), id, inputs, outputs);
    expect((await client.send(new DescribeSecretCommand({ SecretId: id }))).DeletedDate).toBeDefined();
    expect(await aws.operations.read(aws.context(Secret), id, inputs, outputs)).toBeUndefined();
    await expect(aws.create(Secret, inputs)).rejects.toThrow(/cannot be made[\s\S]*next: /);
  });

  it("puts each value as a version, of which the one before stays readable; values are secret", async () => {
    const [first, second] = [randomBytes(9).toString("hex"), randomBytes(9).toString("hex")];
    const { id: secretId } = await aws.create(Secret, { name: name() });
    const one = await aws.operations.create(
      aws.context(SecretVersion),
      { secretId, secretString: first },
      false,
    );
    expect(isSecret(one.outputs["secretString"])).toBe(true);
    const two = await aws.create(SecretVersion, { secretId, secretString: second });
    expect(two.outputs["versionId"]).not.toBe((fromWire(one.outputs) as Values)["versionId"]);
    const value = async (id: string) => {
      const VersionId = id.split("|")[1];
      return (await client.send(new GetSecretValueCommand({ SecretId: secretId, VersionId }))).SecretString;
    };
    const outputs = fromWire(one.outputs) as Values;
    await aws.operations.delete(
      aws.context(SecretVersion),
      one.id,
      { secretId, secretString: first },
      outputs,
    );
    expect([await value(one.id), await value(two.id)]).toEqual([first, second]);
    const read = await aws.operations.read(
      aws.context(SecretVersion),
      one.id,
      { secretId, secretString: first },
      outputs,
    );
    expect(fromWire(read?.outputs ?? {})).toMatchObject({
      secretString: first,
      versionStages: ["AWSPREVIOUS"],
    });
    const imported = await aws.operations.read(aws.context(SecretVersion), two.id, {}, {});
    expect(imported?.inputs).toEqual({ secretId, secretString: second });
    const gone = await aws.operations.read(
      aws.context(SecretVersion),
      `${secretId}|${"0".repeat(32)}`,
      {},
      {},
    );
    expect(gone).toBeUndefined();
  });

  it("says what to do where AWS refuses, without a value", async () => {
    const { id: secretId } = await aws.create(Secret, { name: name() });
    const wrong = await configured({ secretKey: randomBytes(20).toString("hex") });
    const secretString = randomBytes(9).toString("hex");
    const refused = wrong.create(SecretVersion, { secretId, secretString });
    await expect(refused).rejects.toThrow(/cannot be put[\s\S]*next: check the credentials/);
    await expect(refused).rejects.not.toThrow(secretString);
    const { accessKeyId, secretAccessKey, sessionToken } = await moto.role("reading", "GetSecretValue");
    const weak = await configured({
      accessKey: accessKeyId,
      secretKey: secretAccessKey,
      token: sessionToken,
    });
    await expect(weak.create(Secret, { name: name() })).rejects.toThrow(
      /cannot be made[\s\S]*next: (allow secretsmanager:CreateSecret|check the credentials)/,
    );
  });
});
