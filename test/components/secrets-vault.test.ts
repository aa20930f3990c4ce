import { execFileSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import * as pulumi from "@pulumi/pulumi";
import { projectRoot } from "../../common/project-root";
import { AppOrigin, type ComposeOriginArgs } from "../../components/app-origin";
import { envFile } from "../../components/origin/env-file";
import { vaultedValues } from "../../components/origin/vaulted";
import { SecretsVault, type SecretsVaultArgs } from "../../components/secrets-vault";
import { RemoteHost } from "../../remote/host";
import { loadProject } from "../../sandbox/host/process/compose-file";
import { writtenFiles } from "../support/frames";
import { known, Mocks, runWith } from "../support/mocks";
import { testHost } from "../support/remote-host";

const folder = mkdtempSync(join(tmpdir(), "groundwork-vault-"));
const composeFile = join(folder, "compose.yaml");
beforeAll(() =>
  writeFileSync(
    composeFile,
    'services:\n  api: { image: "api:1" }\n  worker: { image: "api:1" }\n  other: { image: "api:1", environment: { KEY: "${KEY}", LOG: "${LOG}" } }\n',
  ),
);
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const word = () => randomBytes(9).toString("hex");
const secrets = { key: `${word()}$it's "so"`, own: word(), logs: word(), migrator: word() };
const arn = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:test/api-AbCdEf";
const answers = {
  "pulumi:providers:aws": () => ({}),
  "aws:secretsmanager/secret:Secret": () => ({ id: arn, arn }),
  "aws:secretsmanager/secretVersion:SecretVersion": () => ({ versionId: "0123-4567" }),
  "command:remote:Command": () => ({ stdout: "{}", stderr: "" }),
  "command:local:Command": () => ({ stdout: "{}", stderr: "" }),
  "cloudflare:index/dnsRecord:DnsRecord": () => ({}),
};
const vaultArgs: SecretsVaultArgs = { kind: "aws", region: "eu-central-1", prefix: "test/", recoveryDays: 7 };

const origin = (changes: Partial<ComposeOriginArgs> = {}): ComposeOriginArgs => ({
  kind: "compose",
  host: new RemoteHost(testHost()),
  zoneId: "zone",
  hostnames: ["api.example.com"],
  publicAddresses: ["203.0.113.10"],
  composeFile,
  services: {
    api: { port: 4000, publish: 80, environment: { OWN: pulumi.secret(secrets.own), LEVEL: "3" } },
    worker: { environment: { KEY: pulumi.secret(secrets.own) } },
  },
  environment: { LOG: "plain" },
  secrets: { KEY: pulumi.secret(secrets.key) },
  composeEnvironment: { LOGS: secrets.logs, LOG: "not this" },
  migrations: { service: "api", environment: { DATABASE_URL: pulumi.secret(secrets.migrator) } },
  ...changes,
});

async function deployed(vaulted: boolean, changes: Partial<ComposeOriginArgs> = {}): Promise<Mocks> {
  const mocks = new Mocks(answers);
  await runWith(mocks, () => {
    const vault = vaulted ? new SecretsVault("vault", vaultArgs) : undefined;
    return new AppOrigin("api", origin({ vault, ...changes }));
  });
  return mocks;
}

test("an origin's hidden values are one version of one secret, and its files have none of them", async () => {
  const mocks = await deployed(true);
  expect(mocks.list()).toEqual([
    "Command api-files",
    "Command api-migrations",
    "Command api-prepared",
    "Command api-rollout",
    "DnsRecord api-dns-api.example.com",
    "Secret api-vault",
    "SecretVersion api-vault-version",
    "aws vault-aws",
  ]);
  expect(mocks.get("api-vault").inputs).toMatchObject({ name: "test/api", recoveryWindowInDays: 7 });
  const { inputs, secrets: hidden } = mocks.get("api-vault-version");
  expect(hidden).toContain("secretString");
  expect(inputs["secretId"]).toBe(arn);
  const values = JSON.parse(inputs["secretString"] as string) as Record<string, string>;
  expect(values).toEqual({
    KEY: secrets.key,
    LOGS: secrets.logs,
    GROUNDWORK_API_OWN: secrets.own,
    GROUNDWORK_WORKER_KEY: secrets.own,
  });
  const files = writtenFiles(mocks.get("api-files").inputs["stdin"]);
  const text = JSON.stringify(files);
  for (const secret of Object.values(secrets))
    expect(text).not.toContain(JSON.stringify(secret).slice(1, -1));
  expect(files[".vault"]).toContain(`secret ${arn}\nversion 0123-4567\n`);

  // What the containers get, with the values that the host has in memory.
  const place = mkdtempSync(join(tmpdir(), "groundwork-vault-host-"));
  try {
    for (const [path, content] of Object.entries(files)) {
      mkdirSync(dirname(join(place, path)), { recursive: true });
      writeFileSync(join(place, path), content);
    }
    const load = (envFiles: string[]) =>
      loadProject({
        files: [join(place, "compose.yaml"), join(place, "compose.override.json")],
        projectName: "api",
        projectDirectory: place,
        envFiles,
        cwd: place,
        environment: {},
        warn: () => undefined,
      }).services;
    writeFileSync(join(place, "memory.env"), envFile(values));
    const services = load([join(place, ".env"), join(place, "memory.env")]);
    expect(services["api"]?.environment).toMatchObject({
      KEY: secrets.key,
      OWN: secrets.own,
      LEVEL: "3",
      LOG: "plain",
    });
    expect(services["worker"]?.environment).toMatchObject({ KEY: secrets.own, LOG: "plain" });
    expect(services["other"]?.environment).toMatchObject({ KEY: secrets.key, LOG: "plain" });
    expect(() => load([join(place, ".env")])).toThrow("was not read from the vault of secrets");
  } finally {
    rmSync(place, { recursive: true, force: true });
  }
});

test("without a vault nothing of AWS is made, and the files have the values as before", async () => {
  const mocks = await deployed(false);
  expect(mocks.list().filter((each) => /aws|Secret/.test(each))).toEqual([]);
  const files = writtenFiles(mocks.get("api-files").inputs["stdin"]);
  expect(Object.keys(files)).not.toContain(".vault");
  expect(files[".env"]).toContain(secrets.logs);
});

test("a new version makes a new release, and the release's name is not secret", async () => {
  const releases: (string | undefined)[] = [];
  for (const versionId of ["0123-4567", "89ab-cdef"]) {
    const mocks = new Mocks({
      ...answers,
      "aws:secretsmanager/secretVersion:SecretVersion": () => ({ versionId }),
    });
    const made = await runWith(mocks, () => {
      const vault = new SecretsVault("vault", vaultArgs);
      return new AppOrigin("api", origin({ vault }));
    });
    const { value, secret } = await known(made.release);
    expect(secret).toBe(false);
    releases.push(value);
  }
  expect(releases[0]).toMatch(/^[0-9a-f]{16}$/);
  expect(releases[1]).not.toBe(releases[0]);
});

test("keys of different values never meet, whatever the names", () => {
  const { values, own, app } = vaultedValues({
    app: { A: "1", GROUNDWORK_X_Y_B: "2" },
    compose: {},
    database: { A: "3" },
    own: { "x-y": { B: "4" }, x_y: { B: "5" } },
    tunnelToken: undefined,
  });
  const at = (reference: string | undefined) => values[(reference ?? "").replaceAll("\0", "")];
  expect([at(app["A"]), at(own["x-y"]?.["B"]), at(own["x_y"]?.["B"]), values["A"]]).toEqual([
    "1",
    "4",
    "5",
    "3",
  ]);
});

test("wrong arguments are told all at once", async () => {
  const wrong = { kind: "aws", region: "x", recoveryDays: 3, hostCredentialsFile: "y" } as const;
  await expect(runWith(new Mocks(answers), () => new SecretsVault("vault", wrong))).rejects.toThrow(
    /3 mistakes[\s\S]*region[\s\S]*recoveryDays[\s\S]*hostCredentialsFile/,
  );
});

test("no file of @pulumi/aws is read where there is no vault", () => {
  const program =
    'require("./dist/platform.js"); const read = Object.keys(require.cache); ' +
    'console.log(read.filter((file) => file.includes("@pulumi/cloudflare")).length > 0, read.filter((file) => file.includes("@pulumi/aws")).length)';
  const told = execFileSync(process.execPath, ["-e", program], { cwd: projectRoot(), encoding: "utf8" });
  expect(told.trim()).toBe("true 0");
});
