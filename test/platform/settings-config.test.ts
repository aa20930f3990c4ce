import { generateKeyPairSync } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { utils } from "ssh2";
import * as pulumi from "@pulumi/pulumi";
import { generateSshKey } from "../../common/ssh-key";
import { loadSettings, settingsFromConfig, SettingsError } from "../../platform/settings";
import { ORIGIN, originWith, stackText } from "./settings/stack-text";

const privateKey = generateKeyPairSync("ed25519").privateKey.export({
  type: "pkcs8",
  format: "pem",
}) as string;
const token = "t0ken".repeat(9);
const good = { CLOUDFLARE_API_TOKEN: token, SSH_PRIVATE_KEY: privateKey };

/** What the engine hands over for these settings. */
function configOf(secrets: unknown, more: Record<string, unknown> = {}): Record<string, string> {
  const values: Record<string, unknown> = {
    "groundwork:domain": "acme.example",
    "groundwork:cloudflare": { accountId: "0".repeat(31) + "1" },
    "groundwork:hosts": { one: { address: "203.0.113.10", hostKey: /hostKey: "(.*?)"/.exec(ORIGIN)?.[1] } },
    "groundwork:secrets": secrets,
    ...more,
  };
  return Object.fromEntries(
    Object.entries(values)
      .filter(([, value]) => value !== undefined)
      .map(([key, value]) => [key, typeof value === "string" ? value : JSON.stringify(value)]),
  );
}

function issuesOf(input: Partial<Parameters<typeof settingsFromConfig>[0]>) {
  const result = settingsFromConfig({
    config: configOf(good),
    secretKeys: ["groundwork:secrets"],
    stack: "acme/groundwork/staging",
    ...input,
  });
  return "issues" in result ? result.issues : [];
}

describe("settingsFromConfig", () => {
  test("settings, and each secret by its name", () => {
    const result = settingsFromConfig({
      config: configOf(good, {
        "groundwork:zone": { ssl: "full" },
        "aws:region": "x",
      }),
      secretKeys: ["groundwork:secrets"],
      stack: "acme/groundwork/staging",
    });
    expect(result).toMatchObject({
      settings: {
        stack: "staging",
        tier: "staging",
        zone: { ssl: "full" },
        missingSecrets: [],
      },
      secrets: good,
    });
  });

  test.each(["CLOUDFLARE_API_TOKEN", "ZONE_TOKEN"])(
    "the environment's API token stands in for the stack's, which is called %s",
    (name) => {
      const cloudflare = { accountId: `${"0".repeat(31)}1`, apiTokenSecret: name };
      const config = configOf({ SSH_PRIVATE_KEY: privateKey }, { "groundwork:cloudflare": cloudflare });
      for (const apiToken of [undefined, ""])
        expect(issuesOf({ config, apiToken })).toMatchObject([{ path: `secrets.${name}` }]);
      const result = settingsFromConfig({
        config,
        secretKeys: ["groundwork:secrets"],
        stack: "staging",
        apiToken: token,
      });
      expect("secrets" in result && result.secrets[name]).toBe(token);
    },
  );

  test("a date without quotes, of which the engine has made a moment, is named; in quotes it may look so", () => {
    const settings = { project: "acme", hostnames: ["acme.example"] };
    const production = { SINCE: "2024-06-20 00:00:00 +0000 UTC" };
    const sites = { web: { ...settings, environment: { production } } };
    const config = configOf(good, { "groundwork:sites": sites, "groundwork:hosts": undefined });
    expect(issuesOf({ config })).toMatchObject([
      { path: "sites.web.environment.production.SINCE", fix: "put it in quotes in the stack file" },
    ]);
    const quoted = Object.entries(config).map(([key, text]) => `  ${key}: ${JSON.stringify(text)}`);
    const source = { file: "Pulumi.staging.yaml", text: ["config:", ...quoted].join("\n") };
    expect(issuesOf({ config, source }).map(({ path }) => path)).not.toContain(
      "sites.web.environment.production.SINCE",
    );
  });

  test.each<[string, Record<string, string>, string]>([
    ["empty", { ...good, SSH_PRIVATE_KEY: "  " }, "SSH_PRIVATE_KEY is empty"],
    [
      "the public key",
      { ...good, SSH_PRIVATE_KEY: "ssh-ed25519 AAAAC3Nza" },
      "SSH_PRIVATE_KEY is not a private key",
    ],
    [
      "a key with a passphrase",
      { ...good, SSH_PRIVATE_KEY: `-----BEGIN ENCRYPTED ${"PRIVATE"} KEY-----\nAAAA\n` },
      "a private key with a passphrase",
    ],
    [
      "a key with a passphrase in OpenSSH's own form",
      {
        ...good,
        SSH_PRIVATE_KEY: utils.generateKeyPairSync("ed25519", {
          passphrase: "x",
          cipher: "aes256-ctr",
          rounds: 1,
        }).private,
      },
      "a private key with a passphrase",
    ],
    [
      "a token with a line break",
      { ...good, CLOUDFLARE_API_TOKEN: `${token}\n` },
      "CLOUDFLARE_API_TOKEN has white space",
    ],
  ])("a secret that cannot be right: %s", (_name, secrets, what) => {
    const issues = issuesOf({ config: configOf(secrets) });
    expect(issues).toHaveLength(1);
    expect(issues[0]?.what).toContain(what);
    expect(issues[0]?.fix).toContain("pulumi config set --secret --path 'groundwork:secrets.");
    expect(issues[0]?.value).toBeUndefined();
  });

  test("a key in OpenSSH's own form without a passphrase is right", () => {
    const { private: key } = generateSshKey();
    expect(issuesOf({ config: configOf({ ...good, SSH_PRIVATE_KEY: key }) })).toEqual([]);
  });

  test.each([["not JSON"], ["[]"], ['{"A": {"b": "c"}}'], ["null"]])(
    "secrets that are no map: %s",
    (text) => {
      const issues = issuesOf({ config: { ...configOf(undefined), "groundwork:secrets": text } });
      expect(issues.map(({ path }) => path)).toContain("secrets");
    },
  );

  test("secrets in plain text, where the engine knows of no encryption", () => {
    const issues = issuesOf({ secretKeys: [] });
    expect(issues.map(({ path, what }) => [path, what.includes("in plain text")])).toEqual([
      ["secrets.CLOUDFLARE_API_TOKEN", true],
      ["secrets.SSH_PRIVATE_KEY", true],
    ]);
  });

  test("something encrypted elsewhere", () => {
    const issues = issuesOf({ secretKeys: ["groundwork:secrets", "groundwork:hosts"] });
    expect(issues).toMatchObject([
      { path: "hosts", what: expect.stringContaining("something in it is encrypted") as string },
    ]);
  });

  describe("with the file at hand", () => {
    const body = originWith("environmnt: {}");
    const text = stackText(body).replace(
      'SSH_PRIVATE_KEY: { secure: "v1:AAAA:BBBB" }',
      "SSH_PRIVATE_KEY: plain",
    );
    const config = {
      ...configOf(
        { ...good, REGISTRY_TOKEN: "x", DATABASE_PASSWORD: "x", GITHUB_OAUTH_CLIENT_SECRET: "x" },
        {
          "groundwork:cloudflare": { accountId: `${"0".repeat(29)}0a1` },
          "groundwork:hosts": {
            one: { address: "203.0.113.10", user: "deploy", hostKey: /hostKey: "(.*?)"/.exec(ORIGIN)?.[1] },
          },
          "groundwork:origins": {
            api: {
              kind: "compose",
              host: "one",
              hostnames: ["api.acme.example"],
              composeFile: "compose.yaml",
              project: "acme",
              services: { api: { port: 4000, publish: 80, healthPath: "/health" } },
              environmnt: {},
            },
          },
        },
      ),
    };

    test("lines are told, and one plain secret among encrypted ones is found", () => {
      const issues = issuesOf({ config, source: { file: "Pulumi.staging.yaml", text } });
      const at = (part: string): number => text.split("\n").findIndex((line) => line.includes(part)) + 1;
      expect(issues.map(({ file, path, line }) => [file, path, line])).toEqual([
        ["Pulumi.staging.yaml", "secrets.SSH_PRIVATE_KEY", at("SSH_PRIVATE_KEY")],
        ["Pulumi.staging.yaml", "origins.api.environmnt", at("environmnt")],
      ]);
    });

    test("a file that says something else than the engine gives no lines", () => {
      const source = { file: "Pulumi.staging.yaml", text: text.replace("acme.example", "other.example") };
      const issues = issuesOf({ config, source });
      expect(issues.map(({ path, line }) => [path, line])).toEqual([["origins.api.environmnt", undefined]]);
    });
  });
});

describe("loadSettings", () => {
  const folder = mkdtempSync(join(tmpdir(), "groundwork-settings-"));
  const before = { ...process.env };

  beforeAll(async () => {
    await pulumi.runtime.setMocks(
      { newResource: () => ({ id: "", state: {} }), call: () => ({}) },
      "groundwork",
      "qa",
    );
  });
  afterEach(() => {
    process.env = { ...before };
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  function load(config: Record<string, string>, secretKeys = ["groundwork:secrets"], directory?: string) {
    delete process.env.CLOUDFLARE_API_TOKEN;
    pulumi.runtime.setAllConfig(config, secretKeys);
    return loadSettings(directory);
  }

  test("secrets are Pulumi secrets with the right values", async () => {
    const { settings, secrets } = load(configOf(good));
    expect(settings.stack).toBe("qa");
    const secret = secrets("CLOUDFLARE_API_TOKEN");
    expect(await pulumi.isSecret(secret)).toBe(true);
    const value = await new Promise((resolve) => secret.apply(resolve));
    expect(value).toBe(token);
    expect(JSON.stringify(settings)).not.toContain(token);
    expect(() => secrets("OTHER")).toThrow("no setting names the secret OTHER");
  });

  test("every mistake in one error, as a user's mistake, without secrets", () => {
    const load2 = () =>
      load(configOf({ SSH_PRIVATE_KEY: privateKey }, { "groundwork:zone": { ssl: "strct" } }));
    expect(load2).toThrow(SettingsError);
    expect(load2).toThrow(
      /2 mistakes[^]*groundwork:secrets\.CLOUDFLARE_API_TOKEN[^]*groundwork:zone\.ssl[^]*fix: write strict/,
    );
    expect(load2).not.toThrow(privateKey.split("\n")[1]);
  });

  test("what another stack of the folder has already is refused, with the place in both files", () => {
    const directory = mkdtempSync(join(folder, "project-"));
    const media = (name: string) => stackText(`groundwork:buckets: { media: { name: ${name} } }`);
    const own = (name: string) => configOf(good, { "groundwork:buckets": { media: { name } } });
    writeFileSync(join(directory, "Pulumi.qa.yaml"), media("acme-media"));
    writeFileSync(join(directory, "Pulumi.prod.yaml"), media("acme-media"));
    writeFileSync(join(directory, "Pulumi.broken.yaml"), "config: [");
    const loadOf = (name: string) => load(own(name), undefined, directory);
    expect(() => loadOf("acme-media")).toThrow(
      /Pulumi\.qa\.yaml:\d+:\d+ {2}groundwork:buckets\.media\.name[^]*qa and prod share[^]*Pulumi\.prod\.yaml has it already/,
    );
    writeFileSync(join(directory, "Pulumi.qa.yaml"), media("acme-media-qa"));
    expect(loadOf("acme-media-qa").settings.stack).toBe("qa");
  });

  test("the file that the engine was given is named, with lines", () => {
    const file = join(folder, "copy.yaml");
    const body = `groundwork:zone: { ssl: strct }\ngroundwork:secrets: { secure: "v1:AAAA:BBBB" }`;
    writeFileSync(file, stackText(body));
    process.env.PULUMI_OPTION_CONFIG_FILE = file;
    const config = configOf(good, {
      "groundwork:zone": { ssl: "strct" },
      "groundwork:hosts": undefined,
      "groundwork:cloudflare": { accountId: `${"0".repeat(29)}0a1` },
    });
    expect(() => load(config)).toThrow(/copy\.yaml:\d+:\d+ {2}groundwork:zone\.ssl/);
  });
});
