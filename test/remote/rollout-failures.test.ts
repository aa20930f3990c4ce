import { existsSync, readdirSync, readFileSync } from "node:fs";
import { type AddressInfo, createServer } from "node:net";
import { join } from "node:path";
import type { CaddyfileSpec } from "../../components/origin/caddyfile";
import { caddyfileFrames } from "../../components/origin/deployment";
import { listFrames, type Frames } from "../../remote/framing";
import { canStartDaemon } from "../support/docker-daemon";
import { Load } from "../support/load";
import {
  fault,
  filesWithWeb,
  projectFiles,
  proxyCaddyfile,
  proxyCompose,
  rollingFrames,
  rolloutHost,
  type RolloutHost,
} from "../support/rollout-host";

jest.setTimeout(300_000);
const describeWithDocker = canStartDaemon ? describe : describe.skip;

describeWithDocker("a release that cannot be", () => {
  let host: RolloutHost;
  let load: Load;

  beforeAll(async () => {
    host = await rolloutHost();
    host.image("good", { DRAIN_MS: 300 });
    await host.prepare({ ".redact": "a-generated-secret" });
    expect(await host.rollout("good")).toMatchObject({ code: 0, stderr: "" });
    load = new Load(host.url, { perSecond: 50, sockets: 3 });
    await load.until("good");
  });
  afterAll(async () => {
    const report = await load.stop();
    await host.close();
    expect(report.failures).toEqual([]);
    // Two of those that failed had the traffic for a moment, as they were to.
    const brief = ["abort", "late"];
    expect(Object.keys(report.releases).filter((id) => !brief.includes(id))).toEqual(["good"]);
    expect(report.sockets.filter(({ code }) => code !== 0)).toEqual([]);
  });
  // Whatever was tried: the good one has the traffic, its container was never stopped, and nothing is left over.
  afterEach(async () => {
    expect(host.upstream()).toBe("api-blue:3000");
    expect(host.colour("green")).toEqual([]);
    expect(readdirSync(join(host.root, "proxy", "upstreams"))).toEqual(["api"]);
    expect(readdirSync(join(host.root, "releases"))).toEqual(["good"]);
    const { stdout } = await host.mustRun("releases");
    expect(JSON.parse(stdout)).toMatchObject({ active: "good", running: null });
  });

  test("never healthy: removed again, with its last lines", async () => {
    host.image("sick", { UNHEALTHY: 1 });
    const result = await host.rollout("sick", { timeout: 3 });
    expect(result.code).toBe(21);
    expect(result.stderr).toContain("api answers 500 to /healthz instead of 2xx or 3xx, for 3 s");
    expect(result.stderr).toContain("what served before still serves");
    expect(result.stderr).toContain("release sick listens");
    expect(result.events.at(-1)).toMatchObject({ event: "failed", release: "sick" });
  });

  test("ends by itself: told at once, without secrets", async () => {
    host.image("crash", { CRASH_MS: 300, DATABASE_URL: "postgres://app:a-generated-secret@db/app" });
    const started = Date.now();
    const result = await host.rollout("crash", { timeout: 60 });
    expect(result.code).toBe(21);
    expect(Date.now() - started).toBeLessThan(30_000);
    expect(result.stderr).toMatch(/not healthy: api ends again and again/);
    expect(result.stderr).toContain("no database at postgres://app:[secret]@db/app");
    expect(result.stderr).not.toContain("a-generated-secret");
  });

  test("wrong health path: says what it answers", async () => {
    const result = await host.run("rollout", {
      ...host.frames("good", { release: "path", timeout: 3 }),
      ...listFrames("rolling", "rolling", [{ service: "api", port: 3000, path: "/healthy", drain: 1 }]),
    });
    expect(result.code).toBe(21);
    expect(result.stderr).toContain("api answers 404 to /healthy instead of 2xx or 3xx");
  });

  test.each([
    ["wrong port", "/healthz", ""],
    ["wrong port, without a health path", "", " (502 to /, which is asked as it has no healthPath)"],
  ])("%s: says that nothing answers there", async (_, path, more) => {
    const result = await host.run("rollout", {
      ...host.frames("good", { release: "port", timeout: 3 }),
      ...listFrames("rolling", "rolling", [{ service: "api", port: 3001, path, drain: 1 }]),
    });
    expect(result.code).toBe(21);
    expect(result.stderr).toContain(`api did not answer on port 3001 within 3 s${more}`);
  });

  test("its image is not to be had", async () => {
    const missing = "127.0.0.1:9/nobody/app:1";
    const result = await host.rollout("missing", { image_1_reference: missing });
    expect(result.code).toBe(20);
    expect(result.stderr).toContain(`the image ${missing} cannot be had; what served before still serves`);
    expect(result.events.map(({ event }) => event)).toEqual(["started", "pulling", "failed"]);
  });

  test("too little disk: refused before anything is started", async () => {
    const result = await host.rollout("full", { min_free_mb: 999_999_999 });
    expect(result.code).toBe(12);
    expect(result.stderr).toMatch(/MB are free under .*, 999999999 MB are needed/);
  });

  test("a disk that becomes full at the switch: the traffic stays where it was", async () => {
    host.image("late", { DRAIN_MS: 300 });
    const result = await host.rollout("late", {}, { edit: fault("switched-1", "fail 12 'no space left'") });
    expect(result.code).toBe(12);
    expect(result.stderr).toContain("no space left");
  });

  test("aborted after the switch: the old one has the traffic again", async () => {
    host.image("abort", { DRAIN_MS: 300 });
    // Told as soon as it has the traffic; the load above would see it, so this test looks at the files alone.
    const running = host.start("rollout", host.frames("abort", { watch: 20 }), {
      edit: fault("switch", "nap 0.1"),
    });
    await running.until("healthy");
    const abort = await host.mustRun("rollout-abort", { release: "abort", reason: "5 requests failed" });
    expect(JSON.parse(abort.stdout)).toMatchObject({ aborting: true });
    const result = await running.done;
    expect(result.code).toBe(22);
    expect(result.stderr).toContain("release abort was aborted (5 requests failed)");
    expect(result.events.at(-1)).toMatchObject({ event: "aborted", message: "5 requests failed" });
    expect(JSON.parse((await host.mustRun("rollout-abort", { release: "abort" })).stdout)).toMatchObject({
      aborting: false,
    });
  });

  test("a service beside it does not become healthy: it is put back as it was", async () => {
    const side = () => host.docker("inspect", "--format", "{{json .Config.Cmd}}", "sample-side-1");
    const before = side();
    const files = projectFiles();
    const list = {
      ...files,
      "compose.yaml": files["compose.yaml"]!.replace('["sleep", "1000000"]', '["false"]'),
    };
    await host.writeFiles(list);
    host.image("side");
    const result = await host.rollout("side", { timeout: 5 });
    expect(result.code).toBe(21);
    expect(result.stderr).toContain("the services without a colour did not become healthy");
    expect(side()).toBe(before);
    expect(readFileSync(join(host.root, "compose.yaml"), "utf8")).toContain('["sleep", "1000000"]');
    await host.prepare({ ".redact": "a-generated-secret" });
  });
});

describeWithDocker("the proxy", () => {
  let host: RolloutHost;
  beforeAll(async () => {
    host = await rolloutHost();
    host.image("a");
  });
  afterAll(() => host.close());
  const frames = (more: object, port = host.httpPort) => ({
    caddyfile: proxyCaddyfile(),
    compose: JSON.stringify(proxyCompose(host.project, port)),
    ports: String(port),
    ...more,
  });

  test("a port that is taken is told with its owner", async () => {
    const squatter = createServer();
    await new Promise<void>((resolve) => squatter.listen(0, "127.0.0.1", resolve));
    const { port } = squatter.address() as AddressInfo;
    const taken = await host.run("proxy", frames({}, port));
    await new Promise((resolve) => squatter.close(resolve));
    expect(taken.code).toBe(20);
    expect(taken.stderr).toMatch(
      new RegExp(`port ${port} of the host is taken by the process ".*",pid=${process.pid}`),
    );

    const name = ["--name", "squatter", "--publish", `127.0.0.1:${port}:1`];
    host.docker("run", "--detach", ...name, "rollout-node:base", "sleep", "99");
    const container = await host.run("proxy", frames({}, port));
    host.docker("rm", "--force", "squatter");
    expect(container.code).toBe(20);
    expect(container.stderr).toContain(`port ${port} of the host is taken by the container squatter`);
  });

  test("a bad file is refused; a good one is loaded by the same container and cuts no socket", async () => {
    await host.prepare();
    expect(await host.rollout("a")).toMatchObject({ code: 0, stderr: "" });
    const load = new Load(host.url, { perSecond: 1, sockets: 10 });
    await load.until("a");
    const bad = await host.run("proxy", frames({ caddyfile: `${proxyCaddyfile()}\nnonsense {` }));
    expect(bad.code).toBe(20);
    expect(bad.stderr).toContain("Caddy refuses the Caddyfile; what ran before still runs");

    const container = () => host.docker("ps", "--quiet", "--filter", "name=sample-proxy");
    const before = container();
    const changed = frames({ caddyfile: proxyCaddyfile({ "X-Route": "new" }) });
    const { stdout } = await host.mustRun("proxy", changed);
    expect(JSON.parse(stdout)).toMatchObject({ changed: true });
    expect((await fetch(host.url)).headers.get("x-route")).toBe("new");
    expect(container()).toBe(before);
    expect(JSON.parse((await host.mustRun("proxy", changed)).stdout)).toMatchObject({ changed: false });
    const report = await load.stop();
    expect(report.sockets).toHaveLength(10);
    expect(report.sockets.every(({ code }) => code === 0)).toBe(true);
  });

  test("one that was killed between its files and the proxy is gone on with, reload and container alike", async () => {
    const killed = (script: string) => script.replace(/^file=compose\.json$/m, () => "kill -9 $$");
    const header = async () => (await fetch(host.url)).headers.get("x-route");
    const loaded = frames({ caddyfile: proxyCaddyfile({ "X-Route": "after a kill" }) });
    expect((await host.run("proxy", loaded, { edit: killed })).code).not.toBe(0);
    expect(await header()).not.toBe("after a kill");
    expect(JSON.parse((await host.mustRun("proxy", loaded)).stdout)).toMatchObject({ changed: true });
    expect(await header()).toBe("after a kill");
    expect(JSON.parse((await host.mustRun("proxy", loaded)).stdout)).toMatchObject({ changed: false });

    const labels = () => host.docker("ps", "--filter", "name=sample-proxy", "--format", "{{.Labels}}");
    const definition = proxyCompose(host.project, host.httpPort) as { services: { caddy: object } };
    Object.assign(definition.services.caddy, { labels: { "test.definition": "newer" } });
    const newer = { ...loaded, compose: JSON.stringify(definition) };
    expect((await host.run("proxy", newer, { edit: killed })).code).not.toBe(0);
    expect(labels()).not.toContain("test.definition=newer");
    await host.mustRun("proxy", newer);
    expect(labels()).toContain("test.definition=newer");
    expect(await header()).toBe("after a kill");
    await host.mustRun("proxy", loaded);
  });

  test("a route to a service that has had no release leads where it led before, until that one serves", async () => {
    const spec = (service: string): CaddyfileSpec => ({
      tls: "none",
      hostnames: [],
      httpsPort: 443,
      upstreams: ["api", ...(service === "api" ? [] : [service])].map((name) => ({
        service: name,
        port: 3000,
        rolling: true,
      })),
      routes: { "/*": service },
      headers: { "X-Route": service },
      trusted: [],
      graceSeconds: 60,
    });
    host.image("bad", { UNHEALTHY: 1 });
    host.image("web", { VERSION: "web" });
    await host.mustRun("proxy", frames(caddyfileFrames(spec("api"))));
    const release = (web: string): Frames => ({
      timeout: 8,
      ...rollingFrames(["api", "web"]),
      ...listFrames("images", "image", [
        { service: "api", reference: "rollout-app:a" },
        { service: "web", reference: `rollout-app:${web}` },
      ]),
    });
    const load = new Load(host.url, { perSecond: 50 });
    try {
      await load.until("a");
      await host.mustRun("proxy", frames(caddyfileFrames(spec("web"))));
      await host.writeFiles(filesWithWeb());
      expect((await fetch(host.url)).headers.get("x-route")).toBe("web");
      expect((await host.rollout("bad", release("bad"))).code).toBe(21);
      expect((await fetch(host.url)).headers.get("x-release")).toBe("a");
      expect(await host.rollout("split", release("web"))).toMatchObject({ code: 0, stderr: "" });
      expect((await fetch(host.url)).headers.get("x-release")).toBe("web");
      await load.until("web");
    } finally {
      const { failures } = await load.stop();
      // The reload of changed routes may cut idle connections; nothing is answered by an error.
      expect(failures.filter((line) => line.includes("status"))).toEqual([]);
    }
    // Back to one route for those that come after.
    await host.mustRun("proxy", frames({}));
    await host.writeFiles(projectFiles());
    expect(await host.rollout("a")).toMatchObject({ code: 0 });
  });

  test("one that was killed comes back with the release that has the traffic, by the next rollout or the same one again", async () => {
    const stopProxy = () =>
      host.docker("stop", ...host.docker("ps", "--quiet", "--filter", "name=sample-proxy").split("\n"));
    const served = async () => (await fetch(host.url)).headers.get("x-release");
    stopProxy();
    host.image("b", { DRAIN_MS: 100 });
    expect(await host.rollout("b")).toMatchObject({ code: 0, stderr: "" });
    expect(await served()).toBe("b");
    stopProxy();
    expect(await host.rollout("b")).toMatchObject({ code: 0, stderr: "", result: { changed: false } });
    expect(await served()).toBe("b");
  });
});

describeWithDocker("releases that were", () => {
  let host: RolloutHost;
  const releases = async () =>
    JSON.parse((await host.mustRun("releases")).stdout) as {
      active: string;
      previous: string;
      releases: { release: string; ledger?: object; config?: string }[];
    };

  beforeAll(async () => {
    host = await rolloutHost();
    await host.prepare();
  });
  afterAll(() => host.close());
  /** Makes the image anew as well: that of a release which is not kept any more has gone with it. */
  const deploy = async (id: string, more: Frames = {}): Promise<void> => {
    host.image(id, { DRAIN_MS: 100 });
    expect(await host.rollout(id, more)).toMatchObject({ code: 0, stderr: "" });
  };

  test("are kept with what they were made of, and gone back to as one", async () => {
    const files = (greeting: string) => {
      const list = { ...projectFiles(), "release.env": `GREETING=${greeting}\n` };
      return host.writeFiles(list);
    };
    await files("one");
    await deploy("a", { record: '{"config":"c1"}' });
    await files("two");
    await deploy("b", { record: '{"config":"c2"}' });
    await host.mustRun("rollout-ledger", { release: "b", ledger: '{"requests":10,"failures":0}' });
    expect(await releases()).toMatchObject({
      active: "b",
      previous: "a",
      releases: [
        { release: "b", config: "c2", ledger: { requests: 10, failures: 0 } },
        { release: "a", config: "c1" },
      ],
    });
    const greeting = () =>
      host.docker(
        "inspect",
        "--format",
        "{{json .Config.Env}}",
        ...host.docker("ps", "-q", "--filter", "label=com.docker.compose.service=api").split("\n"),
      );
    expect(greeting()).toContain("GREETING=two");

    const back = await host.run("rollout", { to: "previous", timeout: 15 });
    expect(back).toMatchObject({ code: 0, stderr: "", result: { release: "a", changed: true } });
    expect(greeting()).toContain("GREETING=one");
    expect(greeting()).toContain("RELEASE_ID=a");
    expect(await releases()).toMatchObject({ active: "a", previous: "b" });

    // The next release is made of the files that were written last, not of those that were gone back to.
    await deploy("c");
    expect(greeting()).toContain("GREETING=two");
  });

  test("a tag that has moved: the image that the release had is the one gone back to", async () => {
    host.image("moved-1", { DRAIN_MS: 100 }, "rollout-app:moved");
    await host.rollout("m1", { image_1_reference: "rollout-app:moved" });
    host.image("moved-2", { DRAIN_MS: 100 }, "rollout-app:moved");
    await host.rollout("m2", { image_1_reference: "rollout-app:moved" });
    const label = () =>
      host.docker(
        "inspect",
        "--format",
        '{{index .Config.Labels "release"}}',
        host.docker("ps", "-q", "--filter", "label=com.docker.compose.service=api"),
      );
    expect(label()).toBe("moved-2");
    expect(await host.run("rollout", { to: "m1", timeout: 15 })).toMatchObject({ code: 0 });
    expect(label()).toBe("moved-1");
  });

  test("a tag that has moved, and the image that it meant has gone: refused, and nothing is written over", async () => {
    const image = () => readFileSync(join(host.root, "releases", "m2", "images"), "utf8");
    const before = image();
    host.image("moved-2b", { DRAIN_MS: 100 }, "rollout-app:moved");
    host.docker("image", "prune", "--force");
    const refused = await host.run("rollout", { to: "m2", timeout: 15 });
    expect(refused.code).toBe(23);
    expect(refused.stderr).toContain(
      "the image rollout-app:moved of release m2 is not on this host any more",
    );
    expect(image()).toBe(before);
    expect((await releases()).active).toBe("m1");
  });

  test("the same tag with a new image is a change", async () => {
    host.image("moved-3", { DRAIN_MS: 100 }, "rollout-app:moved");
    expect(await host.rollout("m3", { image_1_reference: "rollout-app:moved" })).toMatchObject({
      result: { changed: true },
    });
    expect(await host.rollout("m3", { image_1_reference: "rollout-app:moved" })).toMatchObject({
      result: { changed: false },
    });
    host.image("moved-4", { DRAIN_MS: 100 }, "rollout-app:moved");
    expect(await host.rollout("m3", { image_1_reference: "rollout-app:moved" })).toMatchObject({
      result: { changed: true },
    });
  });

  test("across a breaking migration: refused, naming it and what to do", async () => {
    await deploy("a");
    await deploy("b", { record: '{"breaking":true}' });
    const refused = await host.run("rollout", { to: "a", timeout: 15 });
    expect(refused.code).toBe(23);
    expect(refused.stderr).toContain(
      "release b has changed the database so that release a cannot work with it",
    );
    expect(refused.stderr).toContain("--downgrade");
    expect((await releases()).active).toBe("b");
    expect(await host.run("rollout", { to: "a", timeout: 15, forced: "schema" })).toMatchObject({ code: 0 });
  });

  test("more than are kept: the oldest go, with their images, but never the one to go back to", async () => {
    for (const id of ["b", "c", "d"]) await deploy(id, { keep: 2 });
    expect((await releases()).releases.map(({ release }) => release)).toEqual(["d", "c"]);
    expect(host.docker("images", "--format", "{{.Tag}}", "rollout-app").split("\n").sort()).toEqual([
      "c",
      "d",
    ]);
    const gone = await host.run("rollout", { to: "a" });
    expect(gone.code).toBe(23);
    expect(gone.stderr).toContain("release a is not on this host; there are: c d");
  });

  test("whose image has gone: refused before anything stops", async () => {
    host.docker("image", "rm", "--force", "rollout-app:c");
    const refused = await host.run("rollout", { to: "c" });
    expect(refused.code).toBe(23);
    expect(refused.stderr).toContain("the image rollout-app:c of release c is not on this host any more");
    expect((await releases()).active).toBe("d");
  });

  test("a reboot in the middle: the host comes back with the release that has the traffic, and the next run goes on", async () => {
    host.image("e", { START_MS: 60_000 });
    const running = host.start("rollout", host.frames("e", { timeout: 100 }), {
      edit: fault("gate", 'kill -9 "-$$"'),
    });
    expect(await running.done).toMatchObject({ code: 20 });
    await host.daemon.reboot();
    const load = new Load(host.url, { perSecond: 20 });
    await load.until("d");
    expect((await releases()).active).toBe("d");
    host.image("f", { DRAIN_MS: 100 });
    expect(await host.rollout("f")).toMatchObject({ code: 0, stderr: "" });
    await load.until("f");
    await load.stop();
    expect(existsSync(join(host.root, "releases", "e"))).toBe(false);
    expect(existsSync(join(host.root, "rollouts", "e"))).toBe(false);
  });
});
