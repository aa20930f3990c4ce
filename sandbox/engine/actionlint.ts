import { type Log, silent } from "../../common/log";
import { buildGoTool, type GoTool } from "./go-build";

/** Checks workflows of GitHub Actions; v1.7.8, as sandbox/engine/go/actionlint says. For tests. */
export const actionlintTool: GoTool = {
  module: "actionlint",
  package: "github.com/rhysd/actionlint/cmd/actionlint",
  output: "actionlint",
};

/** An actionlint from its Go module, built once and kept in the cache. */
export function buildActionlint(log: Log = silent): Promise<string> {
  return buildGoTool(actionlintTool, log);
}
