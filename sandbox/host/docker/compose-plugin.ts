import { existsSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { buildGoTool, type GoTool } from "../../engine/go-build";
import { runProgram } from "../run-program";

/** The oldest that knows `!override`, by which published ports are replaced. */
const oldest = [2, 24, 4] as const;

const folders = [
  join(process.env["DOCKER_CONFIG"] ?? join(homedir(), ".docker"), "cli-plugins"),
  "/usr/local/lib/docker/cli-plugins",
  "/usr/local/libexec/docker/cli-plugins",
  "/usr/lib/docker/cli-plugins",
  "/usr/libexec/docker/cli-plugins",
  "/Applications/Docker.app/Contents/Resources/cli-plugins",
];

export const composeTool: GoTool = {
  module: "compose",
  package: "github.com/docker/compose/v2/cmd",
  output: "docker-compose",
  ldflags: "-X github.com/docker/compose/v2/internal.Version=v2.40.3",
  // A builder in a Kubernetes cluster: a third of what Compose is compiled from.
  without: [{ module: "github.com/docker/buildx", folder: "driver/kubernetes" }],
};

/** The machine's own compose plug-in where it is new enough, else the one built from its Go module. */
export async function findComposePlugin(log: (line: string) => void): Promise<string> {
  for (const folder of folders) {
    const file = join(folder, "docker-compose");
    if (!existsSync(file)) continue;
    const { code, stdout } = await runProgram(file, ["version", "--short"], { timeout: 10_000 });
    if (code === 0 && isRecent(stdout.trim())) return file;
    log(
      `the machine's docker compose is ${stdout.trim()}; ${oldest.join(".")} or newer is needed, so another one is used`,
    );
  }
  return buildGoTool(composeTool, log);
}

/** Whether a version such as `2.40.3` or `v2.40.3-desktop.1` is new enough. */
export function isRecent(version: string): boolean {
  const numbers = /^v?(\d+)\.(\d+)\.(\d+)/.exec(version)?.slice(1).map(Number);
  if (numbers === undefined) return false;
  for (const [index, wanted] of oldest.entries()) {
    const number = numbers[index] ?? 0;
    if (number !== wanted) return number > wanted;
  }
  return true;
}
