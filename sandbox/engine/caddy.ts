import { type Log, silent } from "../../common/log";
import { isStatic } from "../host/images/libraries";
import { findRealProgram } from "../host/postgres/real-program";
import { runProgram } from "../host/run-program";
import { buildGoTool, type GoTool } from "./go-build";

/** The Caddy that is built here. Changing it means `go get` in sandbox/engine/go/caddy as well. */
export const caddyVersion = "2.11.2";

export const caddyTool: GoTool = {
  module: "caddy",
  package: "github.com/caddyserver/caddy/v2/cmd/caddy",
  output: "caddy",
  ldflags: `-X github.com/caddyserver/caddy/v2.CustomVersion=v${caddyVersion}`,
};

/** A static Caddy from its Go module, built once and kept in the cache. Debian's 2.6 has no `{file.…}` placeholder. */
export function buildCaddy(log: Log = silent): Promise<string> {
  return buildGoTool(caddyTool, log);
}

/** The machine's own Caddy where it is new enough and runs in an empty image, else the one built from its Go module. */
export async function findCaddy(log: Log = silent): Promise<string> {
  const own = findRealProgram("caddy");
  if (own !== undefined) {
    const { code, stdout } = await runProgram(own, ["version"], { timeout: 10_000 });
    if (code === 0 && isNewEnough(stdout) && (await isStatic(own))) return own;
  }
  return buildCaddy(log);
}

/** Whether `v2.11.2 h1:…` or the like is 2.11 or newer: from there on a switch cuts no WebSocket. */
export function isNewEnough(version: string): boolean {
  const [, major = 0, minor = 0] = (/^v?(\d+)\.(\d+)\./.exec(version.trim()) ?? []).map(Number);
  return major > 2 || (major === 2 && minor >= 11);
}
