import { randomBytes } from "node:crypto";
import { mkdir, mkdtemp, rm, symlink, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { UserError } from "../../common/user-error";
import type { PagesDeployment } from "../../automation/pages-deploy";
import { retryAfter } from "../../automation/cloudflare-api";
import { cutToBytes, deployPages, fileLimit } from "../../automation/pages-deploy";
import { collectSite, contentTypeOf, hashAsset, makeBatches } from "../../automation/pages-files";
import type { CloudflareServer } from "../../sandbox/cloudflare/server";
import { startCloudflare } from "../../sandbox/cloudflare/server";

let directory: string;
let site: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "pages-deploy-"));
  site = join(directory, "site");
  await mkdir(site);
});

afterEach(async () => {
  await rm(directory, { recursive: true, force: true });
});

async function write(files: Record<string, string | Buffer>): Promise<void> {
  for (const [name, content] of Object.entries(files)) {
    await mkdir(dirname(join(site, name)), { recursive: true });
    await writeFile(join(site, name), content);
  }
}

describe("the files of a site", () => {
  test("are named by half of blake3 over base64 and extension", () => {
    // The published values for blake3 of nothing and of "abc".
    expect(hashAsset("", "/site/LICENSE")).toBe("af1349b9f5f9a1a6a0404dea36dcc949");
    expect(hashAsset("ab", "/site/x.c")).toBe("6437b3ac38465133ffb63b75273a8db5");
    expect(hashAsset("", "a.html")).not.toBe(hashAsset("", "a.css"));
  });

  test("links, .git, node_modules and Functions are left out, special files are kept apart", async () => {
    await write({
      "index.html": "<p>",
      "sub/a b.css": "a{}",
      "sub/_headers": "an asset",
      _headers: "/*\n  A: b",
      _redirects: "/a /b",
      ".git/config": "x",
      "node_modules/x/index.js": "x",
      "sub/node_modules/y.js": "x",
      ".DS_Store": "x",
      "functions/api.js": "x",
      "_worker.js": "x",
      ".well-known/security.txt": "x",
    });
    await symlink("/etc/hostname", join(site, "link.txt"));
    await symlink(directory, join(site, "folder"));
    const said: string[] = [];
    const { files, special } = await collectSite(site, { onProgress: (line) => said.push(line) });
    expect(files.map(({ path }) => path)).toEqual([
      "/.well-known/security.txt",
      "/index.html",
      "/sub/_headers",
      "/sub/a b.css",
    ]);
    expect(special).toEqual({ _headers: "/*\n  A: b", _redirects: "/a /b" });
    expect(said.sort()).toEqual([
      "left out, Pages Functions are not deployed: _worker.js",
      "left out, Pages Functions are not deployed: functions/api.js",
    ]);
  });

  test.each([
    ["a.html", "text/html; charset=utf-8"],
    ["a.js", "text/javascript; charset=utf-8"],
    ["a.json", "application/json"],
    ["a.woff2", "font/woff2"],
    ["a.webmanifest", "application/manifest+json"],
    ["LICENSE", "application/octet-stream"],
  ])("%s is %s", (file, type) => expect(contentTypeOf(file)).toBe(type));

  test("an empty or missing folder, a large file and too many files are the user's errors", async () => {
    await expect(collectSite(site)).rejects.toThrow(/no files to deploy: .*\n {2}next: build the site first/);
    await expect(collectSite(join(site, "none"))).rejects.toThrow(/no such folder/);
    await write({ "a.html": "1", "b.html": "2", "c.html": "3" });
    await expect(collectSite(site, { maxFiles: 2 })).rejects.toThrow(
      /too many files: 3\n {2}allowed: at most 2/,
    );
    await truncate(join(site, "c.html"), 25 * 1024 * 1024 + 1);
    const refused = collectSite(site);
    await expect(refused).rejects.toBeInstanceOf(UserError);
    await expect(refused).rejects.toThrow(/\/c\.html \(25\.0 MiB\)/);
  });

  test("exactly 25 MiB is allowed", async () => {
    await write({ "big.bin": "" });
    await truncate(join(site, "big.bin"), 25 * 1024 * 1024);
    expect((await collectSite(site)).files).toHaveLength(1);
  });

  test("batches hold at most 40 MiB and 2,000 files, in order, nothing lost", () => {
    const mebibyte = 1024 * 1024;
    const sizes = [25, 25, 10, 6, 24, 15].map((size) => ({ size: size * mebibyte }));
    expect(makeBatches(sizes).map((batch) => batch.map(({ size }) => size / mebibyte))).toEqual([
      [25],
      [25, 10],
      [6, 24],
      [15],
    ]);
    expect(
      makeBatches(Array.from({ length: 4001 }, () => ({ size: 1 }))).map((batch) => batch.length),
    ).toEqual([2000, 2000, 1]);
    expect(makeBatches([])).toEqual([]);
  });
});

test.each([
  ["3", 3000],
  ["0", 0],
  [new Date(10_000).toUTCString(), 9000],
  [new Date(0).toUTCString(), 0],
  ["soon", undefined],
  ["", undefined],
  [null, undefined],
])("Retry-After %p is %p ms", (header, wait) => expect(retryAfter(header, 1000)).toBe(wait));

test("a commit message is cut at 384 bytes, between characters", () => {
  expect(cutToBytes("short", 384)).toBe("short");
  expect(cutToBytes("ä".repeat(300), 384)).toBe("ä".repeat(192));
  expect(cutToBytes(`a${"ä".repeat(300)}`, 384)).toBe(`a${"ä".repeat(191)}`);
});

test("the file limit is what the upload token claims", () => {
  const jwt = (claims: object) => `x.${Buffer.from(JSON.stringify(claims)).toString("base64url")}.y`;
  expect(fileLimit(jwt({ max_file_count_allowed: 100_000 }))).toBe(100_000);
  expect(fileLimit(jwt({}))).toBe(20_000);
  expect(fileLimit("nonsense")).toBe(20_000);
});

describe("against the sandbox's API", () => {
  const accountId = "0".repeat(29) + "0a1";
  const apiToken = randomBytes(30).toString("hex");
  let server: CloudflareServer;
  let clockAhead = 0;

  const deploy = (more: Partial<PagesDeployment> = {}) =>
    deployPages({
      apiUrl: server.url,
      apiToken,
      accountId,
      project: "streampai",
      directory: site,
      branch: "main",
      waits: { retryMs: 5, pollMs: 5 },
      ...more,
    });

  beforeEach(async () => {
    clockAhead = 0;
    const now = () => new Date(Date.now() + clockAhead);
    server = await startCloudflare({ stateDirectory: join(directory, "state"), accountId, apiToken, now });
    const made = await fetch(`${server.url}/accounts/${accountId}/pages/projects`, {
      method: "POST",
      headers: { authorization: `Bearer ${apiToken}`, "content-type": "application/json" },
      body: JSON.stringify({ name: "streampai", production_branch: "main" }),
    });
    expect(made.status).toBe(200);
  });

  afterEach(() => server.close());

  test("a site is uploaded, served from the view, and a second run uploads only what changed", async () => {
    await write({
      "index.html": "<h1>one</h1>",
      "a.css": "a{}",
      "same.css": "a{}",
      _headers: "/*\n  X-A: b\n",
    });
    const said: string[] = [];
    const first = await deploy({
      commitHash: "abc",
      commitMessage: "First",
      onProgress: (line) => said.push(line),
    });
    expect(first).toMatchObject({ uploaded: 3, unchanged: 0 });
    expect(first.url).toMatch(/^https:\/\/[0-9a-f]{8}\.streampai\.pages\.dev$/);
    expect(said).toEqual([`3 files in ${site}`, "uploaded 2 of 2 files", `deployed ${first.url}`]);

    const pages = server.view.pagesForHost("streampai.pages.dev");
    const hash = pages?.deployment?.manifest["/index.html"] ?? "";
    expect(pages?.asset(hash)).toEqual({
      body: Buffer.from("<h1>one</h1>"),
      contentType: "text/html; charset=utf-8",
    });
    expect(pages?.deployment?.headersFile).toBe("/*\n  X-A: b\n");

    expect(await deploy()).toMatchObject({ uploaded: 0, unchanged: 3 });
    await write({ "index.html": "<h1>two</h1>" });
    expect(await deploy()).toMatchObject({ uploaded: 1, unchanged: 2 });
  });

  test("429 with Retry-After, 500 and a broken connection are tried again", async () => {
    await write({ "index.html": "x" });
    server.faults.add({ path: /upload-token/, kind: 429, retryAfterSeconds: 0 });
    server.faults.add({ path: /check-missing/, kind: 500 });
    server.faults.add({ path: /assets\/upload/, kind: "cut" });
    const said: string[] = [];
    expect(await deploy({ onProgress: (line) => said.push(line) })).toMatchObject({ uploaded: 1 });
    expect(said.filter((line) => line.includes("; again in"))).toHaveLength(3);
  });

  test("an upload token that expires on the way is renewed", async () => {
    await write({ "index.html": "x" });
    const onProgress = (line: string) => {
      if (line.includes("files in")) clockAhead = 2 * 60 * 60 * 1000;
    };
    expect(await deploy({ onProgress })).toMatchObject({ uploaded: 1 });
    expect(clockAhead).toBeGreaterThan(0);
  });

  test("what stays broken is a user's error in the end, and names no token", async () => {
    await write({ "index.html": "x" });
    server.faults.add({ path: /upload-token/, kind: 500, times: 100 });
    const failed = deploy({ waits: { retryMs: 1, pollMs: 1 } });
    await expect(failed).rejects.toBeInstanceOf(UserError);
    await expect(failed).rejects.not.toThrow(new RegExp(apiToken));
  });

  test("an unknown project and a refused token say what to do", async () => {
    await write({ "index.html": "x" });
    await expect(deploy({ project: "nobody" })).rejects.toThrow(/next: bring the Pages project up first/);
    await expect(deploy({ apiToken: "a".repeat(40) })).rejects.toThrow(
      /next: give the API token the permission/,
    );
    const nowhere = deploy({ apiUrl: "http://127.0.0.1:1/client/v4", waits: { retryMs: 1 } });
    await expect(nowhere).rejects.toThrow(/cannot be reached: http:\/\/127\.0\.0\.1:1/);
  });
});
