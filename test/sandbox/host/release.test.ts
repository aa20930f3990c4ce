import { join } from "node:path";
import { projectRoot } from "../../../common/project-root";
import { caddyfile } from "../../../components/origin/caddyfile";
import { encodeFrames, type Frames, listFrames } from "../../../remote/framing";
import { type RemoteStep, stepCommand, stepInput } from "../../../remote/scripts";
import { findCaddy } from "../../../sandbox/engine/caddy";
import { caddyImage } from "../../../sandbox/host/images/caddy";
import type { SandboxImage } from "../../../sandbox/host/host";
import { canStartDaemon } from "../../support/docker-daemon";
import { Load } from "../../support/load";
import { rollingFiles } from "./fixtures/rolling";
import { describeWhere, dockerAnswers, get, hasProgram, type Result, TestHost } from "./support";

jest.setTimeout(300_000);

const ssh = hasProgram("ssh");
const modes = [
  {
    mode: "process" as const,
    available: process.platform === "linux" && ssh,
    reason: "plain processes need Linux and ssh",
  },
  {
    mode: "docker" as const,
    available: (dockerAnswers() || canStartDaemon) && ssh,
    reason: "no Docker daemon answers or can be started",
  },
];

const application: SandboxImage = {
  names: ["ghcr.io/example/drain"],
  kind: "node-app",
  files: { "app.js": join(projectRoot(), "test", "support", "rollout-app.js") },
  command: ["node", "app.js"],
};

/** Events and result of a step: its lines of JSON. */
function linesOf({ stdout }: Result): Record<string, unknown>[] {
  return stdout
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as Record<string, unknown>);
}

describe.each(modes)(
  "the steps of a release on the sandbox's host, by $mode",
  ({ mode, available, reason }) => {
    describeWhere(available, reason)("over SSH", () => {
      let host: TestHost;
      const loads: Load[] = [];

      const step = (name: RemoteStep, frames: Frames = {}): Promise<Result> =>
        host.ssh(stepCommand(name), { input: stepInput(name, encodeFrames({ project: "shop", ...frames })) });
      const must = async (name: RemoteStep, frames: Frames = {}): Promise<Record<string, unknown>> => {
        const result = await step(name, frames);
        if (result.code !== 0) throw new Error(`${name}: exit ${String(result.code)}\n${result.stderr}`);
        return linesOf(result).at(-1) ?? {};
      };
      const rollout = (release: string, more: Frames = {}): Promise<Result> =>
        step("rollout", {
          release,
          timeout: 20,
          ...listFrames("rolling", "rolling", [{ service: "api", port: 3000, path: "/healthz", drain: 3 }]),
          ...listFrames("images", "image", [
            { service: "api", reference: `ghcr.io/example/drain:${release}` },
          ]),
          ...more,
        });
      const web = (): number => host.host.resolvePort(80) ?? 0;
      const proxy = (headers: Record<string, string> = {}): Frames => ({
        caddyfile: caddyfile({
          tls: "none",
          hostnames: [],
          httpsPort: 443,
          upstreams: [{ service: "api", port: 3000, rolling: true }],
          routes: { "/*": "api" },
          headers,
          trusted: [],
          graceSeconds: 5,
        }),
        compose: JSON.stringify({
          services: {
            caddy: {
              image: "caddy:2.11.2",
              restart: "unless-stopped",
              ports: ["80:80", "127.0.0.1::2020"],
              volumes: [
                "./proxy/config:/etc/caddy:ro",
                "./proxy/upstreams:/upstreams:ro",
                "./certificates:/certificates:ro",
                "data:/data",
              ],
              networks: ["edge"],
            },
          },
          networks: { edge: { name: "shop-edge", external: true } },
          volumes: { data: {} },
        }),
        ports: "80",
      });

      beforeAll(async () => {
        host = await TestHost.start({
          mode,
          withDocker: mode === "docker",
          images: [application, caddyImage({ program: await findCaddy() })],
        });
      });
      afterEach(() => Promise.all(loads.splice(0).map((load) => load.stop())));
      afterAll(() => host?.remove());

      test("a first release is brought up behind the proxy", async () => {
        await must("prepare-host");
        expect(await must("proxy", proxy())).toMatchObject({ changed: true });
        expect(await must("proxy", proxy())).toMatchObject({ changed: false });
        const files = {
          "compose.yaml": rollingFiles["compose.yaml"],
          "compose.colour.yaml": rollingFiles["compose.colour.yaml"],
          "compose.override.json": "{}",
          ".env": "",
        };
        await must("write-files", {
          ...listFrames(
            "files",
            "file",
            Object.entries(files).map(([path, content = ""]) => ({ path, mode: "0600", content })),
          ),
          check: "compose",
        });
        const first = await rollout("1");
        expect({ code: first.code, stderr: first.stderr.slice(-3000) }).toMatchObject({ code: 0 });
        expect(linesOf(first).at(-1)).toMatchObject({ step: "rollout", changed: true, colour: "blue" });
        expect(JSON.parse((await get(web())).body)).toMatchObject({ release: "1" });
        // Of the rolling service nothing runs in the base project.
        const services = (await host.host.status()).map(({ project, service }) => `${project}/${service}`);
        expect(services.sort()).toEqual(["shop-blue/api", "shop-proxy/caddy", "shop/store"]);
      });

      test("the next one replaces it under load: no request is lost, sockets live until their drain", async () => {
        const load = new Load(`http://127.0.0.1:${web()}/`, { perSecond: 100, sockets: 10 });
        loads.push(load);
        await load.until("1");
        const second = await rollout("2");
        expect({ code: second.code, stderr: second.stderr.slice(-3000) }).toMatchObject({ code: 0 });
        const report = await load.stop();
        expect(report.failures).toEqual([]);
        expect(Object.keys(report.releases)).toEqual(["1", "2"]);
        const told = linesOf(second).find(({ event }) => event === "draining")?.["at"] as number;
        const drained = report.sockets.filter(({ release }) => release === "1");
        expect(drained).toHaveLength(10);
        for (const { code, closedAt } of drained) {
          expect(code).toBe(1012);
          expect(closedAt - told).toBeGreaterThan(1900);
        }
      });

      test("the same release again changes nothing", async () => {
        expect(linesOf(await rollout("2")).at(-1)).toMatchObject({ changed: false });
      });

      test("a release that is not healthy is gone again, and the one before serves on", async () => {
        const bad = await rollout("3", {
          ...listFrames("rolling", "rolling", [
            { service: "api", port: 3000, path: "/health-not", drain: 1 },
          ]),
          timeout: 4,
        });
        expect(bad.code).toBe(21);
        expect(bad.stderr).toContain("answers 404");
        expect(JSON.parse((await get(web())).body)).toMatchObject({ release: "2" });
        expect((await host.host.status()).map(({ project }) => project)).not.toContain("shop-blue");
      });

      test("the proxy takes another configuration without a restart", async () => {
        const id = async (): Promise<string> =>
          (await host.ssh("docker ps -q --filter name=shop-proxy-caddy")).stdout;
        const before = await id();
        expect(before).not.toBe("");
        expect(await must("proxy", proxy({ "X-Changed": "yes" }))).toMatchObject({ changed: true });
        expect((await host.ssh("curl -sI http://127.0.0.1/")).stdout.toLowerCase()).toContain(
          "x-changed: yes",
        );
        expect(await id()).toBe(before);
      });

      test("a port that another project has is refused, with its owner", async () => {
        const other = await step("proxy", { ...proxy(), project: "other" });
        expect(other.code).toBe(20);
        expect(other.stderr).toMatch(/port 80 of the host is taken by the container shop-proxy-caddy-1/);
      });

      test("releases are told, and one goes back", async () => {
        const told = await must("releases");
        expect(told).toMatchObject({ active: "2" });
        const back = await step("rollout", { to: "1", timeout: 20 });
        expect({ code: back.code, stderr: back.stderr.slice(-3000) }).toMatchObject({ code: 0 });
        expect(JSON.parse((await get(web())).body)).toMatchObject({ release: "1" });
      });
    });
  },
);
