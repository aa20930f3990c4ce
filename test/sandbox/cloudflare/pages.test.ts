import { blake3 } from "@noble/hashes/blake3";
import { bytesToHex } from "@noble/hashes/utils";
import { type Bench, accountId, collect, startBench } from "./support";

let bench: Bench;
beforeAll(async () => {
  bench = await startBench();
});
afterAll(() => bench.close());

const account = { account_id: accountId };

/** The content hash as wrangler computes it. */
function hashOf(content: string, extension: string): string {
  const base64 = Buffer.from(content).toString("base64");
  return bytesToHex(blake3(base64 + extension)).slice(0, 32);
}

/** Uploads files by the direct upload protocol and deploys them. */
async function deploy(
  project: string,
  files: Record<string, string>,
  form: Record<string, string | File> = {},
): Promise<string> {
  const base = `/accounts/${accountId}/pages/projects/${project}`;
  const { jwt } = (await bench.send("GET", `${base}/upload-token`)).body.result as { jwt: string };
  const headers = { authorization: `Bearer ${jwt}` };
  const manifest = Object.fromEntries(
    Object.entries(files).map(([path, text]) => [path, hashOf(text, path.slice(path.lastIndexOf(".") + 1))]),
  );
  const hashes = Object.values(manifest);
  const missing = await bench.send("POST", "/pages/assets/check-missing", { hashes }, headers);
  const upload = Object.entries(files)
    .filter(([path]) => (missing.body.result as string[]).includes(manifest[path]!))
    .map(([path, text]) => ({
      key: manifest[path]!,
      value: Buffer.from(text).toString("base64"),
      base64: true,
      metadata: { contentType: path.endsWith(".html") ? "text/html" : "text/plain" },
    }));
  expect((await bench.send("POST", "/pages/assets/upload", upload, headers)).status).toBe(200);
  expect((await bench.send("POST", "/pages/assets/upsert-hashes", { hashes }, headers)).status).toBe(200);
  const deployment = await bench.client.pages.projects.deployments.create(project, {
    ...account,
    manifest: JSON.stringify(manifest),
    ...form,
  });
  return deployment.id;
}

describe("Pages projects", () => {
  it("are created, read, changed variable by variable, listed and deleted", async () => {
    const { projects } = bench.client.pages;
    const project = await projects.create({
      ...account,
      name: "web",
      production_branch: "main",
      deployment_configs: {
        production: {
          env_vars: {
            API: { type: "plain_text", value: "1" },
            KEY: { type: "secret_text", value: "hidden" },
          },
        },
      },
    });
    expect(project).toMatchObject({
      name: "web",
      subdomain: "web.pages.dev",
      domains: ["web.pages.dev"],
      canonical_deployment: null,
    });
    expect(project.deployment_configs.production).toMatchObject({
      fail_open: true,
      env_vars: { API: { type: "plain_text", value: "1" }, KEY: { type: "secret_text", value: "" } },
    });
    const changed = await bench.send("PATCH", `/accounts/${accountId}/pages/projects/web`, {
      deployment_configs: { production: { env_vars: { API: { value: "2" }, KEY: null } } },
    });
    expect(changed.body.result).toHaveProperty("deployment_configs.production.env_vars", {
      API: { type: "plain_text", value: "2" },
    });
    expect(await collect(projects.list(account))).toMatchObject([{ name: "web" }]);
    await projects.delete("web", account);
    await expect(projects.get("web", account)).rejects.toMatchObject({ status: 404 });
  });
});

describe("Pages domains", () => {
  it("become active when, and stay so as long as, the zone has a CNAME to the project", async () => {
    const { projects } = bench.client.pages;
    await projects.create({ ...account, name: "site", production_branch: "main" });
    const made = await projects.domains.create("site", { ...account, name: "www.example.com" });
    expect(made.status).toBe("initializing");
    const look = async (): Promise<string> =>
      (await projects.domains.get("www.example.com", { ...account, project_name: "site" })).status;
    expect(await look()).toBe("pending");
    expect(bench.server.view.pagesForHost("www.example.com")).toBeUndefined();
    const record = await bench.client.dns.records.create({
      zone_id: bench.zoneId,
      name: "www.example.com",
      type: "CNAME",
      content: "site.pages.dev",
      proxied: true,
      ttl: 1,
    });
    expect(await look()).toBe("active");
    expect(bench.server.view.pagesForHost("www.example.com")?.project).toBe("site");
    await bench.client.dns.records.delete(record.id, { zone_id: bench.zoneId });
    expect(await look()).toBe("deactivated");
    expect(await collect(projects.domains.list("site", account))).toMatchObject([
      { name: "www.example.com" },
    ]);
    await expect(projects.delete("site", account)).rejects.toMatchObject({ status: 409 });
    await projects.domains.delete("www.example.com", { ...account, project_name: "site" });
    await projects.delete("site", account);
  });
});

describe("Pages deployments", () => {
  beforeAll(async () => {
    await bench.client.pages.projects.create({ ...account, name: "app", production_branch: "main" });
  });

  it("by direct upload serve their files, and only missing ones are asked for again", async () => {
    const { deployments } = bench.client.pages.projects;
    const id = await deploy(
      "app",
      { "/index.html": "<h1>one</h1>", "/a.txt": "same" },
      { branch: "main", commit_hash: "abc", commit_message: "first" },
    );
    const done = await deployments.get(id, { ...account, project_name: "app" });
    expect(done).toMatchObject({
      environment: "production",
      latest_stage: { name: "deploy", status: "success" },
    });
    const served = bench.server.view.pagesForHost("app.pages.dev")!;
    expect(served.deployment?.id).toBe(id);
    const asset = served.asset(served.deployment!.manifest["/index.html"]!);
    expect(asset?.body.toString()).toBe("<h1>one</h1>");
    expect(asset?.contentType).toBe("text/html");
    const { jwt } = (await bench.send("GET", `/accounts/${accountId}/pages/projects/app/upload-token`)).body
      .result as { jwt: string };
    const hashes = [hashOf("same", "txt"), hashOf("new", "txt")];
    const missing = await bench.send(
      "POST",
      "/pages/assets/check-missing",
      { hashes },
      { authorization: `Bearer ${jwt}` },
    );
    expect(missing.body.result).toEqual([hashes[1]]);
    const claims = JSON.parse(Buffer.from(jwt.split(".")[1]!, "base64url").toString()) as Record<
      string,
      unknown
    >;
    expect(claims["max_file_count_allowed"]).toBe(20_000);
  });

  it("of another branch are previews with an alias; logs, retry and deletion work on them", async () => {
    const { deployments } = bench.client.pages.projects;
    const project = { ...account, project_name: "app" };
    const id = await deploy("app", { "/index.html": "preview" }, { branch: "feature/Login" });
    const preview = await deployments.get(id, project);
    expect(preview).toMatchObject({
      environment: "preview",
      aliases: ["https://feature-login.app.pages.dev"],
    });
    expect(bench.server.view.pagesForHost("feature-login.app.pages.dev")?.deployment?.id).toBe(id);
    expect(bench.server.view.pagesForHost(`${preview.short_id}.app.pages.dev`)?.deployment?.id).toBe(id);
    expect((await deployments.history.logs.get(id, project)).data).toHaveLength(2);
    const again = await deployments.retry(id, project);
    expect(again.id).not.toBe(id);
    expect(await collect(deployments.list("app", { ...account, env: "preview" }))).toMatchObject([
      { id: again.id },
      { id },
    ]);
    await deployments.delete(id, project);
    await expect(deployments.delete(again.id, project)).rejects.toMatchObject({ status: 400 });
    await deployments.delete(again.id, { ...project, force: true });
  });

  it("are rolled back to an earlier one of production", async () => {
    const { deployments } = bench.client.pages.projects;
    const first = bench.server.view.pagesForHost("app.pages.dev")!.deployment!.id;
    const second = await deploy("app", { "/index.html": "two" }, { branch: "main" });
    expect(bench.server.view.pagesForHost("app.pages.dev")?.deployment?.id).toBe(second);
    await deployments.rollback(first, { ...account, project_name: "app", body: {} } as never);
    expect(bench.server.view.pagesForHost("app.pages.dev")?.deployment?.id).toBe(first);
  });

  it("whose files were never uploaded fail, say which, and change nothing", async () => {
    const { deployments } = bench.client.pages.projects;
    const before = bench.server.view.pagesForHost("app.pages.dev")?.deployment?.id;
    const { id } = await deployments.create("app", {
      ...account,
      branch: "main",
      manifest: JSON.stringify({ "/lost.txt": "0".repeat(32) }),
    });
    const failed = await deployments.get(id, { ...account, project_name: "app" });
    expect(failed.latest_stage).toMatchObject({ name: "deploy", status: "failure" });
    const logs = await deployments.history.logs.get(id, { ...account, project_name: "app" });
    expect(JSON.stringify(logs.data)).toContain("/lost.txt");
    expect(bench.server.view.pagesForHost("app.pages.dev")?.deployment?.id).toBe(before);
  });

  it("carry the _headers and _redirects files that came with them", async () => {
    const id = await deploy(
      "app",
      { "/index.html": "three" },
      {
        branch: "main",
        _headers: new File(["/*\n  X-A: b"], "_headers"),
        _redirects: new File(["/old /new 301"], "_redirects"),
      },
    );
    expect(bench.server.view.pagesForHost("app.pages.dev")?.deployment).toMatchObject({
      id,
      headersFile: "/*\n  X-A: b",
      redirectsFile: "/old /new 301",
    });
  });
});
