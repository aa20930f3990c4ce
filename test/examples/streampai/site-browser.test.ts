import { randomBytes } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Browser, Page } from "playwright-core";
import { projectRoot } from "../../../common/project-root";
import { buildSite } from "../../../examples/streampai/build-site";
import { startApi, type RunningApi } from "../../../examples/streampai/api/api";
import { migrate, readMigrations } from "../../../examples/streampai/api/migrations";
import { browserTest, findChromium, launchBrowser } from "../../support/browser";
import { startPostgres, type TestPostgres } from "../../support/postgres";

const types: Record<string, string> = {
  html: "text/html",
  js: "text/javascript",
  css: "text/css",
  svg: "image/svg+xml",
};
const silent = { info: () => undefined, warn: () => undefined, error: () => undefined };

describe("the sample site in a browser", () => {
  const available = findChromium() !== undefined;
  let postgres: TestPostgres;
  let databaseUrl: string;
  let browser: Browser;
  let folder: string;
  let files: Server;
  let siteUrl: string;
  let api: RunningApi;
  let problems: string[] = [];

  beforeAll(async () => {
    if (!available) return;
    browser = await launchBrowser();
    postgres = await startPostgres();
    databaseUrl = await postgres.createDatabase();
    const migrations = readMigrations(join(projectRoot(), "examples", "streampai", "api", "migrations"));
    await migrate({ databaseUrl, migrations });
    folder = mkdtempSync(join(tmpdir(), "groundwork-site-"));
    files = createServer((request, response) => {
      const path = request.url === "/" || request.url === "/chat" ? "/index.html" : (request.url ?? "/");
      // What Pages reads of `_headers` for every path.
      const policy = /Content-Security-Policy: (.*)/.exec(
        readFileSync(join(folder, "_headers"), "utf8"),
      )![1]!;
      response.writeHead(200, {
        "content-type": types[path.split(".").at(-1)!]!,
        "content-security-policy": policy,
      });
      response.end(readFileSync(join(folder, path)));
    });
    await new Promise<void>((resolve) => files.listen(0, "127.0.0.1", resolve));
    siteUrl = `http://localhost:${(files.address() as AddressInfo).port}`;
    api = await start(0);
    buildSite({ outDirectory: folder, apiUrl: `http://localhost:${api.port}` });
  }, 60_000);
  beforeEach(() => (problems = []));
  afterAll(async () => {
    await browser?.close();
    await api?.close();
    files?.closeAllConnections();
    files?.close();
    await postgres?.remove();
    if (folder !== undefined) rmSync(folder, { recursive: true, force: true });
  });

  function start(port: number): Promise<RunningApi> {
    const config = {
      port,
      tls: undefined,
      host: "127.0.0.1",
      databaseUrl,
      secretKeyBase: randomBytes(32).toString("hex"),
      corsOrigins: [siteUrl],
      cookieDomain: undefined,
      release: "in-a-browser",
      drainSeconds: 2,
    };
    return startApi(config, silent);
  }

  async function open(path = "/"): Promise<Page> {
    const context = await browser.newContext({ viewport: { width: 420, height: 800 } });
    const page = await context.newPage();
    page.on("console", (message) => {
      if (message.type() === "error") problems.push(message.text());
    });
    page.on("pageerror", (error) => problems.push(String(error)));
    await page.goto(siteUrl + path);
    await page.waitForSelector('#status[data-state="live"]', { timeout: 10_000 });
    return page;
  }

  async function say(page: Page, author: string, body: string): Promise<void> {
    await page.fill("#author", author);
    await page.fill("#body", body);
    await page.keyboard.press("Enter");
  }

  browserTest("brings what one says to the other at once, as text", async () => {
    const [ada, bob] = [await open(), await open("/chat")];
    expect(await bob.locator("#empty").isVisible()).toBe(true);
    await say(ada, "Ada", '<img src=x onerror="alert(1)"> hello');
    const seen = bob.locator(".messages li", { hasText: "hello" });
    await seen.waitFor({ timeout: 5000 });
    expect(await seen.innerText()).toContain('<img src=x onerror="alert(1)"> hello');
    expect(await ada.locator(".messages li.mine").count()).toBe(1);
    expect(await bob.locator(".messages li.mine").count()).toBe(0);
    expect(await bob.locator("#release").innerText()).toBe("in-a-browser");
    expect(await ada.inputValue("#body")).toBe("");
    // The session's cookie is the same the next time, so one's own messages are still one's own.
    await ada.reload();
    await ada.locator(".messages li.mine").waitFor({ timeout: 5000 });
    expect(problems).toEqual([]);
  });

  browserTest("says what is wrong with a message, by name", async () => {
    const page = await open();
    await say(page, "", "x");
    await page.locator("#problem", { hasText: "Name must not be empty." }).waitFor({ timeout: 5000 });
    expect(await page.getAttribute("#author", "aria-invalid")).toBe("true");
    expect(await page.getAttribute("#body", "aria-invalid")).toBe("false");
  });

  browserTest("comes back by itself after a restart, and misses nothing", async () => {
    const page = await open();
    const { port } = api;
    expect(await api.drain()).toBe(true);
    await page.waitForSelector('#status:not([data-state="live"])', { timeout: 5000 });
    const client = await postgres.query(
      new URL(databaseUrl).pathname.slice(1),
      "insert into messages (author, body, session) values ('elsewhere', 'while it was away', 'x') returning id",
    );
    expect(client).toHaveLength(1);
    api = await start(port);
    await page.waitForSelector('#status[data-state="live"]', { timeout: 20_000 });
    await page.locator(".messages li", { hasText: "while it was away" }).waitFor({ timeout: 5000 });
  });

  browserTest("fits a narrow window, and a wide one", async () => {
    const page = await open();
    for (const width of [320, 1600]) {
      await page.setViewportSize({ width, height: 700 });
      const overflow = await page.evaluate(
        "document.documentElement.scrollWidth - document.documentElement.clientWidth",
      );
      expect([width, overflow]).toEqual([width, 0]);
    }
  });
});
