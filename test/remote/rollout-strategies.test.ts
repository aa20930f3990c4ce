import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { sleep } from "../../common/processes";
import { caddyfileFrames } from "../../components/origin/deployment";
import { listFrames, type Frames } from "../../remote/framing";
import { canStartDaemon } from "../support/docker-daemon";
import { Load } from "../support/load";
import {
  fault,
  filesWithWeb,
  killWorker,
  nodeBase,
  projectFiles,
  proxyCaddyfile,
  proxyCompose,
  rollingFrames,
  rolloutHost,
  type AppSettings,
  type RolloutHost,
  type RolloutResult,
  type RunOptions,
} from "../support/rollout-host";

// `recreate`, and changes between it and `start-first`, which the scripts see as services with and without two colours.
jest.setTimeout(300_000);
const describeWithDocker = canStartDaemon ? describe : describe.skip;

/** The proxy knows these services, and leads every visitor to the first. */
function route(
  host: RolloutHost,
  { rolling, services = ["api"] }: { readonly rolling: boolean; readonly services?: readonly string[] },
): Promise<unknown> {
  return host.mustRun("proxy", {
    compose: JSON.stringify(proxyCompose(host.project, host.httpPort)),
    ports: String(host.httpPort),
    ...caddyfileFrames({
      ...{ tls: "none", hostnames: [], httpsPort: 443, trusted: [], headers: {}, graceSeconds: 60 },
      upstreams: services.map((service) => ({ service, port: 3000, rolling })),
      routes: { "/*": "api" },
    }),
  });
}

/** The same, where that service runs once. */
async function routeToOnce(host: RolloutHost): Promise<void> {
  await route(host, { rolling: false });
  const edge = { name: `${host.project}-edge`, external: true };
  const routed = { services: { api: { networks: ["app", "edge"] } }, networks: { edge } };
  await host.writeFiles({ ...projectFiles(), "compose.override.json": JSON.stringify(routed) });
}

/** On a host of its own, with these images by their releases. */
async function onHost(
  images: Readonly<Record<string, AppSettings>>,
  work: (host: RolloutHost) => Promise<void>,
): Promise<void> {
  const host = await rolloutHost();
  try {
    for (const [id, settings] of Object.entries(images)) host.image(id, settings);
    await host.prepare();
    await work(host);
  } finally {
    await host.close();
  }
}

const drains = { DRAIN_MS: 100 } as const;

/** A release in which no service has colours. */
function recreate(host: RolloutHost, id: string, options: RunOptions = {}): Promise<RolloutResult> {
  return host.run("rollout", { ...host.frames(id), ...rollingFrames([]) }, options);
}

describeWithDocker("a service that gets colours", () => {
  test("keeps its container until the first release beside it has the traffic, also where one fails before", () =>
    onHost({ one: drains, two: drains, sick: { UNHEALTHY: 1 } }, async (host) => {
      await routeToOnce(host);
      expect(await recreate(host, "one")).toMatchObject({ code: 0, stderr: "" });
      const before = host.beside();
      expect(before).toEqual([
        expect.stringMatching(/^api rollout-app:one /),
        expect.stringMatching(/^side /),
      ]);

      const load = new Load(host.url, { perSecond: 50 });
      try {
        await load.until("one");
        await route(host, { rolling: true });
        // A service that changes and one that is new, beside the one that is kept.
        const changed = {
          services: {
            side: { environment: { CHANGED: "1" } },
            more: { image: nodeBase, command: ["sleep", "9999"] },
          },
        };
        await host.writeFiles({ ...projectFiles(), "compose.override.json": JSON.stringify(changed) });
        const refused = await host.rollout("sick", { timeout: 3 });
        expect(refused.code).toBe(21);
        expect(refused.stderr).toContain("what served before still serves");
        expect(host.beside().filter((line) => line.startsWith("api "))).toEqual([before[0]]);
        expect(host.beside().map((line) => line.split(" ")[0])).toEqual(["api", "side"]);
        expect(host.colour("blue")).toEqual([]);
        expect(await host.rollout("two")).toMatchObject({ code: 0, stderr: "" });
        await load.until("two");
      } finally {
        const { failures } = await load.stop();
        // The reload of changed routes may cut idle connections; nothing is answered by an error.
        expect(failures.filter((line) => line.includes("status"))).toEqual([]);
      }
      expect(host.beside().map((line) => line.split(" ")[0])).toEqual(["more", "side"]);
      expect(host.colour("blue")).toEqual(["api running"]);
      expect(existsSync(join(host.root, "base.kept"))).toBe(false);
      // What runs is what was asked for: the same again changes nothing.
      expect(await host.rollout("two")).toMatchObject({ code: 0, result: { changed: false } });
    }));

  test("keeps it too where Docker does not answer which containers there are: the release is refused", () =>
    onHost({ one: drains, two: drains }, async (host) => {
      expect(await recreate(host, "one")).toMatchObject({ code: 0 });
      const before = host.beside();
      const refused = await host.rollout("two", {}, { edit: fault("base", "containers() { return 1; }") });
      expect(refused.code).toBe(21);
      expect(refused.stderr).toContain("cannot list the containers of sample");
      expect(host.beside()).toEqual(before);
      expect(await host.rollout("two")).toMatchObject({ code: 0, stderr: "" });
      expect(host.beside().map((line) => line.split(" ")[0])).toEqual(["side"]);
    }));

  test("one that was killed after the switch leaves nothing behind: the next run ends what was kept", () =>
    onHost({ one: drains, two: drains }, async (host) => {
      expect(await recreate(host, "one")).toMatchObject({ code: 0 });
      const killed = await host.rollout("two", {}, { edit: fault("drain-kept", killWorker) });
      expect(killed.code).not.toBe(0);
      const services = () => host.beside().map((line) => line.split(" ")[0]);
      expect(services()).toEqual(["api", "side"]);
      expect((await fetch(host.url)).headers.get("x-release")).toBe("two");
      expect(await host.rollout("two")).toMatchObject({ code: 0, result: { changed: false } });
      expect(services()).toEqual(["side"]);
    }));

  test("one that did not run any more is put back where that release fails, and this is said", () =>
    onHost({ one: drains, sick: { UNHEALTHY: 1 } }, async (host) => {
      expect(await recreate(host, "one")).toMatchObject({ code: 0, stderr: "" });
      host.docker("stop", host.beside()[0]?.split(" ")[2] ?? "");
      const refused = await host.rollout("sick", { timeout: 3 });
      expect(refused.code).toBe(21);
      expect(refused.stderr).toContain("what ran before is put back");
      expect(refused.stderr).not.toContain("still serves");
      expect(host.beside()[0]).toContain("api rollout-app:one");
      expect(host.colour("blue")).toEqual([]);
    }));
});

describeWithDocker("a service that runs once from this release on", () => {
  test("ends before its successor starts; what ran is put back where that fails, also after a kill", () =>
    onHost({ one: drains, two: drains, sick: { CRASH_MS: 1 } }, async (host) => {
      const services = () => host.beside().map((line) => line.split(" ")[0]);
      expect(await host.rollout("one")).toMatchObject({ code: 0, stderr: "" });

      const expectPutBack = async (): Promise<void> => {
        const refused = await recreate(host, "sick");
        expect(refused.code).toBe(21);
        expect(refused.stderr).toContain("what ran before is put back");
        expect([host.colour("blue"), services()]).toEqual([["api running"], ["side"]]);
        const answering = async () => (await fetch(host.url)).headers.get("x-release");
        while ((await answering()) !== "one") await sleep(50);
      };
      await expectPutBack();
      expect((await recreate(host, "two", { edit: fault("stopped-lost", killWorker) })).code).not.toBe(0);
      expect(host.colour("blue")).toEqual(["api exited"]);
      await expectPutBack();

      const since = Date.now() / 1000;
      expect(await recreate(host, "two")).toMatchObject({ code: 0, stderr: "" });
      const events = host
        .docker(
          ...["events", "--since", String(since), "--until", String(Date.now() / 1000)],
          ...["--filter", "label=com.docker.compose.service=api"],
          ...["--format", '{{.Action}} {{index .Actor.Attributes "com.docker.compose.project"}}'],
        )
        .split("\n");
      expect(events.filter((line) => /^(start|die) /.test(line))).toEqual([
        "die sample-blue",
        "start sample",
      ]);
      expect([host.colour("blue"), services()]).toEqual([[], ["api", "side"]]);
      expect(await recreate(host, "two")).toMatchObject({ code: 0, result: { changed: false } });
    }));
});

describeWithDocker("a service that runs once", () => {
  test("is waited for by who asks while it is replaced: late, but no error", () =>
    onHost({ one: drains, two: { ...drains, START_MS: 6000 } }, async (host) => {
      await routeToOnce(host);
      expect(await recreate(host, "one")).toMatchObject({ code: 0, stderr: "" });
      const load = new Load(host.url, { perSecond: 50 });
      await load.until("one");
      expect(await recreate(host, "two")).toMatchObject({ code: 0, stderr: "" });
      await load.until("two");
      const { failures, releases } = await load.stop();
      expect(failures).toEqual([]);
      expect(Object.keys(releases)).toEqual(["one", "two"]);
    }));
});

describeWithDocker("a release that changes a strategy and is ended in between", () => {
  let host: RolloutHost;
  beforeAll(async () => {
    host = await rolloutHost();
    for (const id of ["one", "two"]) host.image(id, { DRAIN_MS: 100 });
    host.image("sick", { UNHEALTHY: 1 });
    host.image("ends", { CRASH_MS: 1 });
  });
  beforeEach(() => host.prepare());
  afterEach(() => host.reset());
  afterAll(() => host.close());

  /** A release in which these services have two colours. */
  const release = (id: string, rolling: readonly string[], more: Frames = {}): Frames => ({
    ...host.frames(id, { timeout: 5, ...more }),
    ...rollingFrames(rolling),
    ...listFrames(
      "images",
      "image",
      (rolling.includes("web") || more["web"] ? ["api", "web"] : ["api"]).map((service) => ({
        service,
        reference: `rollout-app:${id}`,
      })),
    ),
  });
  const run = async (frames: Frames, at?: string): Promise<number> =>
    (await host.run("rollout", frames, at === undefined ? {} : { edit: fault(at, killWorker) })).code;
  const beside = (): string[] => host.beside().map((line) => line.split(" ").slice(0, 2).join(" "));
  const upstreams = (): string[] => readdirSync(join(host.root, "proxy", "upstreams"));
  const active = async (): Promise<unknown> =>
    (JSON.parse((await host.mustRun("releases")).stdout) as { active: unknown }).active;

  test("aborted after the first colour had the traffic: the container that was kept has it again", async () => {
    expect(await run(release("one", []))).toBe(0);
    const running = host.start("rollout", release("two", ["api"], { watch: 20 }), {
      edit: fault("switch", "nap 0.1"),
    });
    await running.until("healthy");
    await host.mustRun("rollout-abort", { release: "two", reason: "5 requests failed" });
    expect((await running.done).code).toBe(22);
    expect(upstreams()).toEqual([]);
    expect(beside()[0]).toBe("api rollout-app:one");
    expect(host.colour("blue")).toEqual([]);
  });

  test("killed before the first colour had the traffic: the next run ends what it keeps", async () => {
    expect(await run(release("one", []))).toBe(0);
    expect(await run(release("two", ["api"]), "switch")).not.toBe(0);
    expect(beside()[0]).toBe("api rollout-app:one");
    expect(await run(release("two", ["api"]))).toBe(0);
    expect(beside().map((line) => line.split(" ")[0])).toEqual(["side"]);
    expect(upstreams()).toEqual(["api"]);
  });

  test("killed between two switches: a service that had no colour keeps its container", async () => {
    await host.writeFiles(filesWithWeb());
    expect(await run(release("one", ["api"], { web: "1" }))).toBe(0);
    await route(host, { rolling: true, services: ["api", "web"] });
    expect(await run(release("two", ["web", "api"]), "switched-1")).not.toBe(0);
    expect(upstreams()).toContain("web");
    expect(await run(release("sick", ["web", "api"]))).toBe(21);
    expect(upstreams()).toEqual(["api"]);
    expect(host.upstream()).toMatch(/^api-/);
    expect(beside()).toContain("web rollout-app:one");
    expect(await run(release("two", ["web", "api"]))).toBe(0);
    expect(beside().map((line) => line.split(" ")[0])).toEqual(["side"]);
  });

  test("killed after a colour was stopped, and another release beside it fails: the colour runs again", async () => {
    expect(await run(release("one", ["api"]))).toBe(0);
    expect(await run(release("two", []), "stopped-lost")).not.toBe(0);
    expect(host.colour("blue")).toEqual(["api exited"]);
    expect(await run(release("sick", ["api"]))).toBe(21);
    expect(host.colour("blue")).toEqual(["api running"]);
    expect(upstreams()).toEqual(["api"]);
    expect(await active()).toBe("one");
  });

  test("killed once the service runs without a colour: that is the release that is put back", async () => {
    expect(await run(release("one", ["api"]))).toBe(0);
    expect(await run(release("two", []), "entered")).not.toBe(0);
    expect(await run(release("ends", []))).toBe(21);
    expect(beside()[0]).toBe("api rollout-app:two");
    expect(await active()).toBe("two");
    expect([host.colour("blue"), upstreams()]).toEqual([[], []]);
  });

  test("a rollback to where the proxy does not lead is refused before anything stops", async () => {
    await route(host, { rolling: false });
    expect(await run(release("one", []))).toBe(0);
    await route(host, { rolling: true });
    expect(await run(release("two", ["api"]))).toBe(0);
    // A later configuration: where the routes led before is not kept any more.
    await host.mustRun("proxy", {
      compose: JSON.stringify(proxyCompose(host.project, host.httpPort)),
      ports: String(host.httpPort),
      caddyfile: proxyCaddyfile({ "X-Later": "1" }),
      routed: "api",
    });
    const refused = await host.run("rollout", { to: "one" });
    expect(refused.code).toBe(23);
    expect(refused.stderr).toContain("the proxy leads to api as to a service of start-first");
    expect(host.colour("blue")).toEqual(["api running"]);
  });
});
