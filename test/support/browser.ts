import { accessSync, constants } from "node:fs";
import { delimiter, join } from "node:path";
import type { Browser, Page } from "playwright-core";
import { chromium } from "playwright-core";

/** How a browser under test reaches things. */
export interface BrowserOptions {
  /**
   * Host patterns -> where they really are, such as `{ "*.streampai.localhost": "127.0.0.1:8443" }`. A target with a
   * port catches every port of the host.
   * @default {}
   */
  readonly hosts?: Readonly<Record<string, string>>;
}

const names = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];

/** Path of a Chromium on PATH (or the one that `CHROMIUM` names), if there is one. */
export function findChromium(environment: NodeJS.ProcessEnv = process.env): string | undefined {
  const named = environment["CHROMIUM"];
  if (named !== undefined && named !== "") return named;
  for (const folder of (environment["PATH"] ?? "").split(delimiter)) {
    for (const name of names) {
      const file = join(folder, name);
      try {
        accessSync(file, constants.X_OK);
        return file;
      } catch {
        // Not this one.
      }
    }
  }
  return undefined;
}

/** Starts a headless Chromium that talks to nobody by itself. Close it with `browser.close()`. */
export async function launchBrowser({ hosts = {} }: BrowserOptions = {}): Promise<Browser> {
  const executablePath = findChromium();
  if (executablePath === undefined) throw new Error("there is no chromium on PATH");
  const rules = Object.entries(hosts).map(([pattern, target]) => `MAP ${pattern} ${target}`);
  return chromium.launch({
    executablePath,
    headless: true,
    args: [
      "--headless",
      "--no-sandbox",
      "--disable-gpu",
      "--disable-quic",
      "--no-first-run",
      "--no-proxy-server",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
      "--disable-dev-shm-usage",
      "--ignore-certificate-errors",
      ...(rules.length === 0 ? [] : [`--host-resolver-rules=${rules.join(", ")}`]),
    ],
  });
}

/**
 * A test that needs a real browser: without one it fails where `CI=true`, else it is skipped and says why.
 *
 * @example
 * browserTest("the page draws the environment", async () => { const browser = await launchBrowser(); … });
 */
export function browserTest(name: string, body: () => Promise<void>, timeoutMs = 60_000): void {
  if (findChromium() !== undefined) {
    test(name, body, timeoutMs);
  } else if (process.env["CI"] === "true") {
    test(name, () => {
      throw new Error("there is no chromium on PATH, and CI=true: install it, or name it by CHROMIUM");
    });
  } else {
    console.warn(`skipped, there is no chromium on PATH: ${name}`);
    test.skip(name, body);
  }
}

const networkChanged = "net::ERR_NETWORK_CHANGED";

/**
 * Loads a page in a tab of its own; in another where a network of Docker's came or went meanwhile, as Chromium then gives up
 * what it is loading, be it before the first byte or in the middle, where nothing tells that the page never gets whole.
 *
 * @returns the tab, and what its scripts have thrown so far
 */
export async function openPage(
  browser: Browser,
  url: string,
): Promise<{ readonly page: Page; readonly thrown: readonly string[] }> {
  for (let tries = 1; ; tries++) {
    const page = await browser.newPage();
    const thrown: string[] = [];
    page.on("pageerror", ({ message }) => thrown.push(message));
    let givenUp = false;
    page.on("requestfailed", (request) => {
      givenUp ||= request.failure()?.errorText === networkChanged;
    });
    try {
      await page.goto(url, { timeout: 8_000 });
      if (!givenUp) return { page, thrown };
    } catch (error) {
      if (tries === 5 || !(givenUp || String(error).includes(networkChanged))) throw error;
    }
    await page.close();
  }
}
