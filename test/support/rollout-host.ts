import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import { createServer, type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { caddyfile } from "../../components/origin/caddyfile";
import { proxyEnvironment } from "../../components/origin/proxy";
import { encodeFrames, listFrames, type Frames } from "../../remote/framing";
import { scriptInput, stepCommand, stepScript, type RemoteStep } from "../../remote/scripts";
import { buildCaddy, caddyVersion } from "../../sandbox/engine/caddy";
import { findComposePlugin } from "../../sandbox/host/docker/compose-plugin";
import { findBusybox } from "../../sandbox/host/images/busybox";
import { nodeAppRootfs } from "../../sandbox/host/images/rootfs";
import { projectRoot } from "../../common/project-root";
import { startDaemon, type TestDaemon } from "./docker-daemon";
import type { StepResult } from "./remote-step";

/** One event line of a rollout. */
export interface RolloutEvent {
  readonly event: string;
  readonly at: number;
  readonly release: string;
  readonly colour?: string;
  readonly message?: string;
}

export interface RolloutResult extends StepResult {
  readonly events: readonly RolloutEvent[];
  /** The closing line, when it ended well. */
  readonly result:
    { readonly changed?: boolean; readonly colour?: string; readonly seconds?: number } | undefined;
}

/** A step that goes on. */
export interface RunningStep {
  readonly child: ChildProcess;
  readonly done: Promise<RolloutResult>;
  /** Waits until an event was told. */
  until(event: string): Promise<void>;
  /** Kills the front, as a cut connection does: the worker is in a session of its own. */
  kill(): void;
}

export interface RunOptions {
  /** Changes the script's text before it is sent: see {@link fault}. */
  readonly edit?: (script: string) => string;
}

/** What a release of the test's application is like; all by the image, as a change of code would be. */
export interface AppSettings {
  readonly START_MS?: number;
  readonly UNHEALTHY?: 1;
  readonly CRASH_MS?: number;
  readonly HEALTH?: string;
  readonly WORK_MS?: number;
  readonly DRAIN_MS?: number;
  readonly DATABASE_URL?: string;
  /** What it answers as its release. @default RELEASE_ID, which the release itself is told */
  readonly VERSION?: string;
}

/** The image that applications are made on. */
export const nodeBase = "rollout-node:base";

/**
 * A host for rollouts, without SSH: a Docker daemon of its own with Compose 2, real Caddy, and images of an application
 * made from this machine's files. Steps run as an SSH server runs them. The bench and the kill matrix use it as well.
 *
 * @example
 * const host = await rolloutHost();
 * await host.prepare();
 * await host.rollout(host.image("1"));
 * await host.close();
 */
export async function rolloutHost(): Promise<RolloutHost> {
  const [daemon, compose, caddy, busybox] = await Promise.all([
    startDaemon({ networks: true }),
    findComposePlugin(() => undefined),
    buildCaddy(),
    findBusybox(),
  ]);
  if (busybox === undefined) throw new Error("there is no static busybox here");
  const home = mkdtempSync(join(tmpdir(), "gw-rollout-"));
  mkdirSync(join(home, "docker", "cli-plugins"), { recursive: true });
  symlinkSync(compose, join(home, "docker", "cli-plugins", "docker-compose"));
  await importTree(
    daemon,
    nodeBase,
    async (root) => {
      const content = join(root, "content");
      mkdirSync(content);
      copyFileSync(join(projectRoot(), "test", "support", "rollout-app.js"), join(content, "app.js"));
      await nodeAppRootfs(root, content, { workingDirectory: "/app" });
      rmSync(content, { recursive: true });
    },
    ["ENV PATH=/usr/local/bin:/usr/bin:/bin", "WORKDIR /app", 'CMD ["node","/app/app.js"]'],
  );
  await importTree(
    daemon,
    `caddy:${caddyVersion}`,
    (root) => {
      for (const folder of ["bin", "usr/bin", "etc/caddy", "data", "config", "tmp"])
        mkdirSync(join(root, folder), { recursive: true });
      copyFileSync(caddy, join(root, "usr/bin/caddy"));
      copyFileSync(busybox, join(root, "bin/busybox"));
      symlinkSync("busybox", join(root, "bin/sh"));
    },
    [
      "ENV PATH=/usr/bin:/bin",
      'CMD ["caddy","run","--config","/etc/caddy/Caddyfile","--adapter","caddyfile"]',
    ],
  );
  return new RolloutHost(daemon, home, await freePort());
}

async function importTree(
  daemon: TestDaemon,
  tag: string,
  fill: (root: string) => void | Promise<void>,
  changes: readonly string[],
): Promise<void> {
  const root = mkdtempSync(join(tmpdir(), "gw-image-"));
  try {
    await fill(root);
    execFileSync("sh", [
      "-c",
      'tar -C "$1" --owner=0 --group=0 -cf - . | docker --host "$2" import "$@" >/dev/null'.replace(
        '"$@"',
        changes.map((change) => `--change '${change}'`).join(" ") + ' - "$3"',
      ),
      "import",
      root,
      daemon.host,
      tag,
    ]);
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
}

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer();
    server.listen(0, "127.0.0.1", () => {
      const { port } = server.address() as AddressInfo;
      server.close(() => resolve(port));
    });
  });
}

/** Puts shell text in the worker's journal function: it runs when the worker comes to that step. `$1` is the step. */
export function fault(name: string, action: string): (script: string) => string {
  return (script) => {
    if (!/^at\(\) \{/m.test(script)) throw new Error("the worker has no function `at`");
    // By a function: in a replacement's text `$$` would be one dollar.
    return script.replace(/^at\(\) \{/m, () => `at() { if [ "$1" = ${name} ]; then ${action}; fi;`);
  };
}

/** Kills the worker where it stands, with everything that it has started. */
export const killWorker = 'printf \'%s %s\\n\' 0 "$1" >>"$run/journal"; kill -9 -$$';

export class RolloutHost {
  readonly project = "sample";
  readonly root: string;
  constructor(
    readonly daemon: TestDaemon,
    readonly home: string,
    readonly httpPort: number,
  ) {
    this.root = join(home, "groundwork", this.project);
  }

  get url(): string {
    return `http://127.0.0.1:${this.httpPort}/`;
  }

  get environment(): Record<string, string> {
    return {
      PATH: process.env["PATH"] ?? "",
      HOME: this.home,
      DOCKER_HOST: this.daemon.host,
      DOCKER_CONFIG: join(this.home, "docker"),
    };
  }

  docker(...args: string[]): string {
    return this.daemon.docker(...args);
  }

  /** Makes the image of a release; what differs between releases is in the image, as with real ones. */
  image(release: string, settings: AppSettings = {}, tag = `rollout-app:${release}`): string {
    const lines = Object.entries(settings).map(([name, value]) => `ENV ${name}=${value}`);
    execFileSync("docker", ["--host", this.daemon.host, "build", "--quiet", "--tag", tag, "-"], {
      input: [`FROM ${nodeBase}`, `LABEL release=${release}`, ...lines, ""].join("\n"),
      env: { ...process.env, DOCKER_BUILDKIT: "0" },
      stdio: "pipe",
    });
    return tag;
  }

  /** Starts a step, as an SSH server does. */
  start(step: RemoteStep, frames: Frames = {}, { edit }: RunOptions = {}): RunningStep {
    const script = edit === undefined ? stepScript(step) : edit(stepScript(step));
    const child = spawn("sh", ["-c", stepCommand(step)], { env: this.environment, stdio: "pipe" });
    const output = { stdout: "", stderr: "" };
    for (const stream of ["stdout", "stderr"] as const) {
      child[stream].on("data", (chunk: Buffer) => (output[stream] += chunk.toString("utf8")));
    }
    child.stdin.on("error", () => undefined);
    child.stdin.end(scriptInput(script, encodeFrames({ project: this.project, ...frames })));
    const lines = () =>
      output.stdout
        .split("\n")
        .slice(0, -1)
        .map((line) => JSON.parse(line) as Record<string, unknown>);
    const events = () => lines().filter((line) => "event" in line) as unknown as RolloutEvent[];
    const done = new Promise<RolloutResult>((resolve, reject) => {
      child.once("error", reject);
      child.once("close", (code) =>
        resolve({
          code: code ?? -1,
          ...output,
          events: events(),
          result: lines().find((line) => "step" in line) as RolloutResult["result"],
        }),
      );
    });
    return {
      child,
      done,
      kill: () => child.kill("SIGKILL"),
      until: async (event) => {
        while (!events().some((entry) => entry.event === event)) {
          if (child.exitCode !== null)
            throw new Error(`it ended before ${event}: ${output.stdout}${output.stderr}`);
          await new Promise((resolve) => setTimeout(resolve, 20));
        }
      },
    };
  }

  run(step: RemoteStep, frames: Frames = {}, options: RunOptions = {}): Promise<RolloutResult> {
    return this.start(step, frames, options).done;
  }

  /** Frames of a rollout of the image of a release, as the component sends them. */
  frames(release: string, more: Frames = {}): Frames {
    return {
      release,
      timeout: 15,
      pull: "missing",
      ...rollingFrames(["api"]),
      ...listFrames("images", "image", [{ service: "api", reference: `rollout-app:${release}` }]),
      ...more,
    };
  }

  rollout(release: string, more: Frames = {}, options: RunOptions = {}): Promise<RolloutResult> {
    return this.run("rollout", this.frames(release, more), options);
  }

  /** The project's files as the component writes them: an application with two colours, and a service beside it. */
  async prepare(files: Readonly<Record<string, string>> = {}): Promise<void> {
    await this.mustRun("prepare-host");
    await this.mustRun("proxy", {
      caddyfile: proxyCaddyfile(),
      compose: JSON.stringify(proxyCompose(this.project, this.httpPort)),
      ports: String(this.httpPort),
    });
    await this.writeFiles({ ...projectFiles(), ...files });
  }

  /** Writes these as the project's files, and none beside them. */
  async writeFiles(files: Readonly<Record<string, string>>): Promise<void> {
    const list = Object.entries(files).map(([path, content]) => ({ path, mode: "0600", content }));
    await this.mustRun("write-files", { ...listFrames("files", "file", list), check: "compose" });
  }

  async mustRun(step: RemoteStep, frames: Frames = {}): Promise<RolloutResult> {
    const result = await this.run(step, frames);
    if (result.code !== 0) throw new Error(`${step} ended with ${result.code}: ${result.stderr}`);
    return result;
  }

  /** Containers of a colour, as `service state`. */
  colour(colour: "blue" | "green"): string[] {
    return this.docker(
      "ps",
      "--all",
      "--filter",
      `label=com.docker.compose.project=${this.project}-${colour}`,
      "--format",
      '{{.Label "com.docker.compose.service"}} {{.State}}',
    )
      .split("\n")
      .filter(Boolean);
  }

  /** What runs without a colour, as `service image id`, sorted. */
  beside(): string[] {
    return this.docker(
      ...["ps", "--filter", `label=com.docker.compose.project=${this.project}`],
      ...["--format", '{{.Label "com.docker.compose.service"}} {{.Image}} {{.ID}}'],
    )
      .split("\n")
      .sort();
  }

  upstream(service = "api"): string {
    return readFileSync(join(this.root, "proxy", "upstreams", service), "utf8").trim();
  }

  /** Takes every project, release and image of one away, so that the next test starts anew. */
  reset(): void {
    const ids = this.docker("ps", "--all", "--quiet").split("\n").filter(Boolean);
    if (ids.length > 0) this.docker("rm", "--force", "--volumes", ...ids);
    this.docker("network", "prune", "--force");
    rmSync(join(this.home, "groundwork"), { recursive: true, force: true });
  }

  async close(): Promise<void> {
    const ids = this.docker("ps", "--all", "--quiet").split("\n").filter(Boolean);
    if (ids.length > 0) this.docker("rm", "--force", "--volumes", ...ids);
    // Their bridges would outlive the daemon.
    this.docker("network", "prune", "--force");
    await this.daemon.close();
    rmSync(this.home, { recursive: true, force: true });
  }
}

/** The services of the sample application that have two colours in a release. */
export function rollingFrames(services: readonly string[]): Frames {
  const each = { port: 3000, path: "/healthz", drain: 2, replicas: 1 };
  return listFrames(
    "rolling",
    "rolling",
    services.map((service) => ({ service, ...each })),
  );
}

/** The project's files with a second service `web` that is like `api`. */
export function filesWithWeb(): Record<string, string> {
  const files = projectFiles();
  const twice = (text = "") =>
    text.replace(/^ {2}api:\n(?: {4}.*\n)+/m, (own) => own + own.replaceAll("api", "web"));
  return {
    ...files,
    "compose.yaml": twice(files["compose.yaml"]),
    "compose.colour.yaml": twice(files["compose.colour.yaml"]),
  };
}

/** Files of the project: `api` has two colours, `side` runs once and has its own image. */
export function projectFiles(): Record<string, string> {
  return {
    "compose.yaml": `services:
  api:
    image: nothing
    env_file: [release.env]
    networks: [app]
    restart: unless-stopped
    healthcheck:
      test: ["CMD", "/bin/busybox", "wget", "-q", "-O", "/dev/null", "http://127.0.0.1:3000/healthz"]
      interval: 1s
      retries: 60
  side:
    image: ${nodeBase}
    command: ["sleep", "1000000"]
    init: true
    networks: [app]
    volumes: ["state:/state"]
networks:
  app: {}
volumes:
  state: {}
`,
    "compose.override.json": "{}",
    "compose.colour.yaml": `services:
  api:
    ports: !reset []
    container_name: !reset null
    depends_on: !reset {}
    networks: !override
      app: {}
      edge:
        aliases: ["api-\${GROUNDWORK_COLOUR}"]
networks:
  app: !override
    name: sample_app
    external: true
  default: !override
    name: sample_default
    external: true
  edge:
    name: sample-edge
    external: true
volumes:
  state: !override
    name: sample_state
    external: true
`,
    ".env": "",
    "release.env": "GREETING=hello\n",
  };
}

/** The proxy's compose file, as the component makes it. */
export function proxyCompose(project: string, httpPort: number): unknown {
  return {
    services: {
      caddy: {
        image: `caddy:${caddyVersion}`,
        restart: "unless-stopped",
        environment: proxyEnvironment,
        ports: [`127.0.0.1:${httpPort}:80`, "127.0.0.1::2020"],
        volumes: [
          "./proxy/config:/etc/caddy:ro",
          "./proxy/upstreams:/upstreams:ro",
          "./certificates:/certificates:ro",
          "data:/data",
        ],
        networks: ["edge"],
      },
    },
    networks: { edge: { name: `${project}-edge`, external: true } },
    volumes: { data: {} },
  };
}

/** Everything to `api`, without TLS. */
export function proxyCaddyfile(headers: Readonly<Record<string, string>> = {}): string {
  return caddyfile({
    tls: "none",
    hostnames: [],
    httpsPort: 443,
    upstreams: [{ service: "api", port: 3000, rolling: true }],
    routes: { "/*": "api" },
    headers,
    trusted: [],
    graceSeconds: 60,
  });
}
