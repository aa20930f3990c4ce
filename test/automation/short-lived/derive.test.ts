import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "yaml";
import { deriveStack, imagesOf, withName } from "../../../automation/short-lived/derive";
import {
  assertShortLived,
  expiryAfter,
  type ShortLived,
  whyRemoved,
} from "../../../automation/short-lived/lifetime";
import { projectRoot } from "../../../common/project-root";
import { formatIssue, validateStackFiles } from "../../../platform/settings";

const read = (file: string): string => readFileSync(join(projectRoot(), file), "utf8");
const made = { name: "pr-12", template: "staging", expires: "2026-02-03T12:00:00Z" };

describe("a stack file made from another one", () => {
  test.each([
    ["Pulumi.staging.yaml", false],
    ["examples/pika/Pulumi.staging.yaml", true],
  ])("of %s is right, and shares nothing that one only can have", (file, isPublic) => {
    const template = read(file);
    // As `env up` finds it in what the template has made.
    const providers = { oneTimePin: "f174e90a-fafe-4643-bbbc-4a0ed4fc8415" };
    const text = deriveStack(template, { ...made, isPublic, providers });
    const one = deriveStack(template, { ...made, name: "pr-13", isPublic, providers });
    const result = validateStackFiles(
      [
        { file, stack: "staging", text: template },
        { file: "Pulumi.pr-12.yaml", stack: "pr-12", text },
        { file: "Pulumi.pr-13.yaml", stack: "pr-13", text: one },
      ],
      { secrets: "optional" },
    );
    expect("issues" in result ? result.issues.map(formatIssue) : []).toEqual([]);
    expect(text).not.toMatch(/(?<!#.*)\bstaging[.-](?!p)/);
  });

  test("keeps policy packs, and no rule on what it may lose", () => {
    const template = `${read("Pulumi.staging.yaml")}
  groundwork:policies: { packs: [policy], risks: { dataLoss: mandatory }, proofOfRestore: { days: 7 } }
`;
    const { config } = parse(deriveStack(template, made)) as { config: Record<string, unknown> };
    expect(config["groundwork:policies"]).toEqual({ packs: ["policy"] });
  });

  test("runs the images that it is given, and keeps them when it is made anew with what it ran", () => {
    const template = read("Pulumi.staging.yaml");
    const built = "ghcr.io/nxy7/streampai-elixir:pr-12";
    const own = deriveStack(template, { ...made, images: { api: built } });
    expect(imagesOf(own)).toEqual({ ...imagesOf(template), "api.api": built });
    expect(deriveStack(template, { ...made, images: imagesOf(own) })).toBe(own);
  });

  test("a registry below the domain stays where it is", () => {
    const image = "registry.streampai.com/streampai-elixir:latest";
    const template = read("Pulumi.staging.yaml").replace(/image: \S+/, `image: ${image}`);
    expect(imagesOf(deriveStack(template, made))["api.api"]).toBe(image);
  });

  test("an image of a service that is not there is refused, with the names of those that are", () => {
    const images = { web: "ghcr.io/nxy7/streampai-web:pr-12" };
    expect(() => deriveStack(read("Pulumi.staging.yaml"), { ...made, images })).toThrow(
      /no service of staging is meant by that image's name: web[\s\S]*api\.api/,
    );
  });

  test("is refused where secrets are bound to the stack they are of", () => {
    const template = `${read("Pulumi.staging.yaml")}  groundwork:secrets:\n    secure: AAAB\n`;
    expect(() => deriveStack(template, made)).toThrow(/encrypted by Pulumi Cloud/);
  });

  test("names are the environment's own wherever they stand; secrets and hosts stay", () => {
    const template = `${read("Pulumi.staging.yaml")}
  groundwork:secrets:
    secure: v1:staging.streampai.com
encryptionsalt: v1:staging.streampai.com
`;
    const document = parse(deriveStack(template, made)) as {
      config: Record<string, never>;
      encryptionsalt: string;
    };
    const { config } = document;
    expect(config["groundwork:secrets"]).toEqual({ secure: "v1:staging.streampai.com" });
    expect(document.encryptionsalt).toBe("v1:staging.streampai.com");
    expect(Object.keys(config["groundwork:hosts"] ?? {})).toEqual(["oracle-staging"]);
    expect(config["groundwork:sites"]).toMatchObject({
      web: { project: "streampai-pr-12", hostnames: ["pr-12.streampai.com"] },
    });
    expect(config["groundwork:origins"]).toMatchObject({
      api: {
        kind: "tunnel",
        tunnel: "api",
        project: "streampai-pr-12",
        services: { api: { port: 4000, healthPath: "/api/health" } },
        environment: { CORS_ORIGIN: "https://pr-12.streampai.com", COOKIE_DOMAIN: ".streampai.com" },
      },
    });
    expect(config["groundwork:tunnels"]).toEqual({
      api: { ingress: { "api-pr-12.streampai.com": "http://api:4000" } },
    });
    expect(config["groundwork:databases"]).toMatchObject({
      main: { database: "streampai_pr_12", allowReset: true },
    });
    expect(config["groundwork:buckets"]).toMatchObject({
      media: { name: "streampai-media-pr-12", customDomain: "media-pr-12.streampai.com" },
    });
    expect(config["groundwork:access"]).toMatchObject({
      hostnames: ["pr-12.streampai.com", "api-pr-12.streampai.com"],
      publicPaths: ["api-pr-12.streampai.com/api/health", "pr-12.streampai.com/favicon.svg"],
    });
    expect(config["groundwork:cookies"]).toMatchObject({ domain: ".streampai.com" });
    expect(config["groundwork:lifetime"]).toEqual({ template: "staging", expires: made.expires });
  });

  test("logs in by the template's identity providers", () => {
    const oneTimePin = "00000000-0000-4000-8000-000000000001";
    const github = "00000000-0000-4000-8000-000000000002";
    const template = read("Pulumi.staging.yaml").replace(
      "    oneTimePin: true\n",
      "    oneTimePin: true\n    github: { organization: acme, clientId: Iv1.0, clientSecretSecret: A }\n",
    );
    const { config } = parse(deriveStack(template, { ...made, providers: { oneTimePin, github } })) as {
      config: Record<string, unknown>;
    };
    expect(config["groundwork:access"]).toMatchObject({
      oneTimePinProviderId: oneTimePin,
      github: { organization: "acme", identityProviderId: github },
    });
    expect(JSON.stringify(config["groundwork:access"])).not.toContain("clientId");
  });

  test.each([
    ["an application at a platform", "examples/plyr/Pulumi.staging.yaml", /at a platform/],
    ["what everybody could reach", "examples/pika/Pulumi.staging.yaml", /no groundwork:access[^]*--public/],
    ["several services behind one host's ports", "examples/srq-hpn/Pulumi.prod.yaml", /no groundwork:access/],
  ])("is refused of %s", (_what, file, expected) => {
    expect(() => deriveStack(read(file), made)).toThrow(expected);
  });

  test.each([
    ["api-staging", "-", "api-pr-12"],
    ["staging-api", "-", "pr-12-api"],
    ["media", "-", "media-pr-12"],
    ["stagingapi", "-", "stagingapi-pr-12"],
    ["pika_staging", "_", "pika_pr_12"],
  ] as const)("%s gets the name %s as %s", (text, separator, expected) => {
    expect(withName(text, "pr-12", "staging", separator)).toBe(expected);
  });
});

describe("a lifetime", () => {
  const now = new Date("2026-01-31T12:00:00.500Z");
  const known: ShortLived = {
    name: "pr-1",
    template: "staging",
    expires: "2026-01-31T13:00:00Z",
    updated: "2026-01-31T11:00:00Z",
    open: true,
  };

  test.each([
    ["12h", "2026-02-01T00:00:00Z"],
    ["3d", "2026-02-03T12:00:00Z"],
    ["2w", "2026-02-14T12:00:00Z"],
  ])("of %s ends at %s", (text, expected) => {
    expect(expiryAfter(text, now)).toBe(expected);
  });

  test.each(["", "3", "0d", "-1d", "91d", "14w", "1y", "3d "])("of %j is refused", (text) => {
    expect(() => expiryAfter(text, now)).toThrow(/not a lifetime[^]*12h, 3d, 2w/);
  });

  test.each<[string, Partial<ShortLived>, string | undefined]>([
    ["lives and is asked for", {}, undefined],
    ["expired", { expires: "2026-01-31T12:00:00Z" }, "it expired at 2026-01-31T12:00:00Z"],
    ["lives, and its pull request is closed", { open: false }, "its pull request is closed"],
    ["lives, and nobody can be asked", { open: undefined }, undefined],
    ["is under way for the first time", { expires: undefined }, undefined],
    [
      "was begun long ago and never ended",
      { expires: undefined, updated: "2026-01-29T11:00:00Z" },
      "its first run did not end, and nobody went on with it",
    ],
    [
      "was begun and nothing of it is there",
      { expires: undefined, updated: undefined },
      expect.any(String) as string,
    ],
  ])("of one that %s", (_which, difference, expected) => {
    expect(whyRemoved({ ...known, ...difference }, now)).toEqual(expected);
  });

  test.each(["prod", "staging", "pr-", "pr-0", "pr-1x", "PR-1", "pr-1/../prod"])(
    "is never one of %s",
    (name) => {
      expect(() => assertShortLived(name)).toThrow(/cannot have that name/);
    },
  );
});
