import { type Log, silent } from "../../common/log";
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
