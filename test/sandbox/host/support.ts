import { spawn, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { projectRoot } from "../../../common/project-root";
import {
  destroyHost,
  startHost,
  type HostOptions,
  type SandboxHost,
  type SandboxImage,
} from "../../../sandbox/host/host";

export const fixtures = join(projectRoot(), "test", "sandbox", "host", "fixtures");

/** The application of the tests, under the name that their compose file gives it; and PostgreSQL. */
export const images: readonly SandboxImage[] = [
  {
    names: ["ghcr.io/example/notes"],
    kind: "node-app",
    bundles: {
      "server.js": join(fixtures, "app", "server.js"),
      "migrate.js": join(fixtures, "app", "migrate.js"),
    },
  },
  { names: ["postgres"], kind: "postgres" },
];

const isCi = process.env["CI"] === "true";

/** `describe`, or `describe.skip` with the reason printed, where this machine cannot run it. Never skips in CI. */
export function describeWhere(available: boolean, reason: string): jest.Describe {
  if (available || isCi) return describe;
  console.log(`skipped: ${reason}`);
  return describe.skip;
}

export function hasProgram(name: string): boolean {
  return spawnSync("sh", ["-c", `command -v ${name}`]).status === 0;
}

/** Whether a Docker daemon answers; in CI one is installed and started instead. */
export function dockerAnswers(): boolean {
  const { status, stdout } = spawnSync("docker", ["version", "--format", "{{.Server.Version}}"], {
    encoding: "utf8",
    timeout: 10_000,
  });
  return status === 0 && /^\d/.test(stdout);
}

/** A host in a folder of its own, removed at the end by {@link TestHost.remove}. */
export class TestHost {
  private constructor(
    readonly host: SandboxHost,
    readonly directory: string,
    readonly said: readonly string[],
    private readonly knownHosts: string,
  ) {}

  static async start(options: Partial<HostOptions> = {}): Promise<TestHost> {
    const parent = options.directory === undefined ? mkdtempSync(join(tmpdir(), "gw-host-")) : "";
    const directory = options.directory ?? join(parent, "host");
    const said: string[] = [];
    const given = options.directory !== undefined;
    const start = startHost({
      directory,
      mode: "process",
      name: "gwtest",
      images,
      log: (line) => said.push(line),
      ...options,
    });
    const host = await start.catch(async (error: unknown) => {
      if (!given) {
        await destroyHost(directory);
        rmSync(parent, { recursive: true, force: true });
      }
      throw error;
    });
    const knownHosts = `${directory}.known_hosts`;
    writeFileSync(knownHosts, `[127.0.0.1]:${host.port} ${host.hostKey}\n`);
    return new TestHost(host, directory, said, knownHosts);
  }

  /** Options that pin the host key and offer one key only, for `ssh`, `sftp` and `scp`. */
  clientOptions(): string[] {
    return [
      ...["-F", "none", "-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=yes"],
      ...["-o", `UserKnownHostsFile=${this.knownHosts}`, "-o", "IdentitiesOnly=yes"],
      ...["-o", "ConnectTimeout=10", "-i", this.host.privateKeyFile ?? ""],
    ];
  }

  /** Runs a command by the OpenSSH client. */
  ssh(command: string, { input = "", options = [] as string[], user = "deploy" } = {}): Promise<Result> {
    const args = [
      ...this.clientOptions(),
      ...options,
      "-p",
      String(this.host.port),
      `${user}@127.0.0.1`,
      command,
    ];
    return run("ssh", args, input);
  }

  async remove(): Promise<void> {
    await this.host.destroy();
    rmSync(this.knownHosts, { force: true });
    if (this.directory.startsWith(join(tmpdir(), "gw-host-"))) {
      rmSync(join(this.directory, ".."), { recursive: true, force: true });
    }
  }
}

export interface Result {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export function run(program: string, args: readonly string[], input = ""): Promise<Result> {
  return new Promise((resolve, reject) => {
    // No agent: a key in it could answer instead of the one that is tested.
    const child = spawn(program, args, { env: { ...process.env, SSH_AUTH_SOCK: "" } });
    let stdout = "";
    let stderr = "";
    child.stdout.setEncoding("utf8").on("data", (text: string) => (stdout += text));
    child.stderr.setEncoding("utf8").on("data", (text: string) => (stderr += text));
    child.once("error", reject);
    child.once("close", (code) => resolve({ code, stdout, stderr }));
    child.stdin.on("error", () => undefined);
    child.stdin.end(input);
  });
}

/** Asks a port of 127.0.0.1 for a path. */
export function get(port: number, path = "/"): Promise<{ status: number; body: string }> {
  return new Promise((resolve, reject) => {
    const asked = request({ host: "127.0.0.1", port, path, agent: false, timeout: 10_000 }, (response) => {
      let body = "";
      response.setEncoding("utf8").on("data", (text: string) => (body += text));
      response.once("end", () => resolve({ status: response.statusCode ?? 0, body }));
    });
    asked.once("error", reject);
    asked.end();
  });
}
