import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { SmallProject } from "../support/small-project";

// Host names behind Access, under the real engine: Access is there first, and is gone last.
jest.setTimeout(200_000);

let project: SmallProject;

beforeAll(async () => {
  project = await SmallProject.start();
  project.describe("shop", 1, "media", {
    "groundwork:access": {
      hostnames: ["www.example.com", "media-0.example.com"],
      publicPaths: ["www.example.com/robots.txt"],
      emails: ["a@example.com"],
      check: false,
    },
  });
});
afterAll(() => project.end());

/** The successful calls of one method that a command made, as `/path`, in their order. */
async function called(method: string, command: string): Promise<string[]> {
  const before = project.requests.length;
  const { code, all } = await project.run([command, "-s", "shop"]);
  if (code !== 0) throw new Error(all);
  return project.requests.slice(before).flatMap((line) => {
    const [how, path = "", status = ""] = line.split(" ");
    return how === method && status.startsWith("2") ? [path] : [];
  });
}

const isAccess = (path: string): boolean => path.includes("/access/apps");
const exposes = (path: string): boolean => /\/dns_records|\/domains(\/|$)/.test(path);

test("the first up makes the applications of Access before any domain and record of a host name behind them", async () => {
  const paths = await called("POST", "up");
  expect(paths.filter(isAccess)).toHaveLength(2);
  expect(paths.filter(exposes)).toHaveLength(3);
  expect(paths.findIndex(exposes)).toBeGreaterThan(paths.findLastIndex(isAccess));
});

test("a stack whose state knows of no such order has nothing to change, and learns it by the next up", async () => {
  const file = join(project.directory, "state", ".pulumi", "stacks", "small", "shop.json");
  interface Resource {
    readonly urn: string;
    dependencies?: string[];
  }
  const read = () =>
    JSON.parse(readFileSync(file, "utf8")) as { checkpoint: { latest: { resources: Resource[] } } };
  const waiting = () =>
    read()
      .checkpoint.latest.resources.flatMap(({ urn, dependencies = [] }) =>
        dependencies.some((one) => one.endsWith("::access")) ? [urn.split("::").at(-1)] : [],
      )
      .sort();
  const known = waiting();
  expect(known).toEqual(
    expect.arrayContaining([
      "web-domain-www.example.com",
      "web-dns-www.example.com",
      "buckets-media-0-domain",
    ]),
  );
  const state = read();
  for (const resource of state.checkpoint.latest.resources) {
    resource.dependencies = (resource.dependencies ?? []).filter(
      (one) => !/ZeroTrustAccessApplication/.test(one),
    );
  }
  writeFileSync(file, JSON.stringify(state));
  expect(waiting()).toEqual([]);

  const preview = await project.run(["preview", "-s", "shop"]);
  expect(preview.stderr).toContain("nothing to change");
  expect(await called("POST", "up")).toEqual([]);
  expect(waiting()).toEqual(known);
});

test("a destroy removes the domains and records of host names before the applications in front of them", async () => {
  const paths = await called("DELETE", "destroy");
  expect(paths.filter(isAccess)).toHaveLength(2);
  expect(paths.filter(exposes)).toHaveLength(3);
  expect(paths.findIndex(isAccess)).toBeGreaterThan(paths.findLastIndex(exposes));
});
