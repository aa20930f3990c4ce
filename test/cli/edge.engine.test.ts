import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { stringify } from "yaml";
import { Environment } from "../../automation/environment";
import type { StackConfig } from "../../automation/stack-config";
import { neededPermissions } from "../../automation/token/permissions";
import { readSettings } from "../../platform/settings";
import { findEngine } from "../../sandbox/engine/engine";
import { SmallProject } from "../support/small-project";

jest.setTimeout(600_000);

let project: SmallProject;
/** Allowed what the stack needs, and nothing else. */
let deployToken: string;
beforeAll(async () => {
  project = await SmallProject.start();
  describeEdge();
});
afterAll(() => project.end());

/** A stack with a bit of everything that stands at Cloudflare. */
function describeEdge(): void {
  const [accountId, zoneId] = [project.accountPath, project.zonePath].map((path) => path.split("/").at(-1));
  const config = {
    "groundwork:domain": "example.com",
    "groundwork:cloudflare": { accountId, zoneId, apiUrl: project.variables["CLOUDFLARE_BASE_URL"] },
    "groundwork:zone": {
      redirects: [{ from: "old.example.com", to: "www.example.com" }],
      records: [{ name: "api.example.com", type: "A", content: "203.0.113.10", proxied: true }],
      firewallRules: [
        { ref: "xmlrpc", expression: 'http.request.uri.path eq "/xmlrpc.php"', action: "block" },
      ],
    },
    "groundwork:sites": {
      web: {
        project: "edge-web",
        hostnames: ["www.example.com"],
        environment: { production: { PUBLIC_API: "https://api.example.com" } },
      },
    },
    "groundwork:buckets": {
      media: {
        name: "edge-media",
        cors: [{ origins: ["https://www.example.com"] }],
        consumers: { api: "write" },
        customDomain: "media.example.com",
        lifecycle: [{ deleteAfterDays: 30 }],
      },
    },
    "groundwork:tunnels": { office: { ingress: { "tools.example.com": "http://tools:8080" } } },
    "groundwork:access": { hostnames: ["api.example.com"], emails: ["a@example.com"], check: false },
  };
  writeFileSync(join(project.directory, "Pulumi.edge.yaml"), stringify({ config }));
  // Its site has the same host name.
  rmSync(join(project.directory, "Pulumi.shop.yaml"));
}

/** A token of the account with these permissions, as somebody makes it for deployments. */
async function tokenWith(
  permissions: readonly { name: string; scope: "account" | "zone" }[],
): Promise<string> {
  const { accountPath, zonePath } = project;
  const groups = (await project.api("GET", `${accountPath}/tokens/permission_groups`)) as {
    id: string;
    name: string;
  }[];
  const resource = {
    account: `com.cloudflare.api.account.${accountPath.split("/").at(-1) ?? ""}`,
    zone: `com.cloudflare.api.account.zone.${zonePath.split("/").at(-1) ?? ""}`,
  };
  const policies = permissions.map(({ name, scope }) => ({
    effect: "allow",
    permission_groups: [{ id: groups.find((group) => group.name === name)?.id }],
    resources: { [resource[scope]]: "*" },
  }));
  const made = await project.api("POST", `${accountPath}/tokens`, { name: "deploy", policies });
  return (made as { value: string }).value;
}

/** What was asked of the API meanwhile, as `GET /path`; a stack's own token check is not part of a preview. */
async function asked(work: () => Promise<unknown>): Promise<string[]> {
  const before = project.requests.length;
  await work();
  return project.requests.slice(before).map((line) => line.replace(/ \d+$/, ""));
}

test("a token too narrow is refused by name before anything is made, and one with just what is printed is enough", async () => {
  const needed = neededPermissions(await readSettings(join(project.directory, "Pulumi.edge.yaml"), "edge"));
  const printed = await project.run(["token", "-s", "edge", "--no-check"]);
  expect(printed.code).toBe(0);
  for (const { name } of needed) expect(printed.stdout).toContain(name);

  const narrow = await tokenWith(needed.filter(({ name }) => name !== "DNS Write"));
  const before = project.requests.length;
  const refused = await project.run(["up", "-s", "edge"], { CLOUDFLARE_API_TOKEN: narrow });
  expect(refused.stderr).toContain("the API token lacks a permission");
  expect(refused.stderr).toContain("DNS Write (zone), for sites.web, tunnels.office, zone");
  expect(refused.code).toBe(1);
  expect(refused.all).not.toContain(narrow);
  // By the Automation API as well, whose program runs in this process.
  const { variables, directory } = project;
  const environment = await Environment.open("edge", { directory, variables });
  await asTokenOfThisProcess(narrow, async () => {
    await expect(environment.up()).rejects.toThrow(/lacks a permission[^]*DNS Write \(zone\)/);
  });
  // Also when what is there is read first, which the engine does before it runs the program.
  const refreshed = await project.run(["up", "-s", "edge", "--refresh"], { CLOUDFLARE_API_TOKEN: narrow });
  expect(refreshed.stderr).toContain("DNS Write (zone), for sites.web, tunnels.office, zone");
  expect(project.requests.slice(before).filter((line) => !line.startsWith("GET "))).toEqual([]);
  const { resources = [] } = await environment.state();
  expect(resources.filter(({ custom }) => custom)).toEqual([]);

  deployToken = await tokenWith(needed);
  const up = await project.run(["up", "-s", "edge"], { CLOUDFLARE_API_TOKEN: deployToken });
  expect(up.stderr).not.toContain("error:");
  expect(up.code).toBe(0);
});

test("an up starts the engine once, and one whose token has become too narrow changes nothing", async () => {
  const { variables, directory } = project;
  const engine = await findEngine();
  const [pulumi, starts] = [join(directory, "counting-pulumi"), join(directory, "starts")];
  writeFileSync(pulumi, `#!/bin/sh\necho "$1" >>${starts}\nexec ${engine.pulumi} "$@"\n`, { mode: 0o755 });
  const environment = await Environment.open("edge", {
    ...{ directory, variables },
    engine: { ...engine, pulumi },
  });
  await asTokenOfThisProcess(deployToken, async () => {
    const told: StackConfig[] = [];
    const { unchanged } = await environment.up({ onConfig: (config) => told.push(config) });
    expect(unchanged).toBe(true);
    expect(told.map(({ stack, settings }) => [stack, settings.domain])).toEqual([["edge", "example.com"]]);
  });
  expect(readFileSync(starts, "utf8")).toBe("up\n");

  const recorded = async () => ({
    resources: (await environment.state()).resources?.map(({ urn, id, modified }) => ({ urn, id, modified })),
    outputs: await environment.outputs(),
  });
  const before = await recorded();
  const narrow = await tokenWith([{ name: "Pages Write", scope: "account" }]);
  await asTokenOfThisProcess(narrow, async () => {
    const calls = await asked(async () => {
      await expect(environment.up()).rejects.toThrow(/lacks permissions[^]*DNS Write \(zone\)/);
    });
    expect(calls.filter((call) => !call.startsWith("GET "))).toEqual([]);
  });
  expect(await recorded()).toEqual(before);
  expect((await environment.lockState()).held).toBe(false);
});

test("ten previews in a row show no change, also after every kind of edit by hand was refreshed away", async () => {
  const { variables, directory } = project;
  const environment = await Environment.open("edge", { directory, variables });
  await asTokenOfThisProcess(deployToken, async () => {
    const calls = await asked(async () => {
      for (let turn = 0; turn < 10; turn++) {
        expect((await environment.preview()).unchanged).toBe(true);
      }
    });
    console.log(`10 previews of the edge: ${calls.length} API calls`);
    expect(calls).toEqual([]);

    const edited = await editEverything();
    const mended = new Set<string>();
    await environment.up({
      refresh: true,
      onProgress: (progress) => {
        if (progress.kind !== "step" || progress.step.phase !== "done") return;
        const { name, operation } = progress.step;
        if (operation === "update" || operation === "create") mended.add(`${operation} ${name}`);
      },
    });
    expect([...mended].sort()).toEqual(expect.arrayContaining(edited));

    const first = await asked(async () => {
      expect((await environment.preview({ refresh: true })).unchanged).toBe(true);
    });
    console.log(`a preview of the edge that reads what is there: ${first.length} API calls`);
    expect(first.filter((call, index) => first.indexOf(call) !== index)).toEqual([]);
    expect(first.every((call) => call.startsWith("GET "))).toBe(true);
    expect(first.length).toBeLessThanOrEqual(40);
    expect((await environment.preview()).unchanged).toBe(true);
  });
});

const bucketsOfShop = async (): Promise<string[]> => {
  const answer = await project.api("GET", `${project.accountPath}/r2/buckets`);
  const { buckets } = answer as { buckets: { name: string }[] };
  return buckets.map(({ name }) => name).filter((name) => name.startsWith("shop-"));
};

/** Beside the other stack, whose host name it must not take. */
function describeShop(buckets: number): void {
  project.describe("shop", buckets, "media", {
    "groundwork:sites": { web: { project: "shop-web", hostnames: ["shop.example.com"] } },
  });
}

test("an API that limits, fails and cuts connections between writes: up comes through, and nothing is made twice", async () => {
  describeShop(3);
  project.fail(
    { method: "POST", path: /\/dns_records/, kind: "cut" },
    { method: "POST", path: /\/r2\/buckets$/, kind: 429, retryAfterSeconds: 1 },
    { method: "POST", path: /\/pages\/projects$/, kind: 500 },
    { method: "PUT", path: /\/domains/, kind: 502 },
  );
  const up = await project.run(["up", "-s", "shop"]);
  expect(up.stderr).not.toContain("error:");
  expect(up.code).toBe(0);
  const preview = await project.run(["preview", "-s", "shop", "--refresh"]);
  expect(preview.stderr).toContain("nothing to change");
  const named = `${project.zonePath}/dns_records?name=shop.example.com`;
  expect(await project.api("GET", named)).toHaveLength(1);
  expect((await bucketsOfShop()).sort()).toEqual(["shop-media-0", "shop-media-1", "shop-media-2"]);
});

async function asTokenOfThisProcess(apiToken: string, work: () => Promise<void>): Promise<void> {
  process.env["CLOUDFLARE_API_TOKEN"] = apiToken;
  try {
    await work();
  } finally {
    delete process.env["CLOUDFLARE_API_TOKEN"];
  }
}

/** Changes or removes one thing of each kind behind the stack's back. @returns what has to be done to their resources */
async function editEverything(): Promise<string[]> {
  const { accountPath: account, zonePath: zone } = project;
  const list = async <T>(path: string) => (await project.api("GET", path)) as T[];
  const [record] = await list<{ id: string }>(`${zone}/dns_records?name=api.example.com`);
  await project.api("PATCH", `${zone}/dns_records/${record?.id ?? ""}`, { content: "203.0.113.99" });
  await project.api("PATCH", `${zone}/settings/ssl`, { value: "flexible" });
  const rulesets = await list<{ id: string; phase: string; name: string; kind: string }>(`${zone}/rulesets`);
  const firewall = rulesets.find(({ phase }) => phase === "http_request_firewall_custom");
  await project.api("PUT", `${zone}/rulesets/${firewall?.id ?? ""}`, { ...firewall, rules: [] });
  await project.api("PATCH", `${account}/pages/projects/edge-web`, {
    deployment_configs: {
      production: { env_vars: { PUBLIC_API: { type: "plain_text", value: "https://x.test" } } },
    },
  });
  await project.api("PUT", `${account}/r2/buckets/edge-media/cors`, {
    rules: [{ allowed: { origins: ["https://x.test"], methods: ["GET"] } }],
  });
  const policies = await list<{ id: string; name: string; decision: string }>(`${account}/access/policies`);
  const people = policies.find(({ decision }) => decision === "allow");
  await project.api("PUT", `${account}/access/policies/${people?.id ?? ""}`, {
    name: people?.name,
    decision: "allow",
    include: [{ everyone: {} }],
  });
  const [tunnel] = await list<{ id: string }>(`${account}/cfd_tunnel`);
  await project.api("PUT", `${account}/cfd_tunnel/${tunnel?.id ?? ""}/configurations`, {
    config: { ingress: [{ service: "http_status:503" }] },
  });
  const [application] = await list<{ id: string; self_hosted_domains?: string[] }>(`${account}/access/apps`);
  // What it is answered besides must not be sent with `destinations`.
  const { self_hosted_domains: _domains, ...described } = application!;
  await project.api("PUT", `${account}/access/apps/${described.id}`, {
    ...described,
    session_duration: "720h",
  });
  const [login] = await list<{ id: string; type: string; config: object }>(
    `${account}/access/identity_providers`,
  );
  await project.api("PUT", `${account}/access/identity_providers/${login?.id ?? ""}`, {
    ...login,
    name: "by hand",
  });
  await project.api("PUT", `${account}/r2/buckets/edge-media/lifecycle`, { rules: [] });
  await project.api("DELETE", `${account}/r2/buckets/edge-media/domains/custom/media.example.com`);
  await project.api("DELETE", `${account}/pages/projects/edge-web/domains/www.example.com`);
  const [alias] = await list<{ id: string }>(`${zone}/dns_records?name=tools.example.com`);
  await project.api("DELETE", `${zone}/dns_records/${alias?.id ?? ""}`);
  const keys = (await list<{ id: string; name: string }>(`${account}/tokens`)).find(({ name }) =>
    name.endsWith(" api"),
  );
  await project.api("DELETE", `${account}/tokens/${keys?.id ?? ""}`);
  return [
    "create buckets-consumer-api",
    "create buckets-media-domain",
    "create office-dns-tools.example.com",
    "create web-domain-www.example.com",
    "update access",
    "update access-one-time-pin",
    "update access-people",
    "update buckets-media-cors",
    "update buckets-media-lifecycle",
    "update office-config",
    "update web",
    "update zone-firewall",
    "update zone-record-a-api.example.com",
    "update zone-ssl",
  ];
}
