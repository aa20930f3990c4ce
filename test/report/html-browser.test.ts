import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import type { Browser, Page } from "playwright-core";
import { reportHtml } from "../../report/html/page";
import type { Report } from "../../report/model";
import { browserTest, findChromium, launchBrowser } from "../support/browser";
import { planned, realPreview, reportOf } from "./events";

interface Rectangle {
  readonly left: number;
  readonly right: number;
  readonly top: number;
  readonly bottom: number;
}

let browser: Browser | undefined;
let folder: string;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "gw-report-"));
  if (findChromium() !== undefined) browser = await launchBrowser();
}, 60_000);
afterAll(async () => {
  await browser?.close();
  rmSync(folder, { recursive: true, force: true });
});

/** Opens the report as a file, and fails on whatever the page complains of or asks of anybody. */
async function opened(
  report: Report,
  body: (page: Page) => Promise<void>,
  options: { readonly width?: number; readonly dark?: boolean; readonly script?: boolean } = {},
): Promise<void> {
  const file = join(folder, "report.html");
  writeFileSync(file, reportHtml(report));
  const context = await browser!.newContext({
    viewport: { width: options.width ?? 1200, height: 900 },
    colorScheme: options.dark === true ? "dark" : "light",
    javaScriptEnabled: options.script ?? true,
  });
  const page = await context.newPage();
  const problems: string[] = [];
  page.on("console", (message) => problems.push(message.text()));
  page.on("pageerror", (error) => problems.push(String(error)));
  page.on("request", (request) => {
    if (!request.url().startsWith("file:") && !request.url().startsWith("data:"))
      problems.push(request.url());
  });
  await page.goto(pathToFileURL(file).href);
  await body(page);
  expect(problems).toEqual([]);
  await context.close();
}

browserTest(
  "draws where a real preview changes things, and leads from each part to its changes",
  async () => {
    await opened(reportOf(realPreview()), async (page) => {
      const svg = page.locator(".drawing svg");
      await expect(svg.isVisible()).resolves.toBe(true);
      const labels = await page.evaluate(
        "[...document.querySelectorAll('.drawing a')].map((each) => each.getAttribute('aria-label'))",
      );
      expect(labels).toContain("Buckets, changed, 4 to replace, 1 to update, danger");
      expect(labels).toContain("API token live-inputs, removed, 1 to delete");
      expect(labels).toContain("Database main, unchanged");
      const boxes = await page.evaluate<Rectangle[]>(
        "[...document.querySelectorAll('.drawing .box rect')].map((each) => each.getBoundingClientRect().toJSON())",
      );
      for (const [index, one] of boxes.entries()) {
        for (const other of boxes.slice(index + 1)) {
          const apart =
            one.right <= other.left ||
            other.right <= one.left ||
            one.bottom <= other.top ||
            other.bottom <= one.top;
          expect(apart).toBe(true);
        }
      }
      await page.locator('.drawing a[aria-label^="Buckets"]').click();
      const target = await page.evaluate("location.hash");
      await expect(page.locator(`${String(target)} h2`).innerText()).resolves.toMatch(/^Buckets/);
    });
  },
);

browserTest("what goes comes first, with its cause and its risk", async () => {
  await opened(reportOf(realPreview()), async (page) => {
    const first = page.locator("[data-group]").first();
    await expect(first.locator("h2").innerText()).resolves.toBe("Look at these first");
    await expect(first.locator("li").nth(1).innerText()).resolves.toMatch(
      /± replace bucket streampai-media-staging of Buckets\s+because name .*\s+data loss: everything in the bucket streampai-media-staging is lost/,
    );
  });
});

browserTest("is searched by words and by what is done", async () => {
  await opened(reportOf(realPreview()), async (page) => {
    const visible = () => page.locator("[data-operation]:visible").count();
    const all = await visible();
    await page.locator("input[type=search]").fill("bucket cors");
    await expect(visible()).resolves.toBe(1);
    await expect(page.locator("output").innerText()).resolves.toBe(`1 of ${all} shown`);
    await page.locator("input[type=search]").fill("");
    await page.locator('input[value="delete"]').uncheck();
    await expect(visible()).resolves.toBe(all - 5);
  });
});

browserTest("is whole without scripts, on a phone, in the dark", async () => {
  await opened(
    reportOf(realPreview()),
    async (page) => {
      await expect(page.locator("[data-operation]:visible").count()).resolves.toBe(17);
      await expect(page.locator(".find").isVisible()).resolves.toBe(false);
      const ground = await page.evaluate("getComputedStyle(document.body).backgroundColor");
      expect(ground).toBe("rgb(14, 20, 19)");
    },
    { width: 360, dark: true, script: false },
  );
  await opened(
    reportOf(realPreview()),
    async (page) => {
      const wide = await page.evaluate(
        "document.documentElement.scrollWidth - document.documentElement.clientWidth",
      );
      expect(wide).toBe(0);
    },
    { width: 360 },
  );
});

browserTest("markup and scripts in names and values stay text", async () => {
  const evil = `"><img src=x onerror="document.title='taken'"><script>document.title='taken'</script>`;
  const report = planned(
    {
      op: "delete",
      name: evil,
      type: "cloudflare:index/r2Bucket:R2Bucket",
      before: { name: evil },
      component: ["R2Buckets", evil],
    },
    {
      op: "update",
      name: "x",
      before: { content: evil },
      after: { content: `${evil}2` },
      diffs: ["content"],
    },
  );
  await opened(report, async (page) => {
    await expect(page.title()).resolves.toBe("preview of staging · groundwork");
    await expect(page.locator("img").count()).resolves.toBe(0);
    await expect(page.locator("main").innerText()).resolves.toContain("<img src=x");
  });
});

browserTest("2,000 changes are shown and searched at once", async () => {
  const report = planned(
    ...Array.from({ length: 2000 }, (_, index) => ({
      op: index % 2 === 0 ? "delete" : "create",
      name: `record-${index}`,
      ...(index % 2 === 0
        ? { before: { name: `n${index}`, type: "A" } }
        : { after: { name: `n${index}`, type: "A" } }),
      component: ["ZoneBaseline", `zone-${index % 30}`] as const,
    })),
  );
  await opened(report, async (page) => {
    await page.locator("input[type=search]").fill("record-1998");
    await expect(page.locator("[data-operation]:visible").count()).resolves.toBe(1);
  });
});

test("keeps to itself: no address of anybody is in it, and its policy allows nothing but its own script and style", () => {
  const text = reportHtml(reportOf(realPreview()));
  expect(text).not.toMatch(/(?:src|href)="(?!#|data:,)/);
  expect(text).toContain("default-src &#39;none&#39;");
});
