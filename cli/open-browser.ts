import { spawn } from "node:child_process";
import type { Log } from "../common/log";

const openers: Partial<Record<NodeJS.Platform, string>> = {
  darwin: "open",
  linux: "xdg-open",
  win32: "explorer",
};

/** An opener that has not failed by then has opened the page, or is still the browser itself. Milliseconds. */
const patience = 1500;

/**
 * Opens an address in the user's browser (`BROWSER` names another than the desktop's). Where there is none, or no
 * screen, says the address to open.
 */
export async function openInBrowser(
  url: string,
  say: Log,
  environment: NodeJS.ProcessEnv = process.env,
  platform: NodeJS.Platform = process.platform,
): Promise<void> {
  const opener = environment.BROWSER ?? openers[platform];
  const hasScreen =
    platform !== "linux" ||
    environment.BROWSER !== undefined ||
    "DISPLAY" in environment ||
    "WAYLAND_DISPLAY" in environment;
  const opened = opener !== undefined && hasScreen && (await succeeds(opener, url, environment));
  say(opened ? `opened ${url}` : `there is no browser here that could be opened; the address is ${url}`);
}

function succeeds(opener: string, url: string, environment: NodeJS.ProcessEnv): Promise<boolean> {
  return new Promise((resolve) => {
    const child = spawn(opener, [url], { detached: true, stdio: "ignore", env: environment });
    const timer = setTimeout(() => resolve(true), patience);
    const settle = (opened: boolean): void => {
      clearTimeout(timer);
      resolve(opened);
    };
    child.once("error", () => settle(false));
    child.once("exit", (code) => settle(code === 0));
    child.unref();
  });
}
