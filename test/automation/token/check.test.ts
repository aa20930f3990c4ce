import { CloudflareApi } from "../../../automation/cloudflare-api";
import { assertAllowed, checkToken } from "../../../automation/token/check";
import { assertPlan, planRemark } from "../../../automation/token/zone-plan";
import { neededPermissions } from "../../../automation/token/permissions";
import { type Settings, validateStackFile } from "../../../platform/settings";
import { accountId, type Bench, collect, startBench, zoneId } from "../../sandbox/cloudflare/support";

let bench: Bench;
let time = new Date("2026-06-01T00:00:00Z");
beforeAll(async () => {
  bench = await startBench({ now: () => time });
});
afterAll(() => bench.close());

const text = `config:
  groundwork:domain: example.com
  groundwork:cloudflare: { accountId: "${accountId}", zoneId: "${zoneId}" }
  groundwork:zone:
    redirects: [{ from: www.example.com, to: example.com }]
    firewallRules: [{ ref: old, expression: 'http.request.uri.path eq "/x"', action: block }]
    cacheRules: [{ ref: api, expression: 'http.request.uri.path eq "/api"', cache: false }]
    securityHeaders: true
  groundwork:sites: { web: { project: web, hostnames: [example.com] } }
  groundwork:buckets: { media: { name: media-live, consumers: { api: write } } }
  groundwork:tunnels: { office: { ingress: { tools.example.com: "http://tools:80" } } }
  groundwork:access: { hostnames: [tools.example.com], emails: [a@example.com] }
`;
const checked = validateStackFile({ file: "Pulumi.live.yaml", text, stack: "live" }, { secrets: "optional" });
const settings = (checked as { settings: Settings }).settings;
const account = { account_id: accountId };
const inAccount = { [`com.cloudflare.api.account.${accountId}`]: "*" };
const inZone = (id = zoneId) => ({ [`com.cloudflare.api.account.zone.${id}`]: "*" });

/** A token with these permissions. */
async function tokenWith(
  permissions: readonly { readonly name: string; readonly scope: "account" | "zone" }[],
  zone = inZone(),
  more: object = {},
): Promise<CloudflareApi> {
  const groups = await collect(bench.client.accounts.tokens.permissionGroups.list(account));
  const policies = permissions.map(({ name, scope }) => ({
    effect: "allow" as const,
    permission_groups: [{ id: groups.find((group) => group.name === name)!.id! }],
    resources: scope === "account" ? inAccount : zone,
  }));
  const { value } = await bench.client.accounts.tokens.create({
    ...account,
    name: "deploy",
    policies,
    ...more,
  });
  return new CloudflareApi({ apiUrl: bench.server.url, apiToken: value!, retryMs: 1 });
}

const needed = neededPermissions(settings);
const names = (permissions: readonly { name: string }[]) => permissions.map(({ name }) => name).sort();
const readsItself = { name: "Account API Tokens Read", scope: "account" } as const;

test("settings say what they need, by the names of Cloudflare's permission groups", async () => {
  expect(checked).toHaveProperty("settings");
  expect(needed.map(({ name, scope }) => `${scope} ${name}`)).toEqual([
    "account Pages Write",
    "account Workers R2 Storage Write",
    "account Account API Tokens Write",
    "account Cloudflare Tunnel Write",
    "account Access: Apps and Policies Write",
    "account Access: Service Tokens Write",
    "account Access: Organizations, Identity Providers, and Groups Write",
    "zone DNS Write",
    "zone Zone Settings Write",
    "zone Dynamic URL Redirects Write",
    "zone Transform Rules Write",
    "zone Zone WAF Write",
    "zone Cache Settings Write",
  ]);
  const known = await collect(bench.client.accounts.tokens.permissionGroups.list(account));
  for (const { name } of needed) expect(names(known as { name: string }[])).toContain(name);
});

test("a token with what is needed passes, by its own policies, in two requests", async () => {
  const api = await tokenWith(needed);
  expect(await checkToken(api, settings)).toMatchObject({ missing: [], by: "policies" });
  expect(api.requests).toBe(2);
});

test("each permission that is missing is named, also one on another zone only, and what needs it", async () => {
  const narrow = needed.filter(({ name }) => name !== "Pages Write" && name !== "DNS Write");
  const found = await checkToken(await tokenWith(narrow), settings);
  expect(names(found.missing)).toEqual(["DNS Write", "Pages Write"]);
  expect(() => assertAllowed(found, { stack: "live", settings })).toThrow(
    /lacks permissions[^]*Pages Write \(account\), for sites\.web[^]*DNS Write \(zone\), for sites\.web, tunnels\.office, zone/,
  );
  const other = await bench.server.ensureZone({ name: "example.net" });
  const elsewhere = await checkToken(await tokenWith(needed, inZone(other.id)), settings);
  expect(names(elsewhere.missing)).toEqual(names(needed.filter(({ scope }) => scope === "zone")));
  const reads = needed.map((each) => ({ ...each, name: each.name.replace(/Write$/, "Read") }));
  expect(names((await checkToken(await tokenWith(reads), settings)).missing)).toEqual(names(needed));
});

test("a token that may not read itself is asked for each kind of thing", async () => {
  const narrow = needed.filter(({ name }) => !/API Tokens|Pages|WAF|Tunnel/.test(name));
  const found = await checkToken(await tokenWith(narrow), settings);
  expect(found.by).toBe("requests");
  expect(names(found.missing)).toEqual([
    "Account API Tokens Write",
    "Cloudflare Tunnel Write",
    "Pages Write",
    "Zone WAF Write",
  ]);
});

test("one that has expired or is none is refused with what to do, and its value is not told", async () => {
  const expiring = await tokenWith([...needed, readsItself], inZone(), {
    expires_on: "2026-06-02T00:00:00Z",
  });
  expect(await checkToken(expiring, settings)).toMatchObject({
    missing: [],
    expiresOn: "2026-06-02T00:00:00Z",
  });
  time = new Date("2026-06-03T00:00:00Z");
  await expect(checkToken(expiring, settings)).rejects.toThrow(/the API token has expired[^]*next: roll it/);
  const apiToken = "n0".repeat(20);
  const unknown = new CloudflareApi({ apiUrl: bench.server.url, apiToken });
  const refusal = checkToken(unknown, settings);
  await expect(refusal).rejects.toThrow(/Cloudflare refuses the API token[^]*next: put a valid one/);
  await expect(refusal).rejects.not.toThrow(new RegExp(apiToken));
});

describe("a plan that the settings name and the zone does not have", () => {
  const paid = (plan: string, expression: string): Settings => {
    const edited = text
      .replace("groundwork:zone:", `groundwork:zone:\n    plan: ${plan}`)
      .replace('http.request.uri.path eq "/x"', expression.replaceAll("'", "''"));
    const file = { file: "Pulumi.live.yaml", text: edited, stack: "live" };
    const checked = validateStackFile(file, { secrets: "optional" });
    return (checked as { settings: Settings }).settings;
  };
  const regex = 'http.request.uri.path matches "^/x"';

  test("names both plans and each part that the real one lacks", async () => {
    const api = await tokenWith([...needed, { name: "Zone Read", scope: "zone" }]);
    const settings = paid("business", regex);
    const checked = await checkToken(api, settings);
    expect(checked).toMatchObject({ missing: [], plan: { described: "business", real: "free" } });
    expect(() => assertPlan(checked.plan, { stack: "live", settings })).toThrow(
      /example\.com has the plan free, and groundwork:zone\.plan of live says business[^]*groundwork:zone\.firewallRules\[0\]\.expression: the free plan does not have a regular expression[^]*next: write plan: free/,
    );
    expect(api.requests).toBe(3);
  });

  test("is said and passes where nothing needs it", async () => {
    const settings = paid("pro", 'http.request.uri.path eq "/y"');
    const readsZone = [...needed, { name: "Zone Read", scope: "zone" } as const];
    const { plan } = await checkToken(await tokenWith(readsZone), settings);
    expect(() => assertPlan(plan, { stack: "live", settings })).not.toThrow();
    expect(planRemark(plan, settings)).toContain("example.com has the plan free, although");
    const blind = await checkToken(await tokenWith(needed), settings);
    expect(() => assertPlan(blind.plan, { stack: "live", settings })).not.toThrow();
    expect(planRemark(blind.plan, settings)).toContain("example.com could not be read (Zone Read)");
  });

  test("passes silently on that plan or a dearer one", async () => {
    for (const real of ["business", "enterprise"] as const) {
      await bench.server.ensureZone({ id: zoneId, name: "example.com", plan: real });
      try {
        const api = await tokenWith([...needed, { name: "Zone Read", scope: "zone" }]);
        expect((await checkToken(api, paid("business", regex))).plan).toBeUndefined();
      } finally {
        await bench.server.ensureZone({ id: zoneId, name: "example.com", plan: "free" });
      }
    }
  });
});

test("rate limits are waited out, and a cut connection is tried again", async () => {
  const api = await tokenWith(needed);
  bench.server.faults.add({ path: /tokens\/verify/, kind: 429, retryAfterSeconds: 0 });
  bench.server.faults.add({ path: /tokens\/verify/, kind: "cut" });
  expect(await checkToken(api, settings)).toMatchObject({ missing: [] });
  expect(api.requests).toBe(4);
});
