import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { canStartDaemon } from "../support/docker-daemon";
import { Load } from "../support/load";
import { fault, killWorker, rolloutHost, type RolloutHost } from "../support/rollout-host";

jest.setTimeout(600_000);
const describeWithDocker = canStartDaemon ? describe : describe.skip;

describeWithDocker("a rollout that is killed", () => {
  let host: RolloutHost;
  let release = 1;
  let load: Load;
  /** Another image for each rollout: a release that is new. */
  const next = (): string => {
    release += 1;
    host.image(String(release), { START_MS: 100, DRAIN_MS: 300 });
    return String(release);
  };

  beforeAll(async () => {
    host = await rolloutHost();
    host.image("1", { DRAIN_MS: 300 });
    await host.prepare();
    expect(await host.rollout("1")).toMatchObject({ code: 0, stderr: "" });
    load = new Load(host.url, { perSecond: 50 });
    await load.until("1");
  });
  afterAll(async () => {
    const report = await load.stop();
    await host.close();
    expect(report.failures).toEqual([]);
    expect(report.requests).toBeGreaterThan(1000);
  });

  /** What must be true on a host that is at rest. */
  const expectAtRest = async (active: string): Promise<void> => {
    const { stdout } = await host.mustRun("releases");
    expect(JSON.parse(stdout)).toMatchObject({ active, running: null });
    const colour = /-(blue|green):/.exec(host.upstream())?.[1] as "blue" | "green";
    expect(host.colour(colour)).toEqual(["api running"]);
    expect(host.colour(colour === "blue" ? "green" : "blue")).toEqual([]);
    expect(readdirSync(join(host.root, "proxy", "upstreams"))).toEqual(["api"]);
    expect(readFileSync(join(host.root, "colours", colour), "utf8")).toBe(active);
    for (const id of readdirSync(join(host.root, "releases")))
      expect(existsSync(join(host.root, "releases", id, "record.json"))).toBe(true);
    await load.until(active);
  };

  test("at any step of its worker: what served serves on, and the next run goes on from there", async () => {
    const whole = next();
    expect(await host.rollout(whole)).toMatchObject({ code: 0 });
    const steps = readFileSync(join(host.root, "rollouts", whole, "journal"), "utf8")
      .trim()
      .split("\n")
      .map((line) => line.split(" ")[1] ?? "");
    expect(steps).toEqual(
      expect.arrayContaining([
        "preflight",
        "images",
        "archive",
        "start",
        "gate",
        "switch",
        "switched-1",
        "watch",
      ]),
    );
    expect(steps).toEqual(expect.arrayContaining(["enter", "drain", "stop", "prune", "done"]));
    for (const step of new Set(steps)) {
      const id = next();
      const killed = await host.rollout(id, {}, { edit: fault(step, killWorker) });
      expect({ step, code: killed.code }).toEqual({ step, code: 20 });
      expect(killed.stderr).toContain(`was killed on the host at: ${step}.`);
      const again = await host.rollout(id);
      expect({ step, code: again.code, stderr: again.stderr }).toEqual({ step, code: 0, stderr: "" });
      await expectAtRest(id);
    }
  });

  test("by another release after it: what has the traffic is what is true", async () => {
    const switched = next();
    await host.rollout(switched, {}, { edit: fault("watch", killWorker) });
    const other = next();
    expect(await host.rollout(other)).toMatchObject({ code: 0, stderr: "" });
    await expectAtRest(other);
    const { previous } = JSON.parse((await host.mustRun("releases")).stdout) as { previous: string };
    expect(previous).toBe(switched);
  });

  test("a front that is killed changes nothing: the worker goes on, and the same input follows it", async () => {
    const id = next();
    const running = host.start("rollout", host.frames(id, { run: "attempt-1" }));
    await running.until("starting");
    running.kill();
    const again = await host.rollout(id, { run: "attempt-1" });
    expect(again).toMatchObject({ code: 0, result: { changed: true } });
    expect(again.events.map(({ event }) => event)).toEqual(
      expect.arrayContaining([
        "started",
        "starting",
        "healthy",
        "switched",
        "draining",
        "drained",
        "stopped",
        "done",
      ]),
    );
    // The attempt has ended: its end is told again, nothing is done.
    expect(await host.rollout(id, { run: "attempt-1" })).toMatchObject({ stdout: again.stdout });
    expect(await host.rollout(id, { run: "attempt-2" })).toMatchObject({
      code: 0,
      result: { changed: false },
    });
    await expectAtRest(id);
  });

  test("two at once: the second waits, says for whom, and comes after; or gives up", async () => {
    const one = next();
    const other = next();
    const first = host.start("rollout", host.frames(one));
    await first.until("starting");
    const impatient = await host.rollout(other, { lock_wait: 0 });
    expect(impatient).toMatchObject({ code: 75 });
    expect(impatient.stderr).toContain(`still locked by rollout of release ${one} (since `);
    const second = await host.rollout(other);
    expect(second.code).toBe(0);
    expect(second.stderr).toContain(`waiting for rollout of release ${one} (since `);
    expect(second.events[0]).toMatchObject({ event: "queued", release: other });
    expect(await first.done).toMatchObject({ code: 0 });
    await expectAtRest(other);
  });

  test("one that waits is not carried out when who asked for it has gone", async () => {
    const one = next();
    const other = next();
    const first = host.start("rollout", host.frames(one), { edit: fault("gate", "sleep 3") });
    await first.until("starting");
    const second = host.start("rollout", host.frames(other));
    await second.until("queued");
    second.kill();
    expect(await first.done).toMatchObject({ code: 0 });
    await expectAtRest(one);
  });

  test("a fence that has been passed by another worker stops this one before it takes anything away", async () => {
    const id = next();
    const before = host.upstream();
    const result = await host.rollout(id, {}, { edit: fault("switch", 'printf 9999 >"$root/fence"') });
    expect(result).toMatchObject({ code: 75 });
    expect(host.upstream()).toBe(before);
    expect(await host.rollout(id)).toMatchObject({ code: 0 });
    await expectAtRest(id);
  });
});
