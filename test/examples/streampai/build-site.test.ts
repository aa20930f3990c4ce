import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { UserError } from "../../../common/user-error";
import { buildSite } from "../../../examples/streampai/build-site";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "groundwork-site-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const read = (name: string) => readFileSync(join(folder, name), "utf8");

describe("buildSite", () => {
  it("writes a page whose every reference exists, with hashed assets and no 404.html", () => {
    const files = buildSite({ outDirectory: folder, apiUrl: "https://api.streampai.com" });
    expect(files).toEqual([
      "_headers",
      expect.stringMatching(/^assets\/app\.[0-9a-f]{10}\.js$/),
      expect.stringMatching(/^assets\/style\.[0-9a-f]{10}\.css$/),
      "favicon.svg",
      "index.html",
    ]);
    const page = read("index.html");
    expect(page).toContain('<meta name="api-url" content="https://api.streampai.com" />');
    const references = [...page.matchAll(/(?:src|href)="(\/[^"]+)"/g)].map(([, path]) => path!);
    expect(references.length).toBeGreaterThan(2);
    for (const path of references) expect(existsSync(join(folder, path))).toBe(true);
    // Beside `_headers`, which has no dot: nothing that was not said.
    expect(
      readdirSync(folder, { recursive: true })
        .map(String)
        .filter((name) => name.includes(".")),
    ).toHaveLength(4);
    expect(page + read("_headers")).not.toMatch(/%[A-Z_]+%/);
  });

  it("allows exactly the API in the Content-Security-Policy, and nothing inline", () => {
    buildSite({ outDirectory: folder, apiUrl: "https://api.streampai.localhost:8443/" });
    const policy = /Content-Security-Policy: (.*)/.exec(read("_headers"))![1]!;
    expect(policy).toContain(
      "connect-src 'self' https://api.streampai.localhost:8443 wss://api.streampai.localhost:8443;",
    );
    expect(policy).toContain("default-src 'none'");
    expect(policy).not.toContain("unsafe");
    expect(read("index.html")).not.toMatch(/<script(?![^>]*src=)|\sstyle=|\son[a-z]+=/);
  });

  it("gives the same bytes for the same address, and keeps nothing of an earlier build", () => {
    const first = buildSite({ outDirectory: folder, apiUrl: "https://api.a.example" });
    const contents = first.map(read);
    writeFileSync(join(folder, "404.html"), "old");
    expect(buildSite({ outDirectory: folder, apiUrl: "https://api.a.example" })).toEqual(first);
    expect(first.map(read)).toEqual(contents);
    expect(existsSync(join(folder, "404.html"))).toBe(false);
  });

  it.each([
    "api.streampai.com",
    "ftp://api.streampai.com",
    "https://a.example/api",
    "https://u:p@a.example",
    "",
  ])("refuses %j as the API's address", (apiUrl) => {
    writeFileSync(join(folder, "kept"), "");
    expect(() => buildSite({ outDirectory: folder, apiUrl })).toThrow(UserError);
    expect(existsSync(join(folder, "kept"))).toBe(true);
  });
});
