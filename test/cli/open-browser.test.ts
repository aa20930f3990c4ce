import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openInBrowser } from "../../cli/open-browser";

const url = "http://127.0.0.1:8123/";
const nowhere = `there is no browser here that could be opened; the address is ${url}`;
let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "groundwork-browser-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function browser(script: string): string {
  const file = join(folder, "browser");
  writeFileSync(file, `#!/bin/sh\n${script}\n`);
  chmodSync(file, 0o755);
  return file;
}

async function said(environment: NodeJS.ProcessEnv, platform: NodeJS.Platform = "linux"): Promise<string[]> {
  const lines: string[] = [];
  await openInBrowser(url, (line) => lines.push(line), environment, platform);
  return lines;
}

test("the browser that BROWSER names gets the address", async () => {
  const seen = join(folder, "seen");
  expect(await said({ BROWSER: browser(`printf %s "$1" > ${seen}`) })).toEqual([`opened ${url}`]);
  expect(readFileSync(seen, "utf8")).toBe(url);
});

test("a browser that stays open is not waited for", async () => {
  expect(await said({ PATH: process.env.PATH, BROWSER: browser("exec sleep 3") })).toEqual([`opened ${url}`]);
});

test("a browser that fails is not said to be open", async () => {
  expect(await said({ BROWSER: browser("exit 3") })).toEqual([nowhere]);
  expect(await said({ BROWSER: join(folder, "not-there") })).toEqual([nowhere]);
});

test("without a screen the desktop's opener is not even tried", async () => {
  const tried = join(folder, "tried");
  writeFileSync(join(folder, "xdg-open"), `#!/bin/sh\ntouch ${tried}\n`, { mode: 0o755 });
  const PATH = `${folder}:${process.env.PATH ?? ""}`;
  expect(await said({ PATH })).toEqual([nowhere]);
  expect(existsSync(tried)).toBe(false);
  expect(await said({ PATH, DISPLAY: ":0" })).toEqual([`opened ${url}`]);
});

test("on a system without an opener the address is said", async () => {
  expect(await said({}, "aix")).toEqual([nowhere]);
});
