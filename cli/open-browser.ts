import { spawn } from "node:child_process";
import type { Log } from "../common/log";

const openers: Partial<Record<NodeJS.Platform, string>> = {
  darwin: "open",
  linux: "xdg-open",
  win32: "explorer",
};

/** Opens an address in the user's browser; where that cannot be done, says the address to open. */
export function openInBrowser(url: string, say: Log): void {
  const opener = process.env.BROWSER ?? openers[process.platform];
  if (opener === undefined) {
    say(`open ${url} in a browser`);
    return;
  }
  const child = spawn(opener, [url], { detached: true, stdio: "ignore" });
  child.once("error", () => say(`no browser could be started here: open ${url}`));
  child.once("spawn", () => say(`opened ${url}`));
  child.unref();
}
