import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type CloudflareServer, startCloudflare } from "../../../sandbox/cloudflare/server";
import {
  findLeftovers,
  findPresent,
  type Place,
  removeLeftover,
} from "../../../sandbox/providers/cloudflare/leftovers";
import { signingRequest } from "../../support/signing-request";

const accountId = "0".repeat(30) + "a0";
const apiToken = "t".repeat(48);
let directory: string;
let server: CloudflareServer;
let zoneId: string;
let place: Place;

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), "groundwork-leftovers-"));
  server = await startCloudflare({ stateDirectory: directory, accountId, apiToken });
  zoneId = (await server.ensureZone({ name: "example.com" })).id;
  place = { environment: { CLOUDFLARE_BASE_URL: server.url, CLOUDFLARE_API_TOKEN: apiToken } };
});

afterAll(async () => {
  await server.close();
  rmSync(directory, { recursive: true, force: true });
});

async function api(method: string, path: string, body?: unknown): Promise<unknown> {
  const answer = await fetch(`${server.url}${path}`, {
    method,
    headers: { authorization: `Bearer ${apiToken}`, "content-type": "application/json" },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const { success, result, errors } = (await answer.json()) as {
    success: boolean;
    result: unknown;
    errors: unknown;
  };
  if (!success) throw new Error(JSON.stringify(errors));
  return result;
}

const create = async (path: string, body: unknown): Promise<string> =>
  ((await api("POST", path, body)) as { id: string }).id;

const resource = (type: string, inputs: Record<string, unknown>, id?: string) => ({
  urn: `urn:pulumi:dev::groundwork::${type}::one`,
  type,
  inputs,
  ...(id === undefined ? {} : { id }),
});

const record = (content: string) => ({ name: "api.example.com", type: "A", content, proxied: true, ttl: 1 });
const recordType = "cloudflare:index/dnsRecord:DnsRecord";

test("a record that was made and not recorded is removed; those that are others stay", async () => {
  const records = `/zones/${zoneId}/dns_records`;
  const lost = await create(records, record("203.0.113.1"));
  const other = await create(records, record("203.0.113.2"));
  const pending = resource(recordType, { zoneId, ...record("203.0.113.1") });
  expect(await removeLeftover(pending, [], place)).toBe(lost);
  expect(((await api("GET", records)) as { id: string }[]).map(({ id }) => id)).toEqual([other]);
  expect(await removeLeftover(pending, [], place)).toBeUndefined();
});

test("what the state knows is never removed", async () => {
  const known = await create(`/zones/${zoneId}/dns_records`, record("203.0.113.3"));
  const pending = resource(recordType, { zoneId, ...record("203.0.113.3") });
  expect(await removeLeftover(pending, [resource(recordType, pending.inputs, known)], place)).toBeUndefined();
  await api("GET", `/zones/${zoneId}/dns_records/${known}`);
});

test.each([
  ["bucket", "cloudflare:index/r2Bucket:R2Bucket", "r2/buckets", { name: "media" }],
  [
    "Pages project",
    "cloudflare:index/pagesProject:PagesProject",
    "pages/projects",
    { name: "site", production_branch: "main" },
  ],
])("a %s is known by its name", async (_, type, path, body) => {
  await api("POST", `/accounts/${accountId}/${path}`, body);
  const inputs = {
    accountId,
    name: body.name,
    ...("production_branch" in body ? { productionBranch: "main" } : {}),
  };
  const pending = resource(type, inputs);
  expect(await removeLeftover(pending, [resource(type, inputs, body.name)], place)).toBeUndefined();
  expect(await removeLeftover(pending, [], place)).toBe(body.name);
  await expect(api("GET", `/accounts/${accountId}/${path}/${body.name}`)).rejects.toThrow(/not/i);
});

test("an Access application and a tunnel, whose names may be there twice, are known by what they say", async () => {
  const apps = `/accounts/${accountId}/access/apps`;
  const app = await create(apps, { name: "staging", domain: "staging.example.com", type: "self_hosted" });
  const other = await create(apps, { name: "staging", domain: "other.example.com", type: "self_hosted" });
  const pending = resource("cloudflare:index/zeroTrustAccessApplication:ZeroTrustAccessApplication", {
    accountId,
    name: "staging",
    domain: "staging.example.com",
    type: "self_hosted",
  });
  expect(await removeLeftover(pending, [], place)).toBe(app);
  await api("GET", `${apps}/${other}`);

  const tunnel = await create(`/accounts/${accountId}/cfd_tunnel`, {
    name: "origin",
    config_src: "cloudflare",
  });
  const inputs = { accountId, name: "origin", configSrc: "cloudflare" };
  const type = "cloudflare:index/zeroTrustTunnelCloudflared:ZeroTrustTunnelCloudflared";
  expect(await removeLeftover(resource(type, inputs), [], place)).toBe(tunnel);
});

test("what a PUT makes, and what is not Cloudflare's, is left to the next run", async () => {
  const setting = resource("cloudflare:index/zoneSetting:ZoneSetting", {
    zoneId,
    settingId: "ssl",
    value: "strict",
  });
  expect(await removeLeftover(setting, [], place)).toBeUndefined();
  const command = resource("command:remote:Command", { create: "true" });
  expect(await removeLeftover(command, [], place)).toBeUndefined();
});

test("each that is alike is found, with when it was made, and whether it has a secret that was told once", async () => {
  const tokens = `/accounts/${accountId}/access/service_tokens`;
  const begun = Date.now();
  const made = [await create(tokens, { name: "ci" }), await create(tokens, { name: "ci" })];
  await create(tokens, { name: "other" });
  const type = "cloudflare:index/zeroTrustAccessServiceToken:ZeroTrustAccessServiceToken";
  const found = (await findLeftovers(resource(type, { accountId, name: "ci" }), [], place)) ?? [];
  expect(found.map(({ id }) => id).sort()).toEqual(made.sort());
  for (const { madeAt, unfit } of found) {
    expect(unfit).toBe("its secret was told to nobody");
    // Good to a second, as answers tell the time.
    expect(Math.abs(Date.parse(madeAt!) - begun)).toBeLessThan(60_000);
  }
  const recorded = [resource(type, {}, made[0])];
  const left = await findLeftovers(resource(type, { accountId, name: "ci" }), recorded, place);
  expect(left?.map(({ id }) => id)).toEqual([made[1]]);
});

test("a bucket's own host is no older than the bucket; a login method does not tell when it was made", async () => {
  const buckets = `/accounts/${accountId}/r2/buckets`;
  const { creation_date: madeAt } = (await api("POST", buckets, { name: "files" })) as {
    creation_date: string;
  };
  const domain = { domain: "files.example.com", zoneId, enabled: true };
  await api("POST", `${buckets}/files/domains/custom`, domain);
  const host = resource("cloudflare:index/r2CustomDomain:R2CustomDomain", {
    ...{ accountId, bucketName: "files" },
    ...domain,
  });
  const [found] = (await findLeftovers(host, [], place)) ?? [];
  expect(Math.abs(Date.parse(found!.madeAt!) - Date.parse(madeAt))).toBeLessThan(60_000);

  const pin = { name: "One-time PIN", type: "onetimepin", config: {} };
  await create(`/accounts/${accountId}/access/identity_providers`, pin);
  const type = "cloudflare:index/zeroTrustAccessIdentityProvider:ZeroTrustAccessIdentityProvider";
  const [login] = (await findLeftovers(resource(type, { accountId, ...pin }), [], place)) ?? [];
  expect(login?.unfit).toBeUndefined();
  expect(login?.madeAt).toBeUndefined();
});

test("what is there before something is made: all of its kind, listed once, or what is at its address", async () => {
  const logins = `/accounts/${accountId}/access/identity_providers`;
  const config = { client_id: "a", client_secret: "b" };
  const made = [
    ...((await api("GET", logins)) as { id: string }[]).map(({ id }) => id),
    await create(logins, { name: "GitHub", type: "github", config }),
  ];
  const type = "cloudflare:index/zeroTrustAccessIdentityProvider:ZeroTrustAccessIdentityProvider";
  const lists = new Map<string, Promise<readonly string[] | undefined>>();
  const present = (inputs: Record<string, unknown>, of = type) =>
    findPresent(resource(of, inputs), place, lists);
  expect((await present({ accountId, name: "GitHub" }))?.toSorted()).toEqual(made.sort());
  await create(logins, { name: "Google", type: "google", config });
  expect((await present({ accountId, name: "Google" }))?.toSorted()).toEqual(made);

  const host = { accountId, bucketName: "files", zoneId, enabled: true };
  const hostType = "cloudflare:index/r2CustomDomain:R2CustomDomain";
  expect(await present({ ...host, domain: "files.example.com" }, hostType)).toHaveLength(1);
  expect(await present({ ...host, domain: "other.example.com" }, hostType)).toEqual([]);
  expect(await present({ ...host, bucketName: "none", domain: "a.example.com" }, hostType)).toEqual([]);
});

test("a certificate is known by its key: equal ones, and those that are not as asked for; another's never", async () => {
  const [csr, others] = ["one", "other"].map(signingRequest) as [string, string];
  const hostnames = ["*.example.com", "example.com"];
  const issue = (of: string, names: string[], days: number) =>
    create("/certificates", {
      ...{ csr: of, hostnames: names, request_type: "origin-ecc", requested_validity: days },
    });
  await issue(others, hostnames, 90);
  const revoked = await issue(csr, hostnames, 90);
  await api("DELETE", `/certificates/${revoked}`);
  const equal = await issue(csr, hostnames, 90);
  const unfit = [await issue(csr, ["example.com"], 90), await issue(csr, hostnames, 365)];
  const type = "cloudflare:index/originCaCertificate:OriginCaCertificate";
  // Of another order, as the API may sort them.
  const wanted = { csr, hostnames: hostnames.toReversed(), requestType: "origin-ecc", requestedValidity: 90 };
  const found = (await findLeftovers(resource(type, wanted), [], place)) ?? [];
  expect(found.every(({ hasOwnKey }) => hasOwnKey)).toBe(true);
  const idsOf = (isFit: boolean) =>
    found.filter((each) => (each.unfit === undefined) === isFit).map(({ id }) => id);
  expect(idsOf(true)).toEqual([equal]);
  expect(idsOf(false).sort()).toEqual(unfit.sort());
  const known = { ...place, zone: { id: zoneId, name: "example.com" } };
  const recorded = [resource(type, wanted, equal)];
  expect(await findLeftovers(resource(type, wanted), recorded, known)).toHaveLength(2);
  const elsewhere = { ...wanted, hostnames: ["example.org"] };
  expect(await findLeftovers(resource(type, elsewhere), [], known)).toBeUndefined();
});
