import { SmallProject } from "../support/small-project";

// What Cloudflare has once: it is made anew only when the old one is gone.
jest.setTimeout(200_000);

let project: SmallProject;

beforeAll(async () => {
  project = await SmallProject.start();
});
afterAll(() => project.end());

/** One bucket and one site, both with a host name that stays. */
function describeOnce(bucket: Readonly<Record<string, unknown>>, site: string): void {
  project.describe("shop", 0, "media", {
    "groundwork:sites": { web: { project: site, productionBranch: "main", hostnames: ["www.example.com"] } },
    "groundwork:buckets": { media: { customDomain: "media.example.com", ...bucket } },
  });
}

async function domainsOf(bucket: string, jurisdiction: string): Promise<unknown> {
  const url = `${project.variables["CLOUDFLARE_BASE_URL"] ?? ""}${project.accountPath}/r2/buckets/${bucket}/domains/custom`;
  const response = await fetch(url, {
    headers: { authorization: `Bearer ${project.apiToken}`, "cf-r2-jurisdiction": jurisdiction },
  });
  return ((await response.json()) as { result: unknown }).result;
}

test("a renamed bucket and a renamed site keep their host names, and so does a bucket that moves", async () => {
  const up = async (): Promise<void> => {
    const { code, all } = await project.run(["up", "-s", "shop"]);
    if (code !== 0) throw new Error(all);
  };
  describeOnce({ name: "shop-media" }, "shop-web");
  await up();

  describeOnce({ name: "shop-files" }, "shop-pages");
  await up();
  expect(await project.api("GET", `${project.accountPath}/pages/projects/shop-pages/domains`)).toMatchObject([
    { name: "www.example.com" },
  ]);
  expect(await domainsOf("shop-files", "default")).toMatchObject({
    domains: [{ domain: "media.example.com" }],
  });

  describeOnce({ name: "shop-files", jurisdiction: "eu" }, "shop-pages");
  await up();
  expect(await domainsOf("shop-files", "eu")).toMatchObject({ domains: [{ domain: "media.example.com" }] });
});
