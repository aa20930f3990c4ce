/** Releases in a swarm of three real Docker daemons, behind a real Caddy on each, while requests go on. */
import { execFileSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { CaddyfileSpec } from "../../components/origin/caddyfile";
import { swarmCaddyfile, swarmOverrides, proxyStack } from "../../components/origin/swarm-files";
import { envFile } from "../../components/origin/env-file";
import { runRollout } from "../../components/origin/run-rollout";
import { listReleases, rollBack } from "../../automation/releases";
import { validateStackFile } from "../../platform/settings";
import { type Frames, listFrames } from "../../remote/framing";
import { canStartMachines, type SwarmMachines } from "../support/swarm-daemons";
import { appImage, proxyImage, startSampleSwarm } from "../support/sample-swarm";
import { startSwarmLoad, type SwarmLoad } from "../support/swarm-load";
import { startNetwork, startSandboxSsh } from "../support/open-ssh";
import type { StepResult } from "../support/remote-step";

jest.setTimeout(600_000);
const withMachines = canStartMachines ? describe : describe.skip;

const project = "sample";
const password = `pass-${Math.random().toString(36).slice(2)}`;
const composeText = `
services:
  api:
    image: 127.0.0.1:9/app:1
    container_name: api
    restart: unless-stopped
    ports: ["127.0.0.1:4000:4000"]
    depends_on: [store]
    environment: {PASSWORD: "\${PASSWORD}", BROKEN: "\${BROKEN:-}"}
    networks: [default, back]
    healthcheck:
      test: [CMD, node, -e, "require('http').get('http://127.0.0.1:4000/health',r=>process.exit(r.statusCode==200?0:1)).on('error',()=>process.exit(1))"]
      interval: 1s
      timeout: 3s
      retries: 3
      start_period: 2s
      start_interval: 1s
    secrets: [token]
  store:
    image: 127.0.0.1:9/app:1
    command: [sleep, "9999"]
networks:
  back: {internal: true}
secrets:
  token: {file: ./token.txt}
`;

/** Command lines of all processes of this machine. */
function commandLines(): string[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => {
      try {
        return [readFileSync(`/proc/${name}/cmdline`, "utf8").replaceAll("\0", " ")];
      } catch {
        return [];
      }
    });
}

withMachines("a swarm of three hosts", () => {
  let swarm: SwarmMachines;
  const addresses = () => swarm.machines.map(({ address }) => address);
  const manager = () => swarm.machines[0]!;
  const root = () => join(manager().home, "groundwork", project);
  const value = (result: StepResult): Record<string, unknown> => {
    if (result.code !== 0) throw new Error(`${result.code}: ${result.stderr}`);
    return JSON.parse(result.stdout.trim().split("\n").at(-1)!) as Record<string, unknown>;
  };
  const spec = {
    project,
    composeText,
    files: [{ path: "token.txt", content: "tok-1" }],
    services: { api: { port: 4000, replicas: 3, strategy: "start-first" as const } },
    overrides: { api: { environment: { SAMPLE: "$x" }, stop_grace_period: "10s", scale: 3 } },
  };
  const proxySpec: CaddyfileSpec = {
    tls: "none",
    hostnames: ["api.example.com"],
    httpsPort: 443,
    upstreams: [{ service: "api", port: 4000, rolling: true }],
    routes: { "/*": "api" },
    headers: {},
    trusted: [],
    graceSeconds: 30,
  };
  const writeFiles = async (environment: Record<string, string>, store = "9999", token = "tok-1") => {
    const stack = swarmOverrides({ ...spec, files: [{ path: "token.txt", content: token }] }).stack;
    const files = [
      { path: ".redact", content: password, mode: "0600" },
      { path: "compose.yaml", content: composeText.replace('"9999"', `"${store}"`), mode: "0600" },
      { path: "token.txt", content: token, mode: "0644" },
      { path: ".env", content: envFile({ PASSWORD: password, ...environment }), mode: "0600" },
      { path: "compose.override.json", content: swarmOverrides(spec).base, mode: "0600" },
      { path: "compose.swarm.yaml", content: stack, mode: "0600" },
    ];
    value(
      await manager().run("write-files", {
        project,
        ...listFrames("files", "file", files),
        check: "compose",
      }),
    );
  };
  const framesOf = (release: string): Frames => ({
    release,
    services: "api",
    ...listFrames("images", "image", [{ service: "api", reference: appImage }]),
    pull: "never",
    timeout: 90,
    drain: 30,
    keep: 2,
    record: '{"tags":"v1"}',
  });
  const rollout = async (
    release: string,
    options: {
      frames?: Record<string, string | number>;
      onLine?: (line: string) => void;
    } = {},
  ) => manager().run("swarm-rollout", { project, ...framesOf(release), ...options.frames }, options.onLine);
  /** The release that the swarm was told last. */
  const taken = () => {
    const label = '{{index .Spec.TaskTemplate.ContainerSpec.Labels "groundwork.release"}}';
    return manager().docker("service", "inspect", "--format", label, `${project}_api`);
  };
  /** One release under load, with what was lost. */
  const underLoad = async (
    action: () => Promise<StepResult>,
  ): Promise<{ result: StepResult; load: SwarmLoad; seconds: number }> => {
    const load = startSwarmLoad(addresses(), 200);
    let result: StepResult;
    let seconds: number;
    let measured: SwarmLoad;
    try {
      await sleep(1000);
      const began = Date.now();
      result = await action();
      seconds = (Date.now() - began) / 1000;
      await sleep(1000);
    } finally {
      measured = await load.stop();
    }
    console.log(
      `${seconds.toFixed(1)} s; ${measured.failures.length} of ${measured.sent} requests lost; longest gap ${measured.longestGapMs} ms; ` +
        `sockets: ${measured.sockets.closed} closed well, ${measured.sockets.cut} cut`,
    );
    return { result, load: measured, seconds };
  };

  beforeAll(async () => {
    swarm = await startSampleSwarm();
  });
  afterAll(async () => {
    await swarm?.close();
  });

  test("hosts join by a token that no process list shows, and joining again changes nothing", async () => {
    const [first, ...others] = swarm.machines;
    const made = value(await first!.run("swarm-init", { project, advertise: first!.address }));
    expect(made["manager"]).toBe(`${first!.address}:2377`);
    const nodes = [String(made["node"])];
    const frames = { project, manager: String(made["manager"]), token: String(made["token"]) };
    const seen: string[] = [];
    const looking = setInterval(() => seen.push(...commandLines()), 15);
    try {
      for (const other of others) {
        const joined = await other.run("swarm-join", { ...frames, advertise: other.address });
        expect(joined.stdout + joined.stderr).not.toContain(frames.token);
        nodes.push(String(value(joined)["node"]));
      }
    } finally {
      clearInterval(looking);
    }
    expect(seen.some((line) => line.includes("/swarm/join"))).toBe(true);
    expect(seen.filter((line) => line.includes(frames.token))).toEqual([]);
    expect(
      value(await others[0]!.run("swarm-join", { ...frames, advertise: others[0]!.address }))["changed"],
    ).toBe(false);
    expect(value(await first!.run("swarm-init", { project, advertise: first!.address }))["token"]).toBe(
      frames.token,
    );
    const networks = listFrames("networks", "network", [
      { name: `${project}_default`, internal: "false", encrypted: "false" },
      { name: `${project}_back`, internal: "true", encrypted: "false" },
      { name: `${project}-edge`, internal: "false", encrypted: "false" },
    ]);
    for (let again = 0; again < 2; again++) {
      value(
        await first!.run("swarm-nodes", {
          project,
          ...listFrames(
            "nodes",
            "node",
            nodes.map((id) => ({ id })),
          ),
          ...networks,
        }),
      );
    }
    expect(first!.docker("node", "ls", "--format", "{{.Status}}").split("\n")).toEqual([
      "Ready",
      "Ready",
      "Ready",
    ]);
    const stranger = await first!.run("swarm-nodes", {
      project,
      timeout: 1,
      ...listFrames("nodes", "node", [{ id: "abc123" }]),
    });
    expect(stranger.code).toBe(20);
    expect(stranger.stderr).toContain("in another swarm");
  });

  test("each host has a proxy; a configuration that Caddy does not take changes nothing", async () => {
    const text = swarmCaddyfile(proxySpec);
    const proxy = { project, image: proxyImage, pull: "never" };
    for (const machine of swarm.machines) {
      expect(value(await machine.run("swarm-proxy-config", { ...proxy, caddyfile: text }))["changed"]).toBe(
        true,
      );
    }
    const stack = proxyStack({ project, image: proxyImage, httpPort: 8080, httpsPort: 8443 });
    expect(value(await manager().run("swarm-proxy", { project, stack, pull: "never" }))["nodes"]).toBe(3);
    const bad = await manager().run("swarm-proxy-config", { ...proxy, caddyfile: "nonsense {" });
    expect(bad.code).toBe(20);
    expect(value(await manager().run("swarm-proxy-config", { ...proxy, caddyfile: text }))["changed"]).toBe(
      false,
    );
  });

  test("the first release runs on every host; its files are closed to others", async () => {
    await writeFiles({});
    const result = await rollout("one");
    expect(value(result)).toMatchObject({ release: "one", changed: true });
    for (const machine of swarm.machines) {
      const checks = listFrames("checks", "check", [
        { path: "/health", port: 8080, scheme: "http", hostname: "api.example.com" },
      ]);
      expect(
        value(await machine.run("swarm-verify", { project, timeout: 20, ...checks }))["answered"],
      ).toEqual({ "/health": 200 });
    }
    expect(statSync(join(root(), "releases/one/stack.yaml")).mode & 0o777).toBe(0o600);
    expect(manager().docker("ps", "--format", "{{.Names}}")).toContain("sample-store-1");
    expect(value(await rollout("one"))["changed"]).toBe(false);
  });

  test("a release under load loses no request and cuts no socket", async () => {
    const events: string[] = [];
    const { result, load } = await underLoad(() =>
      rollout("two", {
        onLine: (line) => events.push(String((JSON.parse(line) as { event?: string }).event)),
      }),
    );
    expect(value(result)).toMatchObject({ release: "two", changed: true });
    expect(events.slice(0, -1)).toEqual(
      "started starting healthy switched draining drained stopped done".split(" "),
    );
    expect(load.failures).toEqual([]);
    expect(load.releases).toEqual(new Set(["one", "two"]));
    expect(load.sockets).toEqual({ closed: 12, cut: 0 });
  });

  test("one that does not become healthy is taken back, its last words shown without secrets; the old one serves", async () => {
    await writeFiles({ BROKEN: "yes" });
    const { result, load } = await underLoad(() => rollout("bad", { frames: { run: "attempt-1" } }));
    await writeFiles({});
    expect(result.code).toBe(21);
    expect(result.stderr).toContain("did not become healthy; two serves");
    expect(result.stderr).toContain("cannot start: password=[secret]");
    expect(result.stderr).not.toContain(password);
    expect(load.failures).toEqual([]);
    expect(load.releases).toEqual(new Set(["two"]));
    expect(load.sockets).toEqual({ closed: 0, cut: 0 });
    expect(readFileSync(join(root(), "current/stack.yaml"), "utf8")).toContain("groundwork.release: two");
    // Who was cut off asks again with the same number, and is told the same end.
    const again = await rollout("bad", { frames: { run: "attempt-1" } });
    expect(again.code).toBe(21);
    expect(again.stderr).toContain("did not become healthy; two serves");
  });

  test("a service beside it does not become healthy: it is put back as it was, and the swarm hears nothing", async () => {
    const side = () => manager().docker("inspect", "--format", "{{json .Config.Cmd}}", "sample-store-1");
    const before = side();
    await writeFiles({}, "not a time");
    const result = await rollout("side");
    await writeFiles({});
    expect(result.code).toBe(21);
    expect(result.stderr).toContain("store did not become healthy within 90 s; two serves");
    expect(side()).toBe(before);
    expect(taken()).toBe("two");
  });

  test("a release that is asked to stop after it has got traffic goes back, its secrets as well", async () => {
    await writeFiles({}, "9998", "tok-2");
    const aborts: Promise<StepResult>[] = [];
    const { result, load } = await underLoad(() =>
      rollout("three", {
        frames: { watch: 30 },
        onLine: (line) => {
          if (line.includes('"switched"'))
            aborts.push(manager().run("rollout-abort", { project, release: "three", reason: "it fails" }));
        },
      }),
    );
    expect(value((await Promise.all(aborts))[0]!)["aborting"]).toBe(true);
    expect(result.code).toBe(22);
    expect(result.stderr).toContain("the release three was taken back: it fails; two serves");
    expect(taken()).toBe("two");
    expect(manager().docker("inspect", "--format", "{{json .Config.Cmd}}", "sample-store-1")).toContain(
      "9999",
    );
    await writeFiles({});
    expect(load.failures).toEqual([]);
  });

  test("a rollback runs the archived release again, and one that is not there is refused", async () => {
    // As a service that is not in its file leaves one.
    const labels = { project, service: "gone", oneoff: "False" };
    manager().docker(
      ...["run", "--detach", "--name", "sample-gone-1", "--network", "none"],
      ...Object.entries(labels).flatMap(([key, label]) => ["--label", `com.docker.compose.${key}=${label}`]),
      ...[appImage, "sleep", "9999"],
    );
    const { result, load } = await underLoad(() => rollout("x", { frames: { to: "one" } }));
    expect(value(result)).toMatchObject({ release: "one", changed: true });
    const names = manager().docker("ps", "--all", "--format", "{{.Names}}").split("\n");
    expect(names).toContain("sample-store-1");
    expect(names).not.toContain("sample-gone-1");
    expect(load.failures).toEqual([]);
    const refused = await rollout("x", { frames: { to: "gone" } });
    expect(refused.code).toBe(23);
    expect(refused.stderr).toMatch(/release gone is not on this host; there are: one two/);
  });

  test("a step that is killed in the middle leaves the old release or the new one serving, and the next run ends it", async () => {
    const { result, load } = await underLoad(async () => {
      const first = rollout("four", {
        onLine: (line) => {
          if (!line.includes('"starting"')) return;
          const holder = readFileSync(join(root(), "lock.holder"), "utf8");
          setTimeout(() => execFileSync("kill", ["-KILL", /process (\d+)/.exec(holder)![1]!]), 1500);
        },
      });
      expect((await first).code).not.toBe(0);
      return rollout("four");
    });
    expect(value(result)).toMatchObject({ release: "four" });
    expect(load.failures).toEqual([]);
    expect([...load.releases].sort()).toEqual(["four", "one"]);
  });

  test("from here over SSH: a cut connection is made anew, the ledger is kept beside the release, a rollback goes back", async () => {
    const ssh = await startSandboxSsh({ directory: manager().home, variables: manager().environment });
    const network = await startNetwork(ssh.server.port);
    try {
      const said: string[] = [];
      const output = await runRollout(
        {
          origin: "api",
          stack: "prod",
          project,
          host: { server: { ...ssh.server, port: network.port } },
          step: "swarm-rollout",
          frames: framesOf("five"),
          probe: { url: `http://${addresses()[1]!}:8080/health`, websocket: "/ws" },
        },
        (line) => {
          said.push(line);
          if (line.includes("switched")) network.cut();
        },
      );
      expect(output).toMatchObject({ release: "five", changed: true });
      expect(output.ledger).toMatchObject({
        armed: true,
        lost: 0,
        reconnects: 1,
        sockets: { dropped: 0 },
      });
      console.log(said.at(-1));

      const { address, user, hostKey, privateKey } = ssh.server;
      const text = `config:
  groundwork:domain: example.com
  groundwork:cloudflare: { accountId: "000000000000000000000000000000a1", zoneId: "000000000000000000000000000000b1" }
  groundwork:hosts:
    one: { address: 203.0.113.10, user: ${user}, hostKey: ${hostKey} }
  groundwork:resolve: ["203.0.113.10:22:${address}:${network.port}"]
  groundwork:origins:
    api:
      kind: swarm
      hosts: [one]
      hostnames: [api.example.com]
      project: ${project}
      composeFile: compose.yaml
      probe: false
      proxy: { tls: none }
      services: { api: { port: 4000, strategy: start-first } }
`;
      const checked = validateStackFile(
        { file: "Pulumi.prod.yaml", text, stack: "prod" },
        { secrets: "optional" },
      );
      if ("issues" in checked) throw new Error(JSON.stringify(checked.issues));
      const config = { stack: "prod", settings: checked.settings, secrets: { SSH_PRIVATE_KEY: privateKey } };
      const [listed] = await listReleases(config, "api");
      expect(listed?.releases[0]).toMatchObject({
        id: "five",
        state: "active",
        images: { api: appImage },
        ledger: { lost: 0 },
      });
      const back = await rollBack(config, { origin: "api" }, {});
      expect(back).toMatchObject({ release: "four", changed: true });
    } finally {
      await network.close();
      await ssh.close();
    }
  });

  test("another configuration of the proxy is taken over without a cut socket", async () => {
    const text = swarmCaddyfile({ ...proxySpec, headers: { "X-Sample": "yes" } });
    const { load } = await underLoad(async () => {
      let last: StepResult | undefined;
      for (const machine of swarm.machines) {
        last = await machine.run("swarm-proxy-config", {
          project,
          image: proxyImage,
          pull: "never",
          caddyfile: text,
        });
        expect(value(last)["changed"]).toBe(true);
      }
      return last!;
    });
    // Caddy ends some idle connections when it reloads; releases never make it do so.
    const others = load.failures.filter((failure) => !/ECONNRESET|socket hang up|EPIPE/.test(failure));
    expect(others).toEqual([]);
    expect(load.failures.length).toBeLessThan(load.sent / 20);
    expect(load.sockets.cut).toBe(0);
    const headers = (await fetch(`http://${addresses()[1]!}:8080/x`)).headers;
    expect(headers.get("x-sample")).toBe("yes");
  });

  test("releases are listed with what is known of them, and only so many are kept", async () => {
    const ledger = await manager().run("rollout-ledger", { project, release: "four", ledger: '{"lost":0}' });
    expect(value(ledger)["kept"]).toBe(true);
    const listed = value(await manager().run("releases", { project })) as {
      active: string;
      previous: string;
      releases: Record<string, unknown>[];
    };
    expect(listed).toMatchObject({ active: "four", previous: "five", running: null });
    expect(listed.releases.map(({ release }) => release)).toEqual(["four", "five"]);
    expect(listed.releases[0]).toMatchObject({
      kind: "swarm",
      images: { api: { reference: appImage } },
      tags: "v1",
      ledger: { lost: 0 },
    });
    expect(existsSync(join(root(), "releases/two"))).toBe(false);
  });
});
