import { execFile, spawnSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { projectRoot } from "../../../common/project-root";
import { buildGoTool } from "../../../sandbox/engine/go-build";
import { composeTool } from "../../../sandbox/host/docker/compose-plugin";

const folder = join(projectRoot(), "sandbox", "engine", "go");

// What most of the tools are made of: each version more is compiled once more, minutes of a machine that has nothing yet.
const shared = [
  "go.opentelemetry.io/otel",
  "golang.org/x/crypto",
  "golang.org/x/net",
  "golang.org/x/sys",
  "golang.org/x/text",
  "google.golang.org/grpc",
  "google.golang.org/protobuf",
];

test.each(shared)("the tools that are built take %s in one version", (module) => {
  const versions = readdirSync(folder).flatMap((tool) => {
    const text = readFileSync(join(folder, tool, "go.mod"), "utf8");
    return [...text.matchAll(/^\s+(\S+) (v\S+)/gm)].filter(([, name]) => name === module).map(([, , v]) => v);
  });
  expect(versions.length).toBeGreaterThan(2);
  expect(new Set(versions)).toEqual(new Set([versions[0]]));
});

const withGo = spawnSync("go", ["version"]).status === 0 ? test : test.skip;
withGo(
  "Compose is built as the version it says, without what is left out",
  async () => {
    const binary = await buildGoTool(composeTool);
    const run = promisify(execFile);
    expect((await run(binary, ["version", "--short"])).stdout.trim()).toBe("2.40.3");
    const { stdout } = await run("go", ["version", "-m", binary]);
    expect(stdout).toContain("github.com/docker/buildx");
    expect(stdout).not.toContain("k8s.io/");
  },
  20 * 60_000,
);
