import { existsSync } from "node:fs";
import { type Browser, chromium } from "playwright-core";

const candidates = [
  process.env["CHROMIUM"],
  "/usr/bin/chromium",
  "/usr/bin/chromium-browser",
  "/usr/bin/google-chrome",
  "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
];

/** A browser of this machine, or why there is none. */
export function findBrowser(): { executable: string } | { missing: string } {
  const executable = candidates.find((path) => path !== undefined && path !== "" && existsSync(path));
  if (executable !== undefined) return { executable };
  return { missing: "no Chromium: install it (apt-get install chromium) or set CHROMIUM to its path" };
}

/**
 * `describe` where there is a browser. Without one it is an error with `CI=true`, else the tests are skipped and the
 * reason is printed.
 */
export function describeInBrowser(name: string, tests: () => void): void {
  const found = findBrowser();
  if ("executable" in found) return describe(name, tests);
  if (process.env["CI"] === "true") throw new Error(`${name}: ${found.missing}`);
  process.stderr.write(`skipped: ${name}: ${found.missing}\n`);
  describe.skip(name, tests);
}

/**
 * Starts a headless browser that talks to nobody by itself.
 * @param args further flags, such as `--host-resolver-rules=MAP * 127.0.0.1:8443`
 */
export function launchBrowser(args: readonly string[] = []): Promise<Browser> {
  const found = findBrowser();
  if ("missing" in found) throw new Error(found.missing);
  return chromium.launch({
    executablePath: found.executable,
    headless: true,
    args: [
      "--no-sandbox",
      "--disable-gpu",
      "--disable-quic",
      "--no-first-run",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
      ...args,
    ],
  });
}
