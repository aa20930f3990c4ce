import * as pulumi from "@pulumi/pulumi";
import { PagesSite, pagesSiteIssues, type PagesSiteArgs } from "../../components/pages-site";
import { told } from "../support/issues";
import { known, Mocks, runWith } from "../support/mocks";

const answers = {
  "cloudflare:index/pagesProject:PagesProject": (inputs: Record<string, unknown>) => ({
    id: String(inputs["name"]),
    subdomain: `${String(inputs["name"])}-a1b.pages.dev`,
  }),
  "cloudflare:index/pagesDomain:PagesDomain": () => ({ status: "pending" }),
  "cloudflare:index/dnsRecord:DnsRecord": () => ({}),
};

test("the smallest: a project for direct upload and nothing else", async () => {
  const mocks = new Mocks(answers);
  const site = await runWith(mocks, () => new PagesSite("web", { accountId: "account" }));
  expect(mocks.children()).toEqual([
    {
      type: "cloudflare:index/pagesProject:PagesProject",
      name: "web",
      inputs: {
        accountId: "account",
        name: "web",
        productionBranch: "main",
        deploymentConfigs: { production: { envVars: {} }, preview: { envVars: {} } },
      },
      secrets: [],
    },
  ]);
  expect(await known(site.urls)).toEqual({ value: ["https://web-a1b.pages.dev"], secret: false });
});

test("everything: build with every member, variables, secrets of production only, domain before record", async () => {
  const mocks = new Mocks(answers);
  const site = await runWith(
    mocks,
    () =>
      new PagesSite("web", {
        accountId: "account",
        projectName: "plyr-fm-stg",
        productionBranch: "production-fe",
        zoneId: "zone",
        domains: ["stg.example.com", "example.com"],
        build: { command: "bun run build", outputDirectory: "frontend/build" },
        source: { owner: "me", repository: "site", previewBranches: { include: ["feature/*"] } },
        environment: { PUBLIC_API_URL: pulumi.output("https://api.example.com") },
        secrets: { TOKEN: "swordfish" },
        compatibilityDate: "2026-01-31",
        compatibilityFlags: ["nodejs_compat"],
      }),
  );
  expect(mocks.list()).toEqual([
    "DnsRecord web-dns-example.com",
    "DnsRecord web-dns-stg.example.com",
    "PagesDomain web-domain-example.com",
    "PagesDomain web-domain-stg.example.com",
    "PagesProject web",
  ]);
  const runtime = { compatibilityDate: "2026-01-31", compatibilityFlags: ["nodejs_compat"] };
  const url = { type: "plain_text", value: "https://api.example.com" };
  expect(mocks.get("web")).toMatchObject({
    inputs: {
      accountId: "account",
      name: "plyr-fm-stg",
      productionBranch: "production-fe",
      buildConfig: {
        buildCommand: "bun run build",
        destinationDir: "frontend/build",
        rootDir: "",
        buildCaching: true,
        webAnalyticsTag: "",
        webAnalyticsToken: "",
      },
      source: {
        type: "github",
        config: {
          owner: "me",
          repoName: "site",
          productionBranch: "production-fe",
          productionDeploymentsEnabled: true,
          previewDeploymentSetting: "custom",
          previewBranchIncludes: ["feature/*"],
          previewBranchExcludes: [],
          pathIncludes: ["*"],
          pathExcludes: [],
          prCommentsEnabled: true,
        },
      },
      deploymentConfigs: {
        production: {
          envVars: { PUBLIC_API_URL: url, TOKEN: { type: "secret_text", value: "swordfish" } },
          ...runtime,
        },
        preview: { envVars: { PUBLIC_API_URL: url }, ...runtime },
      },
    },
  });
  expect(mocks.get("web").secrets).toEqual(["deploymentConfigs"]);
  expect(mocks.get("web-dns-stg.example.com").inputs).toEqual({
    zoneId: "zone",
    name: "stg.example.com",
    type: "CNAME",
    content: "plyr-fm-stg-a1b.pages.dev",
    ttl: 1,
    proxied: true,
  });
  const order = mocks.children().map(({ name }) => name);
  for (const domain of ["stg.example.com", "example.com"]) {
    expect(order.indexOf(`web-domain-${domain}`)).toBeLessThan(order.indexOf(`web-dns-${domain}`));
  }
  expect((await known(site.urls)).value).toEqual(["https://stg.example.com", "https://example.com"]);
});

test("without a zone the domains are attached and no record is made", async () => {
  const mocks = new Mocks(answers);
  await runWith(mocks, () => new PagesSite("web", { accountId: "account", domains: ["example.com"] }));
  expect(mocks.list()).toEqual(["PagesDomain web-domain-example.com", "PagesProject web"]);
});

test.each<[string, string, Partial<PagesSiteArgs>, string[]]>([
  ["nothing wrong", "web", {}, []],
  ["a bad name", "Web_1", {}, ['projectName: is not a project name "Web_1"']],
  ["a long name", "x".repeat(59), {}, [`projectName: is not a project name "${"x".repeat(59)}"`]],
  [
    "bad domains",
    "web",
    { domains: ["https://example.com", "a.example.com", "a.example.com"] },
    [
      'domains[0]: is not a full host name in lower case "https://example.com"',
      'domains[2]: is there twice "a.example.com"',
    ],
  ],
  [
    "a bad date",
    "web",
    { compatibilityDate: "2026-13-40" },
    ['compatibilityDate: is not a date "2026-13-40"'],
  ],
  [
    "variables",
    "web",
    { environment: { "A-B": "x", TOKEN: "x" }, secrets: { TOKEN: "y" } },
    ["environment.A-B: is not the name of a variable", "secrets.TOKEN: is in environment as well"],
  ],
  [
    "a repository without a build",
    "web",
    { source: { owner: "me", repository: "site" } },
    ["build: a site that Cloudflare builds from a repository needs it"],
  ],
])("mistakes: %s", (_what, name, changes, expected) => {
  expect(told(pagesSiteIssues(name, { accountId: "account", ...changes }))).toEqual(expected);
});
