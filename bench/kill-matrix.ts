import { type ChildProcess, spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import Table from "cli-table3";
import { projectRoot } from "../common/project-root";
import type { RolloutInput } from "../components/origin/rollout-input";
import { Load } from "../test/support/load";
import { type RealSsh, realSshKinds, startNetwork, type TestNetwork } from "../test/support/open-ssh";
import { fault, killWorker, type RolloutHost, rolloutHost } from "../test/support/rollout-host";

/** The steps of a rollout, as the worker's journal names them. */
const steps = [
  "preflight",
  "images",
  "archive",
  "start",
  "gate",
  "switch",
  "switched-1",
  "watch",
  "enter",
  "drain",
  "stop",
  "prune",
  "done",
] as const;

/** Quick to start and to drain: the matrix has many rollouts. */
const app = { START_MS: 300, DRAIN_MS: 500 };

/** What happened to one kill. */
export interface KillRow {
  readonly step: string;
  readonly killed: string;
  readonly requests: number;
  readonly lost: number;
  readonly socketsCut: number;
  /** Who served when nothing of the release ran any more. */
  readonly after: string;
  /** What the next run of the same release did. */
  readonly next: string;
  readonly good: boolean;
}

interface Site {
  readonly host: RolloutHost;
  readonly ssh: RealSsh;
  readonly network: TestNetwork;
}

/** What is killed, how, and what is left to be waited for. */
interface Killer {
  readonly name: string;
  run(site: Site, release: string, step: string): Promise<void>;
}

const killers: readonly Killer[] = [
  {
    name: "the deploying process",
    run: async ({ host, ssh, network }, release, step) => {
      const client = deployingProcess(host, ssh, network, release);
      await untilStep(host, release, step, client.child);
      client.child.kill("SIGKILL");
      await client.ended;
      await untilEnded(host, release);
    },
  },
  {
    name: "the SSH connection",
    run: async ({ host, ssh, network }, release, step) => {
      const client = deployingProcess(host, ssh, network, release);
      await untilStep(host, release, step, client.child);
      network.cut();
      await ssh.cut();
      await client.ended;
      await untilEnded(host, release);
    },
  },
  {
    name: "the script on the host",
    run: async ({ host }, release, step) => {
      await host.rollout(release, {}, { edit: fault(step, killWorker) });
    },
  },
];

/**
 * Kills the deploying process, the SSH connection and the script on the host at every step of a release in turn, on real
 * Docker under load, and says what was lost and whether the next run of the same release made it good.
 *
 * Options: `--steps=gate,switch` (all), `--rate=100` (requests a second).
 *
 * @throws Error where a request was lost, a socket was cut, or a next run did not converge.
 */
export async function killMatrix(options: readonly string[]): Promise<void> {
  const option = (name: string) =>
    options.find((each) => each.startsWith(`--${name}=`))?.slice(name.length + 3);
  const wanted = option("steps")?.split(",") ?? steps;
  const perSecond = Number(option("rate") ?? 100);
  const rows = await killEverywhere(wanted, perSecond, (row) => console.error(lineOf(row)));
  const table = new Table({
    head: ["step", "killed", "requests", "lost", "sockets cut", "afterwards", "the next run"],
  });
  for (const { step, killed, requests, lost, socketsCut, after, next } of rows) {
    table.push([step, killed, requests, lost, socketsCut, after, next]);
  }
  console.log(table.toString());
  const bad = rows.filter(({ good }) => !good);
  console.log(
    `${rows.length} kills: ${rows.reduce((sum, { lost }) => sum + lost, 0)} of ${rows.reduce((sum, { requests }) => sum + requests, 0)} requests lost`,
  );
  if (bad.length > 0) throw new Error(`not as promised:\n${bad.map(lineOf).join("\n")}`);
}

/** One row for each step and each thing that is killed there. */
export async function killEverywhere(
  wanted: readonly string[],
  perSecond: number,
  onRow: (row: KillRow) => void = () => undefined,
): Promise<KillRow[]> {
  const host = await rolloutHost();
  const [, startSsh] = realSshKinds.at(-1)!;
  const { DOCKER_HOST = "", DOCKER_CONFIG = "" } = host.environment;
  const ssh = await startSsh({ directory: host.home, variables: { DOCKER_HOST, DOCKER_CONFIG } });
  const network = await startNetwork(ssh.server.port);
  const rows: KillRow[] = [];
  try {
    await host.prepare();
    let serving = "first";
    host.image(serving, app);
    await mustRoll(host, serving);
    for (const step of wanted) {
      for (const killer of killers) {
        const release = `${step}-${killers.indexOf(killer)}`;
        host.image(release, app);
        const row = await killOnce({ host, ssh, network }, { killer, step, perSecond, serving, release });
        onRow(row);
        rows.push(row);
        serving = release;
      }
    }
    return rows;
  } finally {
    await network.close();
    await ssh.close();
    await host.close();
  }
}

async function killOnce(
  site: Site,
  it: {
    readonly killer: Killer;
    readonly step: string;
    readonly perSecond: number;
    readonly serving: string;
    readonly release: string;
  },
): Promise<KillRow> {
  const { killer, step, perSecond, serving, release } = it;
  const { host } = site;
  const load = new Load(host.url, { perSecond, sockets: 10 });
  try {
    await load.until(serving);
    await killer.run(site, release, step);
    const answered = (await (await fetch(host.url)).json()) as { release: string };
    const again = await host.rollout(release);
    await load.until(release);
    const { requests, failures, sockets } = await load.stop();
    const cut = sockets.filter(({ closedAt, code }) => closedAt > 0 && code === 1006).length;
    const whole = again.code === 0 && host.colour("blue").length + host.colour("green").length === 1;
    return {
      step,
      killed: killer.name,
      requests,
      lost: failures.length,
      socketsCut: cut,
      after:
        answered.release === serving
          ? "the old release serves"
          : answered.release === release
            ? "the new release serves"
            : `${answered.release} serves`,
      next: whole
        ? again.result?.changed === false
          ? "finds it done"
          : "completes it"
        : `ends with ${again.code}: ${again.stderr.trim().split("\n")[0] ?? ""}`,
      good: whole && failures.length === 0 && cut === 0 && [serving, release].includes(answered.release),
    };
  } finally {
    await load.stop();
  }
}

async function mustRoll(host: RolloutHost, release: string): Promise<void> {
  const { code, stderr } = await host.rollout(release);
  if (code !== 0) throw new Error(stderr);
}

/** The program behind the Pulumi resource of a release, over real SSH. */
function deployingProcess(
  host: RolloutHost,
  ssh: RealSsh,
  network: TestNetwork,
  release: string,
): { readonly child: ChildProcess; readonly ended: Promise<void> } {
  const input: RolloutInput = {
    origin: "sample",
    stack: "test",
    project: host.project,
    host: {
      server: { ...ssh.server, port: network.port },
      directory: join(host.home, "groundwork"),
      dialErrorLimit: 3,
    },
    frames: host.frames(release),
  };
  const child = spawn(process.execPath, [join(projectRoot(), "dist", "rollout.js")], {
    stdio: ["pipe", "ignore", "inherit"],
  });
  child.stdin.end(JSON.stringify(input));
  return { child, ended: new Promise((resolve) => child.once("close", () => resolve())) };
}

function journal(host: RolloutHost, release: string): string {
  return readOr(join(host.root, "rollouts", release, "journal"));
}

async function untilStep(
  host: RolloutHost,
  release: string,
  step: string,
  child: ChildProcess,
): Promise<void> {
  while (!new RegExp(`^\\d+ ${step}$`, "m").test(journal(host, release))) {
    if (child.exitCode !== null) throw new Error(`the release ended before the step ${step}`);
    await sleep(2);
  }
}

/** Waits until the worker, which nobody follows any more, has ended. */
async function untilEnded(host: RolloutHost, release: string): Promise<void> {
  for (const end = Date.now() + 60_000; readOr(join(host.root, "rollouts", release, "code")) === "";) {
    if (Date.now() > end) throw new Error(`the worker of ${release} does not end`);
    await sleep(20);
  }
}

function readOr(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return "";
  }
}

function lineOf({ step, killed, requests, lost, socketsCut, after, next }: KillRow): string {
  return `${step}, ${killed}: ${lost} of ${requests} requests lost, ${socketsCut} sockets cut; ${after}; the next run ${next}`;
}
