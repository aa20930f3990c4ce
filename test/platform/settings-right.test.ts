import { readFileSync } from "node:fs";
import { join } from "node:path";
import { projectRoot } from "../../common/project-root";
import {
  formatIssue,
  readSettings,
  secretNamesOf,
  type Settings,
  SettingsError,
  validateStackFile,
  validateStackFiles,
} from "../../platform/settings";
import { stackText } from "./settings/stack-text";

/** The stack files of all four systems, by the project that they belong to. */
const systems = {
  streampai: ["Pulumi.dev.yaml", "Pulumi.staging.yaml", "Pulumi.prod.yaml"],
  plyr: ["examples/plyr/Pulumi.staging.yaml", "examples/plyr/Pulumi.prod.yaml"],
  pika: ["examples/pika/Pulumi.staging.yaml", "examples/pika/Pulumi.prod.yaml"],
  "srq-hpn": ["examples/srq-hpn/Pulumi.prod.yaml"],
};

function load(file: string) {
  const stack = /Pulumi\.(.+)\.yaml$/.exec(file)?.[1] ?? "";
  return { file, stack, text: readFileSync(join(projectRoot(), file), "utf8") };
}

function settingsOf(file: string): Settings {
  const result = validateStackFile(load(file), { secrets: "optional" });
  if ("issues" in result) throw new SettingsError(result.issues);
  return result.settings;
}

describe("the stack files of the four systems", () => {
  test.each(Object.entries(systems))("%s: right, together as well", (_name, files) => {
    const result = validateStackFiles(files.map(load), { secrets: "optional" });
    const shown = "issues" in result ? result.issues.map(formatIssue).join("\n\n") : "";
    expect(shown).toBe("");
    expect("settings" in result && Object.keys(result.settings)).toEqual(
      files.map((file) => load(file).stack),
    );
  });

  test.each(Object.values(systems).flat())("%s: nothing secret in it, and no machine's own path", (file) => {
    const { text } = load(file);
    expect(text).not.toContain("groundwork:secrets");
    expect(text).not.toContain("secure:");
    expect(text).not.toMatch(/(^|[\s"'])\/(home|root|work|tmp|Users)\//m);
    expect(text.split("\n")[0]).toMatch(
      /^# yaml-language-server: \$schema=(\.\.\/\.\.\/)?schemas\/stack\.schema\.json$/,
    );
  });

  test.each(Object.values(systems).flat())("%s: secrets are asked for, each with its command", (file) => {
    const input = load(file);
    const result = validateStackFile(input);
    const names = secretNamesOf(input.text);
    expect(names).toContain("CLOUDFLARE_API_TOKEN");
    expect("issues" in result && result.issues.map(({ path }) => path).sort()).toEqual(
      names.map((name) => `secrets.${name}`).sort(),
    );
    for (const issue of "issues" in result ? result.issues : []) {
      expect(issue.fix).toContain(
        `pulumi config set --secret --path 'groundwork:${issue.path}' -s ${input.stack}`,
      );
      expect(issue.fix).toContain(`groundwork sandbox -s ${input.stack}`);
    }
    const withToken = validateStackFile(input, { otherSecrets: names });
    expect("settings" in withToken && withToken.settings.missingSecrets).toEqual([]);
  });
});

describe("what comes out", () => {
  test("Streampai's production: defaults filled in, places told", () => {
    const settings = settingsOf("Pulumi.prod.yaml");
    expect(settings).toMatchObject({
      stack: "prod",
      tier: "production",
      domain: "streampai.com",
      resolve: [],
    });
    expect(settings.zone).toMatchObject({
      plan: "free",
      ssl: "strict",
      minTlsVersion: "1.2",
      tls13: "on",
      brotli: true,
      websockets: true,
      alwaysUseHttps: true,
      hsts: { maxAgeSeconds: 15_552_000, includeSubdomains: true, preload: false, nosniff: true },
    });
    // Not an empty list, which would write rules of its own to a bucket of which nothing was said.
    expect(settings.buckets["media"]).toHaveProperty("cors");
    expect(settings.buckets["media"]?.lifecycle).toBeUndefined();
    expect(settings.databases.main).toMatchObject({
      kind: "container",
      host: "oracle",
      project: "streampai",
      service: "db",
      logicalReplication: true,
      roles: {
        migrator: "streampai_migrator",
        app: "streampai_app",
        readOnly: undefined,
        backup: undefined,
        monitor: undefined,
        replication: "streampai_repl",
      },
    });
    const { api } = settings.origins;
    expect(api?.kind === "compose" && api.services.api).toMatchObject({
      port: 4000,
      strategy: "start-first",
      drainSeconds: 30,
    });
    expect(settings.requiredSecrets).toEqual([
      { name: "CLOUDFLARE_API_TOKEN", purpose: "api-token", usedBy: ["cloudflare.apiTokenSecret"] },
      { name: "SSH_PRIVATE_KEY", purpose: "ssh-private-key", usedBy: ["hosts.oracle.privateKeySecret"] },
      {
        name: "GOOGLE_CLIENT_SECRET",
        purpose: "value",
        usedBy: ["origins.api.environment.GOOGLE_CLIENT_SECRET.secret"],
      },
    ]);
  });

  test("one stack of a zone owns its settings", () => {
    expect(settingsOf("Pulumi.prod.yaml").zone).toBeDefined();
    expect(settingsOf("Pulumi.staging.yaml").zone).toBeUndefined();
    expect(settingsOf("Pulumi.staging.yaml").access?.hostnames).toEqual([
      "staging.streampai.com",
      "api-staging.streampai.com",
    ]);
  });

  test("commands become lists of words", () => {
    const { app } = settingsOf("examples/srq-hpn/Pulumi.prod.yaml").origins;
    expect(app?.kind === "compose" && app.migrations?.command).toEqual(["sh", "-c", "alembic upgrade head"]);
    const { app: pika } = settingsOf("examples/pika/Pulumi.prod.yaml").origins;
    expect(pika?.kind === "tunnel" && pika.migrations?.command).toEqual(["bun", "run", "db:migrate"]);
  });

  test("resolve entries are taken apart, IPv6 without brackets", () => {
    const text = stackText(
      "groundwork:resolve: ['203.0.113.10:22:127.0.0.1:2222', '[2001:db8::10]:22:[::1]:2223']",
    );
    const result = validateStackFile({ file: "f", text, stack: "staging" });
    expect("settings" in result && result.settings.resolve).toEqual([
      { host: "203.0.113.10", port: 22, address: "127.0.0.1", targetPort: 2222 },
      { host: "2001:db8::10", port: 22, address: "::1", targetPort: 2223 },
    ]);
  });

  test.each([
    ["prod", "production"],
    ["acme/groundwork/production", "production"],
    ["prod-eu", "production"],
    ["dev", "development"],
    ["staging", "staging"],
    ["pr-17", "staging"],
    ["product", "staging"],
  ])("a stack called %s is for %s", (stack, tier) => {
    const result = validateStackFile({ file: "f", text: stackText(""), stack });
    expect("settings" in result && result.settings.tier).toBe(tier);
  });

  test("secrets sealed as one need no look inside", () => {
    const text = stackText('groundwork:secrets: { secure: "v1:AAAA:BBBB" }');
    expect(validateStackFile({ file: "f", text, stack: "staging" })).toHaveProperty(
      "settings.missingSecrets",
      [],
    );
  });

  test("tables may have any name, as tools give them", () => {
    const names = ["public.AuditLog", "audit.Log 2024", "public.__EFMigrationsHistory"];
    const text = stackText(
      `groundwork:databases:\n  main: { kind: external, host: db.provider.example, database: acme, adminUser: admin, adminPasswordSecret: DATABASE_PASSWORD, hiddenRelations: ${JSON.stringify(names)} }`,
    );
    expect(validateStackFile({ file: "f", text, stack: "staging" })).toHaveProperty(
      "settings.databases.main.hiddenRelations",
      names,
    );
  });

  test("settings that the command line wrote as JSON are read", () => {
    const text = stackText(`groundwork:sites: '{"web":{"project":"acme"}}'`);
    expect(validateStackFile({ file: "f", text, stack: "staging" })).toHaveProperty(
      "settings.sites.web.project",
      "acme",
    );
  });
});

describe("readSettings", () => {
  test("a file that is not there", async () => {
    await expect(readSettings("no/such/Pulumi.qa.yaml", "qa")).rejects.toThrow(
      /cannot be read: no\/such\/Pulumi\.qa\.yaml/,
    );
  });

  test("reads the checked-in files without their secrets", async () => {
    const settings = await readSettings(join(projectRoot(), "Pulumi.dev.yaml"), "dev");
    expect(settings.missingSecrets).toEqual([
      "CLOUDFLARE_API_TOKEN",
      "SSH_PRIVATE_KEY",
      "GOOGLE_CLIENT_SECRET",
    ]);
  });
});
