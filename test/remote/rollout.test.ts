import { listFrames } from "../../remote/framing";
import { canStartDaemon } from "../support/docker-daemon";
import { Load } from "../support/load";
import { projectFiles, rolloutHost, type RolloutHost } from "../support/rollout-host";

jest.setTimeout(180_000);
const describeWithDocker = canStartDaemon ? describe : describe.skip;

describeWithDocker("a rollout on real Docker behind real Caddy", () => {
  let host: RolloutHost;
  beforeAll(async () => {
    host = await rolloutHost();
  });
  afterAll(() => host.close());

  test("replaces the release under load: no request is lost, sockets live until their drain", async () => {
    host.image("1", { START_MS: 500 });
    host.image("2", { START_MS: 2000, DRAIN_MS: 2000 });
    await host.prepare();
    const first = await host.rollout("1");
    expect(first).toMatchObject({ code: 0, stderr: "", result: { changed: true, colour: "blue" } });
    const load = new Load(host.url, { perSecond: 200, sockets: 50 });
    await load.until("1");
    const second = await host.rollout("2");
    expect(second).toMatchObject({ code: 0, stderr: "", result: { changed: true, colour: "green" } });
    const report = await load.stop();
    expect(report.failures).toEqual([]);
    expect(report.releases["2"]).toBeGreaterThan(0);
    const drained = report.sockets.filter((socket) => socket.release === "1");
    expect(drained).toHaveLength(50);
    const told = second.events.find(({ event }) => event === "draining")!.at;
    for (const socket of drained) {
      expect(socket.code).toBe(1012);
      expect(socket.closedAt).toBeGreaterThanOrEqual(told + 1000);
    }
  });

  test("without a health path and a health check: waits until the release listens", async () => {
    // Longer than the proxy itself tries to reach a container.
    host.image("3", { START_MS: 6000, DRAIN_MS: 100 });
    const files = projectFiles();
    await host.prepare({
      "compose.yaml": files["compose.yaml"]!.replace(/^ {4}healthcheck:\n(?: {6}.*\n)+/m, ""),
    });
    const load = new Load(host.url, { perSecond: 50 });
    await load.until("2");
    const third = await host.rollout(
      "3",
      listFrames("rolling", "rolling", [{ service: "api", port: 3000, path: "" }]),
    );
    expect(third).toMatchObject({ code: 0, stderr: "", result: { changed: true } });
    await load.until("3");
    expect((await load.stop()).failures).toEqual([]);
    expect(host.docker("ps", "--filter", "name=sample-blue", "--format", "{{.Status}}")).not.toContain(
      "health",
    );
  });
});
