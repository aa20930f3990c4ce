import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import * as cloudflare from "@pulumi/cloudflare";
import { Environment } from "../../automation/environment";
import type { Fault } from "../../sandbox/cloudflare/faults";
import { killIfThere } from "../support/processes";
import { signingRequest } from "../support/signing-request";
import { SmallProject } from "../support/small-project";

// Cloudflare carries out what is asked, and the connection is cut before its answer.
jest.setTimeout(600_000);

let project: SmallProject;
let environment: Environment;
beforeAll(async () => {
  project = await SmallProject.start();
  const { variables, directory } = project;
  environment = await Environment.open("shop", { directory, variables });
  // The program of the Automation API runs in this process, and takes its token from here.
  process.env["CLOUDFLARE_API_TOKEN"] = project.apiToken;
});
afterAll(() => project.end());

/** What is there by the names that begin with this. */
async function namesAt(path: string, start: string): Promise<string[]> {
  const answer = await project.api("GET", path);
  const list = (Array.isArray(answer) ? answer : (answer as { buckets: object[] }).buckets) as {
    name: string;
  }[];
  return list
    .map(({ name }) => name)
    .filter((name) => name.startsWith(start))
    .sort();
}

const cutAfter = (path: RegExp, times = 1): Fault => ({ method: "POST", path, kind: "cut-after", times });

/** The shop with what is made in several ways behind Access. */
const behindAccess = {
  "groundwork:access": {
    hostnames: ["www.example.com"],
    emails: ["a@example.com"],
    serviceTokens: ["ci"],
    check: false,
  },
};

test("answers that are cut off after their writes: up alone converges, and nothing is made twice", async () => {
  project.describe("shop", 1, "media", behindAccess);
  const { accountPath: account, zonePath: zone } = project;
  project.fail(
    cutAfter(/\/dns_records$/),
    cutAfter(/\/r2\/buckets$/),
    cutAfter(/\/domains\/custom$/),
    // Refused when it is tried again.
    cutAfter(/\/access\/apps$/),
    // Made a second time when it is tried again.
    cutAfter(/\/access\/policies$/),
    // Of one no try of three is answered, of the other the third.
    cutAfter(/\/access\/service_tokens$/, 5),
  );
  const up = await project.run(["up", "-s", "shop"]);
  expect(up.stderr).toMatch(
    /creating buckets-media-0 was not answered: it was made \(shop-media-0\), and is taken in/,
  );
  expect(up.stderr).toMatch(/creating web-dns-www\.example\.com was not answered: .* is taken in/);
  expect(up.stderr).toMatch(/creating access was not answered: it was made \(\S+\), and is taken in/);
  expect(up.stderr).toMatch(
    /creating access-\S+ was not answered at first, and was done again: the first one /,
  );
  expect(up.stderr).toMatch(/creating access-token-\S+ was not answered: .*told to nobody: removed/);
  expect(up.code).toBe(0);

  expect(await namesAt(`${account}/r2/buckets`, "shop-media-0")).toEqual(["shop-media-0"]);
  expect(await namesAt(`${zone}/dns_records?per_page=100`, "")).toEqual([
    "media-0.example.com",
    "www.example.com",
  ]);
  expect(await namesAt(`${account}/access/apps`, "example.com shop")).toHaveLength(1);
  expect(await namesAt(`${account}/access/policies`, "example.com shop")).toHaveLength(2);
  expect(await namesAt(`${account}/access/service_tokens`, "example.com shop")).toEqual([
    "example.com shop checks",
    "example.com shop ci",
  ]);
  const tokens = (await environment.outputs())["accessTokens"]?.value as Record<string, object>;
  for (const name of ["checks", "ci"])
    expect(tokens[name]).toMatchObject({ clientSecret: expect.stringMatching(/^\S{20,}$/) as string });
  const preview = await project.run(["preview", "-s", "shop", "--refresh"]);
  expect(preview.stderr).toContain("nothing to change");
});

test("what nobody could look for is taken in by the next up; what was made by hand before is refused", async () => {
  const { zonePath: zone } = project;
  const byHand = { type: "A", name: "hand.example.com", content: "203.0.113.20", proxied: false, ttl: 1 };
  const { id } = (await project.api("POST", `${zone}/dns_records`, byHand)) as { id: string };
  const records = ["cut", "hand"].map((name) => ({ ...byHand, name: `${name}.example.com` }));
  const withRecords = (count: number) =>
    project.describe("shop", 1, "media", {
      ...behindAccess,
      "groundwork:zone": { records: records.slice(0, count) },
    });

  withRecords(1);
  project.fail(cutAfter(/\/dns_records$/));
  const nobody = () => Promise.resolve(undefined);
  await expect(environment.up({ examine: nobody })).rejects.toThrow(/exists already.*npx groundwork up/);
  const next = await project.run(["up", "-s", "shop"]);
  expect(next.stderr).toMatch(
    /creating zone-record-a-cut\S+ was not answered: it was made \(\S+\), and is taken in/,
  );
  expect(next.code).toBe(0);

  withRecords(2);
  for (const _turn of ["first", "again"]) {
    const { code, stderr } = await project.run(["up", "-s", "shop"]);
    expect(stderr).toMatch(/exists already; to take it over: pulumi import \S+DnsRecord zone-record-a-hand/);
    expect(stderr).not.toContain("taken in");
    expect(code).toBe(1);
  }
  const there = (await project.api("GET", `${zone}/dns_records?per_page=100`)) as {
    id: string;
    name: string;
  }[];
  expect(there.filter(({ name }) => name === "cut.example.com")).toHaveLength(1);
  expect(there.filter(({ name }) => name === "hand.example.com").map((each) => each.id)).toEqual([id]);
});

test("what replaces something is taken in, and what it replaces is removed", async () => {
  const describeSite = (name: string) =>
    project.describe("shop", 1, "media", { "groundwork:sites": { web: { project: name, hostnames: [] } } });
  describeSite("shop-web");
  await environment.up();
  describeSite("shop-other");
  project.fail(cutAfter(/\/pages\/projects$/));
  const up = await project.run(["up", "-s", "shop"]);
  expect(up.stderr).toContain("creating web was not answered: it was made (shop-other), and is taken in");
  expect(up.code).toBe(0);
  expect(await namesAt(`${project.accountPath}/pages/projects`, "shop-")).toEqual(["shop-other"]);
  expect((await environment.preview({ refresh: true })).unchanged).toBe(true);
});

describe("what does not tell when it was made", () => {
  const logins = (): string => `${project.accountPath}/access/identity_providers`;
  const hosts = (bucket: string): string => `${project.accountPath}/r2/buckets/${bucket}/domains/custom`;
  /** How often something was asked for, since so many requests. */
  const asked = (request: string, since: number): number =>
    project.requests.slice(since).filter((line) => line.startsWith(`${request} `)).length;
  const idsAt = async (path: string): Promise<string[]> =>
    ((await project.api("GET", path)) as { id: string }[]).map(({ id }) => id);
  const domainsAt = async (bucket: string): Promise<string[]> =>
    ((await project.api("GET", hosts(bucket))) as { domains: { domain: string }[] }).domains.map(
      ({ domain }) => domain,
    );
  const withBuckets = (more: object, domains: readonly (string | undefined)[]): void =>
    project.describe("shop", 0, "media", {
      ...more,
      "groundwork:buckets": Object.fromEntries(
        domains.map((customDomain, index) => [
          `files-${index}`,
          { name: `shop-files-${index}`, ...(customDomain === undefined ? {} : { customDomain }) },
        ]),
      ),
    });
  const pin = { name: "example.com shop one-time PIN", type: "onetimepin", config: {} };
  const removePin = async (): Promise<void> => {
    for (const id of await idsAt(logins())) await project.api("DELETE", `${logins()}/${id}`);
  };

  test("is taken in where it was not there before, which is asked for once, and only where it is to be made", async () => {
    withBuckets({}, [undefined, undefined]);
    await environment.up();
    withBuckets(behindAccess, ["files-0.example.com", undefined]);
    const before = project.requests.length;
    project.fail(
      { method: "POST", path: /\/identity_providers$/, kind: "cut-after", times: 3 },
      { method: "POST", path: /\/domains\/custom$/, kind: "cut-after" },
    );
    const up = await project.run(["up", "-s", "shop"]);
    expect(up.stderr).toMatch(
      /creating access-one-time-pin was not answered: it was made \(\S+\), and is taken/,
    );
    expect(up.stderr).toMatch(/creating buckets-files-0-domain was not answered: .* is taken in/);
    expect(up.code).toBe(0);
    const [id, ...others] = await idsAt(logins());
    expect(others).toEqual([]);
    const { resources = [] } = await environment.state();
    expect(resources.find(({ urn }) => urn.endsWith("::access-one-time-pin"))?.id).toBe(id);
    expect(await domainsAt("shop-files-0")).toEqual(["files-0.example.com"]);
    const lists = `GET /client/v4${logins()}`;
    // Before it was made, after it had failed, and by this test.
    expect(asked(lists, before)).toBe(3);

    const done = project.requests.length;
    expect((await environment.preview({ refresh: true })).unchanged).toBe(true);
    withBuckets(behindAccess, ["files-0.example.com"]);
    await environment.up();
    expect(asked(lists, done)).toBe(0);
  });

  test("is refused where it was there before, by its id", async () => {
    withBuckets({}, [undefined]);
    await environment.up();
    const { id } = (await project.api("POST", logins(), pin)) as { id: string };
    const zoneId = project.zonePath.replace("/zones/", "");
    const domain = { domain: "files-0.example.com", zoneId, enabled: true, minTLS: "1.2" };
    await project.api("POST", hosts("shop-files-0"), domain);
    withBuckets(behindAccess, ["files-0.example.com"]);
    project.fail(cutAfter(/\/identity_providers$/), cutAfter(/\/domains\/custom$/));
    const up = await project.run(["up", "-s", "shop"]);
    expect(up.stderr).toContain(
      `creating access-one-time-pin failed; what is like it was there before, and is left alone (${id})`,
    );
    expect(up.stderr).toMatch(/creating buckets-files-0-domain failed; .* there before, and is left alone/);
    expect(up.stderr).not.toContain("taken in (");
    expect(up.code).toBe(1);
    expect(await idsAt(logins())).toEqual([id]);
    expect(await domainsAt("shop-files-0")).toEqual(["files-0.example.com"]);
    await removePin();
    await project.api("DELETE", `${hosts("shop-files-0")}/files-0.example.com`);
  });

  const below = (...names: string[]): string => join(project.directory, "state", ".pulumi", ...names);
  const textsIn = (folder: string): string[] =>
    (existsSync(folder) ? readdirSync(folder) : [])
      .filter((name) => name.endsWith(".json"))
      .map((name) => readFileSync(join(folder, name), "utf8"));
  const records = (): string[] => textsIn(below("groundwork-before", "small"));

  /** Kills a run, with its engine, once something holds. */
  async function killOnce(holds: () => Promise<boolean> | boolean): Promise<void> {
    const command = project.begin(["up", "-s", "shop"]);
    while (!(await holds())) {
      if (!command.runs()) throw new Error(`it ended before it could be killed:\n${command.printed}`);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    const held = textsIn(below("locks", "organization", "small", "shop"));
    command.signal("SIGKILL");
    for (const lock of held) killIfThere((JSON.parse(lock) as { pid: number }).pid);
    project.failNoMore();
    await command.ended;
  }

  test("is known also to the run after one that could not look, or was killed", async () => {
    withBuckets({}, []);
    await environment.up();
    withBuckets(behindAccess, []);
    project.fail(cutAfter(/\/identity_providers$/, 3));
    const nobody = () => Promise.resolve(undefined);
    await expect(environment.up({ examine: nobody })).rejects.toThrow(/identity_providers got no answer/);
    const [first] = await idsAt(logins());
    const next = await project.run(["up", "-s", "shop"]);
    expect(next.stderr).toMatch(/creating access-one-time-pin was not answered: it was made .*taken in/);
    expect(next.code).toBe(0);
    expect(await idsAt(logins())).toEqual([first]);
    await environment.destroy();

    const stop: Fault = { method: "POST", path: /\/identity_providers$/, kind: "cut", delayMs: 10_000 };
    const { id: byHand } = (await project.api("POST", logins(), pin)) as { id: string };
    project.fail(stop);
    // Begun, and with what was there before on record.
    await killOnce(() => records().length > 0);
    const refused = await project.run(["up", "-s", "shop"]);
    expect(refused.stderr).toContain(
      `creating access-one-time-pin: what is like it was there before, and is left alone (${byHand})`,
    );
    expect(refused.code).toBe(1);
    await removePin();

    project.fail(cutAfter(/\/identity_providers$/), stop);
    await killOnce(async () => (await idsAt(logins())).length === 1);
    const [id] = await idsAt(logins());
    const up = await project.run(["up", "-s", "shop"]);
    expect(up.stderr).toContain(`creating access-one-time-pin: it was made (${id!}), and is taken in`);
    expect(up.code).toBe(0);
    expect(await idsAt(logins())).toEqual([id]);
    expect(records()).toEqual([]);
    await environment.destroy();
    expect(await idsAt(logins())).toEqual([]);
  });
});

describe("a program of one's own", () => {
  beforeAll(() => {
    process.env["CLOUDFLARE_BASE_URL"] = project.variables["CLOUDFLARE_BASE_URL"];
  });

  test("a login method that the provider made twice is there once, beside one of its name that was there before", async () => {
    const path = `${project.accountPath}/access/identity_providers`;
    const named = { name: "example.com own GitHub", type: "github" };
    const config = { client_id: "a", client_secret: "b" };
    const { id: byHand } = (await project.api("POST", path, { ...named, config })) as { id: string };
    const program = () => {
      const accountId = project.accountPath.replace("/accounts/", "");
      const of = { accountId, ...named, config: { clientId: "a", clientSecret: "b" } };
      new cloudflare.ZeroTrustAccessIdentityProvider("github", of);
      return Promise.resolve({});
    };
    const { directory, variables } = project;
    const own = await Environment.open("logins", { directory, variables, program });
    const lines: string[] = [];
    project.fail(cutAfter(/\/identity_providers$/));
    await own.up({ log: (line) => lines.push(line) });
    expect(lines).toContain(
      `creating github: what is like it was there before, and is left alone (${byHand})`,
    );
    expect(lines.join("\n")).toMatch(/creating github was not answered at first, and was done again/);
    const [recorded] = ((await own.state()).resources ?? []).filter(({ urn }) => urn.endsWith("::github"));
    const there = (await project.api("GET", path)) as { id: string }[];
    expect(there.map(({ id }) => id).sort()).toEqual([byHand, recorded?.id].sort());
  });

  const certificates = async (): Promise<string[]> => {
    const path = `/certificates?zone_id=${project.zonePath.replace("/zones/", "")}`;
    return ((await project.api("GET", path)) as { id: string }[]).map(({ id }) => id);
  };
  const open = (request: string, hostnames: string[], days = 90): Promise<Environment> => {
    const program = () => {
      new cloudflare.OriginCaCertificate("api", {
        ...{ csr: request, hostnames, requestType: "origin-ecc", requestedValidity: days },
      });
      return Promise.resolve({});
    };
    const { directory, variables } = project;
    return Environment.open("own", { directory, variables, program });
  };
  const recordedId = async (own: Environment): Promise<string | undefined> =>
    (await own.state()).resources?.find(({ urn }) => urn.endsWith("::api"))?.id;

  test("of certificates for one key exactly one is left: that of the state", async () => {
    const [request, hosts] = [signingRequest("api.example.com"), ["api.example.com"]];
    const another = {
      csr: signingRequest("api.example.com"),
      hostnames: hosts,
      request_type: "origin-ecc",
      requested_validity: 90,
    };
    const { id: others } = (await project.api("POST", "/certificates", another)) as { id: string };
    const left = async (own: Environment): Promise<void> =>
      expect((await certificates()).sort()).toEqual([others, (await recordedId(own))!].sort());

    // Of three tries none is answered: one is taken in.
    const own = await open(request, hosts);
    const lines: string[] = [];
    project.fail(cutAfter(/^\/certificates$/, 3));
    await own.up({ log: (line) => lines.push(line) });
    expect(lines.join("\n")).toMatch(/creating api was not answered: it was made \(\d+\), and is taken in/);
    await left(own);
    expect((await own.preview({ refresh: true })).unchanged).toBe(true);

    // The second try is answered: the first is removed. Nobody could look in between.
    const longer = await open(request, hosts, 365);
    project.fail(cutAfter(/^\/certificates$/, 3));
    await expect(longer.up({ examine: () => Promise.resolve(undefined) })).rejects.toThrow(/got no answer/);
    const shorter = await open(request, ["api.example.com", "www.example.com"], 365);
    project.fail(cutAfter(/^\/certificates$/));
    await shorter.up({ log: (line) => lines.push(line) });
    expect(lines.at(-1)).toMatch(/creating api was not answered at first, and was done again: .* is removed/);
    await left(shorter);
  });
});
