import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { brotliDecompressSync } from "node:zlib";
import { echo, makeSite, World } from "../fixture";

const run = promisify(execFile);
const host = "streampai.localhost";
const page = `<!doctype html><title>Streampai</title>${"<p>hello</p>".repeat(20)}`;
const files = {
  "/index.html": page,
  "/about.html": "<h1>About</h1>",
  "/a b.txt": "space",
  "/app.js": "console.log(1)",
  "/video.bin": Buffer.from(Array.from({ length: 1000 }, (_, index) => index % 256)),
  _headers: "/app.js\n  Cache-Control: public, max-age=600\n",
  _redirects: "/old /about 301\n/q/* /about?x=1\n/spa/* /about 200\n/told/* /about.html 200\n",
};
let world: World;

beforeEach(async () => {
  world = await World.start();
  world.account.records.push({ type: "CNAME", name: host, content: "streampai.pages.dev", proxied: true });
  world.account.pages[host] = makeSite(files);
  world.account.pages["streampai.pages.dev"] = makeSite(files);
});

afterEach(async () => {
  await world.close();
});

test("a file is answered with the headers of Pages", async () => {
  const answer = await world.fetch("https", host, "/");
  expect([answer.status, answer.text]).toEqual([200, page]);
  expect(answer.headers).toMatchObject({
    "content-type": "text/html; charset=utf-8",
    "cache-control": "public, max-age=0, must-revalidate",
    "access-control-allow-origin": "*",
    "x-content-type-options": "nosniff",
    "referrer-policy": "strict-origin-when-cross-origin",
    server: "cloudflare",
  });
  expect((await world.fetch("https", host, "/a%20b.txt")).text).toBe("space");
});

test("its tag brings a 304, compressed or not, and another tag the file", async () => {
  const plain = await world.fetch("https", host, "/");
  const small = await world.fetch("https", host, "/", { headers: { "accept-encoding": "br" } });
  expect(brotliDecompressSync(small.bytes).toString()).toBe(page);
  expect(small.headers["etag"]).toBe(`W/${String(plain.headers["etag"])}`);
  for (const tag of [
    plain.headers["etag"],
    small.headers["etag"],
    `"x", ${String(plain.headers["etag"])}`,
    "*",
  ]) {
    const again = await world.fetch("https", host, "/", { headers: { "if-none-match": String(tag) } });
    expect([again.status, again.text, again.headers["etag"]]).toEqual([304, "", plain.headers["etag"]]);
  }
  expect((await world.fetch("https", host, "/", { headers: { "if-none-match": '"x"' } })).status).toBe(200);
});

test("ranges", async () => {
  const ask = (range: string, more = {}) =>
    world.fetch("https", host, "/video.bin", { headers: { range, ...more } });
  const part = await ask("bytes=10-19");
  expect([part.status, part.headers["content-range"], [...part.bytes]]).toEqual([
    206,
    "bytes 10-19/1000",
    [10, 11, 12, 13, 14, 15, 16, 17, 18, 19],
  ]);
  expect((await ask("bytes=2000-")).status).toBe(416);
  const tag = String(part.headers["etag"]);
  expect((await ask("bytes=0-1", { "if-range": tag })).status).toBe(206);
  expect((await ask("bytes=0-1", { "if-range": '"old"' })).status).toBe(200);
});

test("redirects, rewrites and header files are followed", async () => {
  const at = async (path: string) => {
    const answer = await world.fetch("https", host, path);
    return [answer.status, answer.headers["location"] ?? answer.text];
  };
  expect(await at("/old?a=b")).toEqual([301, "/about?a=b"]);
  expect(await at("/q/z?a=b")).toEqual([302, "/about?x=1"]);
  expect(await at("/spa/deep/er")).toEqual([200, "<h1>About</h1>"]);
  expect(await at("/told/deep")).toEqual([308, "/about"]);
  expect(await at("/about.html?x=y")).toEqual([308, "/about?x=y"]);
  expect(await at("/nothing/here")).toEqual([200, page]);
  expect((await world.fetch("https", host, "/app.js")).headers["cache-control"]).toBe("public, max-age=600");
});

test("a path cannot leave the site or break the server", async () => {
  const site = world.url("http", host);
  for (const path of ["%2e%2e/%2e%2e/etc/passwd", "..%2f..%2fetc/passwd", "__proto__", "constructor"]) {
    const { stdout } = await run("curl", ["-sS", "--path-as-is", "-w", " %{http_code}", site + path]);
    expect(stdout).toBe(`${page} 200`);
  }
  const { stdout } = await run("curl", ["-sS", "-w", "%{http_code}", `${site}%ff`]);
  expect(stdout).toBe("Bad Request\n400");
});

test("HEAD has the headers and no body, other methods are refused", async () => {
  const head = await world.fetch("https", host, "/", { method: "HEAD" });
  expect([head.status, head.text, head.headers["content-length"]]).toEqual([200, "", String(page.length)]);
  const post = await world.fetch("https", host, "/", { method: "POST", body: "x" });
  expect([post.status, post.headers["allow"]]).toEqual([405, "GET, HEAD"]);
});

test("404.html is answered with 404 and is not kept by browsers", async () => {
  const headers = "/*\n  Cache-Control: public, max-age=31536000, immutable\n";
  world.account.pages[host] = makeSite({ ...files, "/404.html": "<h1>Lost</h1>", _headers: headers });
  const answer = await world.fetch("https", host, "/nothing");
  expect([answer.status, answer.text, answer.headers["cache-control"], answer.headers["etag"]]).toEqual([
    404,
    "<h1>Lost</h1>",
    "no-store",
    undefined,
  ]);
});

test("a new deployment is served at the next request", async () => {
  const before = await world.fetch("https", host, "/");
  world.account.pages[host] = makeSite({ "/index.html": "<h1>Two</h1>" });
  const tag = String(before.headers["etag"]);
  const after = await world.fetch("https", host, "/", { headers: { "if-none-match": tag } });
  expect([after.status, after.text]).toEqual([200, "<h1>Two</h1>"]);
});

test("a project without a deployment, one whose domain is missing, and previews on pages.dev", async () => {
  world.account.pages[host] = { project: "streampai", asset: () => undefined };
  const nothing = await world.fetch("https", host);
  expect([nothing.status, nothing.text.includes("no deployment")]).toEqual([404, true]);

  delete world.account.pages[host];
  expect((await world.fetch("https", host)).status).toBe(522);

  const own = await world.fetch("https", "streampai.pages.dev");
  expect([own.status, own.headers["x-robots-tag"]]).toEqual([200, undefined]);
  world.account.pages["pr-1.streampai.pages.dev"] = makeSite(files);
  expect((await world.fetch("https", "pr-1.streampai.pages.dev")).headers["x-robots-tag"]).toBe("noindex");
});

test("a record that leads elsewhere wins over the project's domain", async () => {
  world.account.records.length = 0;
  expect((await world.fetch("http", host)).text).toContain("has no A, AAAA or CNAME record");
  world.account.records.push({ type: "A", name: host, content: "203.0.113.10", proxied: true });
  await world.origin(echo);
  expect((await world.fetch("http", host, "/x")).text).toContain('"url":"/x"');
});
