import { execFile } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import Table from "cli-table3";
import { caddyVersion } from "../sandbox/engine/caddy";
import { Load, type LoadReport } from "../test/support/load";
import { type RolloutHost, rolloutHost } from "../test/support/rollout-host";
import { bareUp } from "./deploy-bare";
import { byCommand } from "./deploy-by-command";
import { median } from "./measure";

/** The application of every subject: healthy so long after its start, its sockets closed so long after SIGTERM. */
const app = { START_MS: 2000, DRAIN_MS: 8000 };
const load = { perSecond: 200, sockets: 50 };

/** One way to replace a release, on a host of its own. */
export interface Deployer {
  readonly name: string;
  /** Where the load goes. */
  readonly url: string;
  /** Makes the release's image, before the clock runs. */
  prepare(release: string): void;
  /** False: a control, by which nothing that runs is replaced. @default true */
  readonly replaces?: boolean;
  /** Replaces what runs by this release; done when the command has ended. */
  deploy(release: string): Promise<void>;
  close(): Promise<void>;
}

/** One replacement, as users saw it. Seconds and milliseconds since the command's start. */
interface Replacement {
  readonly answersAfter: number;
  readonly endsAfter: number;
  readonly requests: number;
  readonly failed: number;
  readonly gapMs: number;
  readonly p99Ms: number;
  /** Sockets that ended without a close frame. */
  readonly cut: number;
  readonly closed: number;
  /** When the first socket of the old release ended. */
  readonly firstEnd: number | undefined;
}

/**
 * A new release under load (200 requests a second, half of them POST with a body, 50 WebSockets): plain
 * `docker compose up -d`, compose behind a Caddy that tries again, and ours, each on real Docker, in turn; beside ours what
 * plain `pulumi up` of one command takes under the same load.
 *
 * Options: `--rounds=N` (5), `--row=N` (20: so many of ours in a row), `--only=compose,retries,step,bare,up`.
 */
export async function deploy(options: readonly string[]): Promise<void> {
  const number = (name: string, byDefault: number) =>
    Number(options.find((option) => option.startsWith(`--${name}=`))?.split("=")[1] ?? byDefault);
  const rounds = number("rounds", 5);
  const row = number("row", 20);
  const host = await rolloutHost();
  try {
    await control(host);
    const only = options.find((option) => option.startsWith("--only="))?.slice(7);
    const all: readonly (readonly [string, () => Promise<Deployer>])[] = [
      ["compose", () => Promise.resolve(composeUp(host))],
      ["retries", () => Promise.resolve(composeBehindCaddy(host))],
      ["step", () => ourStep(host)],
      ["bare", () => bareUp(composeUp(host))],
      ["up", () => byCommand(host, app)],
    ];
    const table = new Table({
      head: [
        "",
        "new version answers",
        "command ends",
        "failed of requests",
        "longest gap",
        "sockets cut / closed by a frame",
        "first socket ends after",
      ],
    });
    for (const [name, make] of all) {
      if (only !== undefined && !only.split(",").includes(name)) continue;
      const deployer = await make();
      try {
        deployer.prepare("0");
        await deployer.deploy("0");
        const runs: Replacement[] = [];
        for (let round = 1; round <= rounds; round += 1) {
          runs.push(await replaceUnderLoad(deployer, String(round)));
          console.error(`${deployer.name}, round ${round}: ${JSON.stringify(runs.at(-1))}`);
        }
        table.push(rowOf(deployer.name, runs));
      } finally {
        await deployer.close();
      }
    }
    console.log(`\na new release under load, medians of ${rounds}`);
    console.log(table.toString());
    if (row > 0) await manyInARow(host, row);
  } finally {
    await host.close();
  }
}

/** What the load generator itself loses on this machine, with nothing replaced. */
async function control(host: RolloutHost): Promise<void> {
  const deployer = composeUp(host);
  try {
    deployer.prepare("control");
    await deployer.deploy("control");
    const running = new Load(deployer.url, load);
    await running.until("control");
    await new Promise((resolve) => setTimeout(resolve, 10_000));
    const { requests, failures, longestGap, p50, p99 } = await running.stop();
    console.log(
      `control, nothing replaced: ${failures.length} of ${requests} failed, longest gap ${longestGap} ms, p50 ${p50} ms, p99 ${p99} ms`,
    );
  } finally {
    await deployer.close();
  }
}

async function replaceUnderLoad(deployer: Deployer, release: string): Promise<Replacement> {
  deployer.prepare(release);
  const running = new Load(deployer.url, load);
  // Until every socket is open and connections are warm.
  await new Promise((resolve) => setTimeout(resolve, 2000));
  const from = Date.now();
  await deployer.deploy(release);
  const ended = Date.now();
  if (deployer.replaces !== false) await running.until(release, 60_000);
  // Sockets of the old release may still have their time.
  await new Promise((resolve) => setTimeout(resolve, 2000));
  return replacementOf(await running.stop(), release, from, ended);
}

function replacementOf(report: LoadReport, release: string, from: number, ended: number): Replacement {
  const ends = report.sockets.filter(({ closedAt }) => closedAt >= from);
  return {
    answersAfter: ((report.firstAnswer[release] ?? Number.NaN) - from) / 1000,
    endsAfter: (ended - from) / 1000,
    requests: report.requests,
    failed: report.failures.length,
    gapMs: report.longestGap,
    p99Ms: report.p99,
    cut: ends.filter(({ code }) => code === 1006).length,
    closed: ends.filter(({ code }) => code !== 1006).length,
    firstEnd:
      ends.length === 0 ? undefined : (Math.min(...ends.map(({ closedAt }) => closedAt)) - from) / 1000,
  };
}

function rowOf(name: string, runs: readonly Replacement[]): string[] {
  const of = (pick: (run: Replacement) => number) => median(runs.map(pick));
  return [
    name,
    secondsOf(of(({ answersAfter }) => answersAfter)),
    secondsOf(of(({ endsAfter }) => endsAfter)),
    `${of(({ failed }) => failed)} of ${of(({ requests }) => requests)}`,
    `${of(({ gapMs }) => gapMs)} ms`,
    `${of(({ cut }) => cut)} / ${of(({ closed }) => closed)}`,
    secondsOf(of(({ firstEnd }) => firstEnd ?? Number.NaN)),
  ];
}

/** Empty for what did not come. */
const secondsOf = (value: number): string => (Number.isNaN(value) ? "" : `${value.toFixed(1)} s`);

async function manyInARow(host: RolloutHost, count: number): Promise<void> {
  const deployer = await ourStep(host);
  try {
    const releases = Array.from({ length: count + 1 }, (_unused, index) => `row-${index}`);
    for (const release of releases) deployer.prepare(release);
    const [first = "", ...rest] = releases;
    await deployer.deploy(first);
    const running = new Load(deployer.url, load);
    await running.until(first);
    for (const release of rest) await deployer.deploy(release);
    const { requests, failures, longestGap, sockets, p99 } = await running.stop();
    const cut = sockets.filter(({ code, closedAt }) => closedAt > 0 && code === 1006).length;
    console.log(
      `${count} rollouts in a row under one load: ${failures.length} of ${requests} requests failed, longest gap ` +
        `${longestGap} ms, p99 ${p99} ms, ${cut} of ${sockets.length} sockets cut`,
    );
    for (const line of failures.slice(0, 5)) console.log(`  ${line}`);
  } finally {
    await deployer.close();
  }
}

/** `docker compose up -d` with the image of the next release. */
function composeUp(host: RolloutHost): Deployer {
  const folder = mkdtempSync(join(tmpdir(), "groundwork-bench-"));
  return {
    name: "docker compose up -d",
    url: host.url,
    prepare: (release) => void host.image(release, app),
    deploy: async (release) => {
      write(folder, "compose.yaml", {
        services: { api: { ...service(release), ports: [`127.0.0.1:${host.httpPort}:3000`] } },
      });
      await compose(host, folder, "plain", "up", "--detach", "--wait");
    },
    close: async () => {
      await compose(host, folder, "plain", "down");
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** The same behind a Caddy that tries a failed connection again until one is taken. */
function composeBehindCaddy(host: RolloutHost): Deployer {
  const folder = mkdtempSync(join(tmpdir(), "groundwork-bench-"));
  mkdirSync(join(folder, "caddy"));
  writeFileSync(
    join(folder, "caddy", "Caddyfile"),
    "{\n\tauto_https off\n\tadmin off\n}\n:80 {\n\treverse_proxy api:3000 {\n\t\tlb_try_duration 30s\n\t\tlb_try_interval 100ms\n\t}\n}\n",
  );
  return {
    name: "docker compose up -d behind Caddy with retries",
    url: host.url,
    prepare: (release) => void host.image(release, app),
    deploy: async (release) => {
      const caddy = {
        image: `caddy:${caddyVersion}`,
        ports: [`127.0.0.1:${host.httpPort}:80`],
        volumes: ["./caddy:/etc/caddy:ro"],
      };
      write(folder, "compose.yaml", { services: { api: service(release), caddy } });
      await compose(host, folder, "retries", "up", "--detach", "--wait");
    },
    close: async () => {
      await compose(host, folder, "retries", "down");
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** Our step on the host by itself, as the SSH server runs it: what the host's part costs, without the engine. */
async function ourStep(host: RolloutHost): Promise<Deployer> {
  await host.prepare();
  return {
    name: "ours, the step on the host",
    url: host.url,
    prepare: (release) => void host.image(release, app),
    deploy: async (release) => {
      const result = await host.rollout(release, { rolling_1_drain: 8 });
      if (result.code !== 0) throw new Error(result.stderr);
    },
    close: () => {
      host.reset();
      return Promise.resolve();
    },
  };
}

function service(release: string): object {
  return {
    image: `rollout-app:${release}`,
    environment: { RELEASE_ID: release },
    stop_grace_period: "10s",
    healthcheck: {
      test: ["CMD", "node", "-e", "fetch('http://127.0.0.1:3000/healthz').then((a)=>process.exit(a.ok?0:1))"],
      interval: "1s",
      retries: 30,
    },
  };
}

function write(folder: string, name: string, content: object): void {
  writeFileSync(join(folder, name), JSON.stringify(content));
}

/** Not by a call that waits: the load runs in this process. */
async function compose(host: RolloutHost, folder: string, project: string, ...args: string[]): Promise<void> {
  await promisify(execFile)("docker", ["compose", "--project-name", project, ...args], {
    cwd: folder,
    env: host.environment,
  });
}
