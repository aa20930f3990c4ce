import { writeFileSync } from "node:fs";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Browser, Page } from "playwright-core";
import { modelFromDeployment } from "../../../sandbox/page/deployment";
import type { EnvironmentModel } from "../../../sandbox/page/model";
import { renderEnvironmentPage } from "../../../sandbox/page/page";
import { serveEnvironmentPage } from "../../../sandbox/page/server";
import { browserTest, findChromium, launchBrowser } from "../../support/browser";
import { canary, sampleOutputs, sampleResources } from "./sample-deployment";

const model = modelFromDeployment({
  stack: "staging",
  resources: sampleResources(),
  outputs: sampleOutputs,
  addresses: [
    { label: "sites.web", url: "https://staging.streampai.com", state: "ok", detail: "200 in 9 ms" },
    { label: "origins.api", url: "https://api-staging.streampai.com", state: "failed", detail: "502" },
  ],
  lastUpdate: {
    kind: "update",
    result: "succeeded",
    startedAt: "2026-01-01T10:00:00Z",
    endedAt: "2026-01-01T10:00:42Z",
    changes: { create: 57 },
  },
});

describe("the page in a browser", () => {
  let browser: Browser | undefined;
  let folder: string;
  let problems: string[];

  beforeAll(async () => {
    // Without one each test says why it does not run.
    if (findChromium() !== undefined) browser = await launchBrowser();
    folder = mkdtempSync(join(tmpdir(), "groundwork-page-"));
  }, 60_000);
  beforeEach(() => {
    problems = [];
  });
  afterAll(async () => {
    await browser?.close();
    rmSync(folder, { recursive: true, force: true });
  });

  async function open(options: { width?: number; url?: string; dark?: boolean } = {}): Promise<Page> {
    const page = await browser!.newPage({
      viewport: { width: options.width ?? 1400, height: 900 },
      colorScheme: options.dark === true ? "dark" : "light",
      reducedMotion: "reduce",
    });
    page.on("console", (message) => {
      if (message.type() === "error" || message.type() === "warning") problems.push(message.text());
    });
    page.on("pageerror", (error) => problems.push(String(error)));
    page.on("request", (request) => {
      if (!request.url().startsWith(options.url ?? "file:") && !request.url().startsWith("data:")) {
        problems.push(`asked for ${request.url()}`);
      }
    });
    if (options.url === undefined) {
      const file = join(folder, "page.html");
      writeFileSync(file, renderEnvironmentPage(model));
      await page.goto(`file://${file}`);
    } else await page.goto(options.url);
    return page;
  }

  const visibleRows = (page: Page) => page.locator(".group li:visible").count();

  browserTest("draws every part and every line between them, with links that lead there", async () => {
    const page = await open();
    expect(await page.title()).toBe("staging · groundwork");
    const drawn = await texts(page, "[data-node]", "dataset.node");
    expect([...drawn].sort()).toEqual(model.nodes.map(({ id }) => id).sort());
    for (const { title, facts } of model.nodes) {
      expect(await page.locator(".drawing").innerText()).toContain(title);
      for (const fact of facts) expect(await page.locator(".drawing").innerText()).toContain(fact);
    }
    expect(await page.locator("svg.lines path").count()).toBe(model.links.length);
    const lengths = await texts(page, "svg.lines path", "getTotalLength()");
    expect(Math.min(...lengths.map(Number))).toBeGreaterThan(5);
    const links = await texts(page, "h3 a, .addresses a", "href");
    expect(links.sort()).toEqual([
      "https://api-staging.streampai.com/",
      "https://api-staging.streampai.com/",
      "https://staging.streampai.com/",
      "https://staging.streampai.com/",
    ]);
    expect(await page.locator(".roles").innerText()).toContain("streampai_migrator");
    expect(await page.locator(".update").innerText()).toContain("57 created");
    expect(await visibleRows(page)).toBe(model.resources.length);
    expect(await page.content()).not.toContain(canary);
    expect(problems).toEqual([]);
  });

  browserTest("finds resources by words, state and part", async () => {
    const page = await open();
    await page.fill("#find", "dnsrecord staging.streampai");
    expect(await visibleRows(page)).toBe(2);
    expect(await page.locator("#count").innerText()).toBe(`2 of ${model.resources.length}`);
    await page.fill("#find", "no such thing");
    expect(await visibleRows(page)).toBe(0);
    expect(await page.locator("#no-match").isVisible()).toBe(true);
    await page.click("#clear");
    expect(await visibleRows(page)).toBe(model.resources.length);
    await page.selectOption("#state", "failed");
    expect(await visibleRows(page)).toBe(0);
    await page.keyboard.press("Escape");
    expect(await visibleRows(page)).toBe(model.resources.length);
    await page.click('[data-node="database:main"] .show');
    expect(await visibleRows(page)).toBe(6);
    expect(await page.locator("#count").innerText()).toContain("only main");
    await page.click('[data-node="database:main"] .show');
    expect(await visibleRows(page)).toBe(model.resources.length);
    expect(problems).toEqual([]);
  });

  browserTest("works by keyboard alone", async () => {
    const page = await open();
    await page.keyboard.press("Tab");
    expect(await page.locator(".skip:focus").count()).toBe(1);
    await page.keyboard.press("Enter");
    await page.keyboard.type("rollout");
    expect(await visibleRows(page)).toBe(1);
    await page.keyboard.press("Escape");
    expect(await visibleRows(page)).toBe(model.resources.length);
    await page.locator('[data-node="edge"] .show').focus();
    await page.keyboard.press("/");
    expect(await page.locator("#find:focus").count()).toBe(1);
    await page.locator('[data-node="origin:api"] a').focus();
    const lit = await page.locator(".card.lit h3").allInnerTexts();
    expect(lit.sort()).toEqual(
      [
        ...["Access", "Cloudflare", "api", "api", "live-inputs", "streampai"],
        ...["streampai-avatars-staging", "streampai-media-staging", "streampai-recordings-staging"],
      ].sort(),
    );
    const summary = page.locator("summary").first();
    await summary.focus();
    await page.keyboard.press("Enter");
    expect(await page.locator("details").first().getAttribute("open")).toBeNull();
    expect(problems).toEqual([]);
  });

  for (const width of [320, 390, 760, 1000, 1400, 2200])
    browserTest(`fits a window of ${width}`, async () => {
      const page = await open({ width });
      const overflow = await page.evaluate(
        "document.documentElement.scrollWidth - document.documentElement.clientWidth",
      );
      expect(overflow).toBe(0);
      const overlapping = await page.evaluate(overlapCheck);
      expect(overlapping).toEqual([]);
      expect(await page.locator("svg.lines path").count()).toBe(model.links.length);
      await page.close();
    });

  for (const dark of [false, true])
    browserTest(`is readable, ${dark ? "dark" : "light"}`, async () => {
      const page = await open({ dark });
      const low = await page.evaluate(contrastCheck);
      expect(low).toEqual([]);
    });

  browserTest("keeps the colours that were chosen", async () => {
    const page = await open();
    const ground = () => page.evaluate("getComputedStyle(document.body).backgroundColor");
    const light = await ground();
    await page.click("#theme");
    expect(await page.locator("#theme").getAttribute("aria-label")).toBe("Colours: dark");
    expect(await ground()).not.toBe(light);
    await page.click("#theme");
    expect(await ground()).toBe(light);
  });

  browserTest("follows the environment as it changes, and keeps what the reader is doing", async () => {
    let current: EnvironmentModel = modelFromDeployment({ stack: "staging", resources: [] });
    const server = await serveEnvironmentPage({ model: () => Promise.resolve(current) });
    const page = await open({ url: server.url });
    try {
      expect(await page.locator("main").innerText()).toContain("Nothing is deployed in staging.");
      current = model;
      await page.waitForSelector('[data-node="origin:api"]', { timeout: 5000 });
      await page.locator("details").last().locator("summary").click();
      await page.fill("#find", "zone-ssl");
      current = { ...model, stack: "staging-2", state: "failed" };
      await page.waitForSelector("h1:text-is('staging-2')", { timeout: 5000 });
      expect(await page.inputValue("#find")).toBe("zone-ssl");
      expect(await page.locator("#find:focus").count()).toBe(1);
      expect(await visibleRows(page)).toBe(1);
      expect(await page.locator("details").last().getAttribute("open")).toBeNull();
      expect(problems).toEqual([]);
    } finally {
      await server.close();
    }
    // The sandbox has gone: the page says so instead of pretending.
    await page.waitForSelector("body.away", { timeout: 5000 });
    await page.close();
  });
});

/** A property of each element that fits, as text. */
function texts(page: Page, selector: string, property: string): Promise<string[]> {
  return page.evaluate(
    `[...document.querySelectorAll(${JSON.stringify(selector)})].map((each) => String(each.${property}))`,
  );
}

/** Pairs of cards that lie over each other. */
const overlapCheck = `(() => {
  const boxes = [...document.querySelectorAll(".card")].map((card) => [card.dataset.node, card.getBoundingClientRect()]);
  return boxes.flatMap(([name, a], index) =>
    boxes
      .slice(index + 1)
      .filter(([, b]) => a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom)
      .map(([other]) => [name, other]),
  );
})()`;

/** Texts whose contrast against what is behind them is below 4.5 to 1, as a browser computes colours. */
const contrastCheck = String.raw`(() => {
  const channels = (text) => (text.match(/[\d.]+/g) ?? []).map(Number);
  const luminance = ([r, g, b]) => {
    const [x, y, z] = [r, g, b].map((value) => (value / 255 <= 0.03928 ? value / 255 / 12.92 : ((value / 255 + 0.055) / 1.055) ** 2.4));
    return 0.2126 * x + 0.7152 * y + 0.0722 * z;
  };
  const behind = (element) => {
    for (let each = element; each; each = each.parentElement) {
      const colour = channels(getComputedStyle(each).backgroundColor);
      if (colour.length === 3 || colour[3] === 1) return colour;
    }
    return [255, 255, 255];
  };
  const low = [];
  for (const element of document.querySelectorAll("h1, h2, h3, li, p, td, th, small, code, a, button, .kind, .type, .about, .pill, .number")) {
    if (![...element.childNodes].some((node) => node.nodeType === 3 && node.textContent.trim())) continue;
    const [a, b] = [luminance(channels(getComputedStyle(element).color)), luminance(behind(element))];
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (ratio < 4.5) low.push(element.className + " " + element.textContent.trim().slice(0, 30) + " " + ratio.toFixed(2));
  }
  return [...new Set(low)];
})()`;
