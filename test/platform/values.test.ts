import * as pulumi from "@pulumi/pulumi";
import { type Settings, SettingsError, validateStackFile } from "../../platform/settings";
import { isSecretReference, resolveReference } from "../../platform/settings/references";
import { Values } from "../../platform/values";
import { ORIGIN, stackText } from "./settings/stack-text";

const body = `
${ORIGIN.replace("healthPath: /health", "healthPath: /health, environment: { AGAIN: { from: origins.api.environment.ALIAS } }")}    environment:
      DOMAIN: { from: domain }
      ACCOUNT: { from: cloudflare.accountId }
      KEY: { generate: 32 }
      ALIAS: { from: origins.api.environment.KEY }
      TOKEN: { secret: REGISTRY_TOKEN }
      URL: { from: sites.web.url }
groundwork:sites:
  web:
    project: acme
    hostnames: [acme.example]
    environment:
      production: { API: { from: origins.api.url }, SIGNATURE: { generate: 32 } }
      preview: { SIGNATURE: { from: sites.web.environment.production.SIGNATURE } }
`;

function settingsOf(text: string): Settings {
  const result = validateStackFile({ file: "f", text, stack: "staging" });
  if ("issues" in result) throw new SettingsError(result.issues);
  return result.settings;
}

describe("variables that name other things", () => {
  const settings = settingsOf(stackText(body));
  const made: string[] = [];
  let values: Values;

  beforeAll(async () => {
    await pulumi.runtime.setMocks({
      newResource: ({ name }) => {
        made.push(name);
        return { id: name, state: { result: pulumi.secret(`made-${name}`) } };
      },
      call: () => ({}),
    });
    values = new Values(settings, (name) => pulumi.secret(`the ${name}`));
    values.publish("cloudflare", { accountId: "account" });
    values.publish("sites.web", { url: "https://acme.example" });
    values.publish("origins.api", { url: "https://api.acme.example" });
  });

  const read = async (inputs: Readonly<Record<string, pulumi.Input<string>>>) => {
    const read: Record<string, string> = {};
    for (const [name, value] of Object.entries(inputs)) {
      read[name] = await new Promise<string>((resolve) => pulumi.output(value).apply(resolve));
    }
    return read;
  };

  test("plain and secret ones are apart; an alias is the same value, made once, wherever it is named", async () => {
    const { api } = settings.origins;
    const { web } = settings.sites;
    if (api?.kind !== "compose" || web === undefined) throw new Error("not as written above");
    const own = values.variables(["origins", "api", "environment"], api.environment, "api");
    expect(await read(own.plain)).toEqual({
      DOMAIN: "acme.example",
      ACCOUNT: "account",
      URL: "https://acme.example",
    });
    const secret = await read(own.secret);
    expect(secret).toEqual({
      KEY: secret.ALIAS,
      ALIAS: expect.stringContaining("made-") as string,
      TOKEN: "the REGISTRY_TOKEN",
    });
    const again = await read(
      values.merged(["origins", "api", "services", "api"], api.services.api?.environment ?? {}, "api"),
    );
    expect(again).toEqual({ AGAIN: secret.KEY });

    const production = values.variables(
      ["sites", "web", "environment", "production"],
      web.environment.production,
      undefined,
    );
    const preview = values.variables(
      ["sites", "web", "environment", "preview"],
      web.environment.preview,
      undefined,
    );
    expect(await read(production.plain)).toEqual({ API: "https://api.acme.example" });
    expect(await read(preview.secret)).toEqual(await read(production.secret));
    expect(made.length).toBe(2);
  });

  test.each([
    ["origins.api.environment.KEY", true],
    ["origins.api.environment.ALIAS", true],
    ["origins.api.services.api.environment.AGAIN", true],
    ["origins.api.environment.DOMAIN", false],
    ["sites.web.url", false],
    ["no.such.thing", false],
  ])("is %s secret: %s", (from, expected) => {
    expect(isSecretReference(settings, from, "api")).toBe(expected);
  });

  test("a consumer's credentials, by its own origin and by name", () => {
    const withBucket = settingsOf(
      stackText(
        `${ORIGIN}groundwork:buckets:\n  media: { name: acme-media, consumers: { api: read, ci: write } }`,
      ),
    );
    expect(resolveReference(withBucket, "buckets.media.accessKeyId", "api")).toEqual({
      reference: { kind: "output", part: "buckets", name: "media", output: "accessKeyId", consumer: "api" },
    });
    expect(resolveReference(withBucket, "buckets.media.consumers.ci.secretAccessKey", undefined)).toEqual({
      reference: {
        kind: "output",
        part: "buckets",
        name: "media",
        output: "secretAccessKey",
        consumer: "ci",
      },
    });
    expect(isSecretReference(withBucket, "buckets.media.secretAccessKey", "api")).toBe(true);
    expect(isSecretReference(withBucket, "buckets.media.accessKeyId", "api")).toBe(false);
    expect(resolveReference(withBucket, "buckets.media.accessKeyId", undefined)).toHaveProperty("problem");
  });
});
