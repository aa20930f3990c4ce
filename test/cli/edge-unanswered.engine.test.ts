import { Environment } from "../../automation/environment";
import type { Fault } from "../../sandbox/cloudflare/faults";
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
