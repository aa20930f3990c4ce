import { readFileSync } from "node:fs";
import { join } from "node:path";
import Ajv from "ajv";
import { parse } from "yaml";
import { projectRoot } from "../../common/project-root";
import { generatedSettingsFiles } from "../../platform/settings/generated-files";
import { OUTPUTS } from "../../platform/settings/references";
import { stackSchema } from "../../platform/settings/schema/stack";
import { wrongFiles } from "./settings/wrong-files";

const checkedIn = [
  "Pulumi.dev.yaml",
  "Pulumi.staging.yaml",
  "Pulumi.prod.yaml",
  "examples/plyr/Pulumi.staging.yaml",
  "examples/plyr/Pulumi.prod.yaml",
  "examples/pika/Pulumi.staging.yaml",
  "examples/pika/Pulumi.prod.yaml",
  "examples/srq-hpn/Pulumi.prod.yaml",
];

const read = (file: string): string => readFileSync(join(projectRoot(), file), "utf8");
const files = generatedSettingsFiles();

describe("files made from the schema", () => {
  test.each(Object.keys(files))("%s is up to date (else: npm run docs)", (file) => {
    expect(read(file)).toBe(files[file]);
  });

  test("each setting and each output is in the page", () => {
    const page = files["docs/settings.md"] ?? "";
    for (const key of Object.keys(stackSchema.shape)) expect(page).toContain(`\`groundwork:${key}\``);
    for (const [part, outputs] of Object.entries(OUTPUTS)) {
      for (const output of Object.keys(outputs)) expect(page).toContain(`\`${part}.<name>.${output}\``);
    }
    expect(page).toContain("groundwork:origins.<name>.services.<name>");
    expect(page).not.toMatch(/undefined|\[object/);
  });

  test("every key of every map has a description", () => {
    const bare: string[] = [];
    const visit = (schema: unknown, path: string): void => {
      if (Array.isArray(schema)) schema.forEach((item, index) => visit(item, `${path}[${index}]`));
      else if (typeof schema === "object" && schema !== null) {
        const { properties } = schema as {
          properties?: Record<string, { description?: string; $ref?: string }>;
        };
        for (const [key, inner] of Object.entries(properties ?? {})) {
          if (inner.description === undefined && inner.$ref === undefined) bare.push(`${path}.${key}`);
        }
        for (const [key, inner] of Object.entries(schema)) visit(inner, `${path}.${key}`);
      }
    };
    visit(JSON.parse(files["schemas/stack.schema.json"] ?? ""), "");
    expect(bare).toEqual([]);
  });
});

describe("the JSON Schema that editors use", () => {
  // Strict: a keyword that no editor knows would be a mistake of ours. Formats come with a pattern that says the same.
  const formats = { date: true, "date-time": true, uuid: true } as const;
  const ajv = new Ajv({ strict: true, strictTypes: false, allErrors: true, formats });
  const accepts = ajv.compile(JSON.parse(read("schemas/stack.schema.json")) as object);

  test.each(checkedIn)("accepts %s", (file) => {
    accepts(parse(read(file)));
    expect(accepts.errors ?? []).toEqual([]);
  });

  test("accepts encrypted secrets, one by one and as one", () => {
    const config = (secrets: unknown) => ({
      config: {
        "groundwork:domain": "acme.example",
        "groundwork:cloudflare": { accountId: "0".repeat(32) },
        "groundwork:secrets": secrets,
        "aws:region": "eu-central-1",
      },
      encryptionsalt: "v1:x",
    });
    expect(accepts(config({ GHCR_TOKEN: { secure: "v1:a:b" } }))).toBe(true);
    expect(accepts(config({ secure: "v1:a:b" }))).toBe(true);
    expect(accepts(config({ GHCR_TOKEN: "plain" }))).toBe(false);
  });

  const seen = wrongFiles.filter(({ schemaSees }) => schemaSees === true);
  test("sees many of the wrong files", () => {
    expect(seen.length).toBeGreaterThanOrEqual(40);
  });

  test.each(seen.map(({ name, text }) => [name, text] as const))("refuses %s", (_name, text) => {
    expect(accepts(parse(text))).toBe(false);
  });

  const notSeen = wrongFiles.filter(
    ({ schemaSees, issues }) => schemaSees !== true && issues[0]?.path !== "",
  );
  test.each(notSeen.map(({ name, text }) => [name, text] as const))(
    "leaves to the full check: %s",
    (_name, text) => {
      expect(accepts(parse(text))).toBe(true);
    },
  );
});
