import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { connect } from "node:tls";
import { projectRoot } from "../../../common/project-root";
import { type Authority, createAuthority } from "../../../sandbox/certificates";
import { findCaddy } from "../../../sandbox/engine/caddy";
import { caddyImage } from "../../../sandbox/host/images/caddy";
import type { SandboxImage } from "../../../sandbox/host/host";
import { canStartDaemon } from "../../support/docker-daemon";
import { Load } from "../../support/load";
import { ownCaddy, rollingFiles } from "./fixtures/rolling";
import { describeWhere, dockerAnswers, get, hasProgram, type Result, TestHost } from "./support";

jest.setTimeout(300_000);

const ssh = hasProgram("ssh");
const docker = dockerAnswers() || canStartDaemon;
const modes = [
  {
    mode: "process" as const,
    available: process.platform === "linux" && ssh,
    reason: "plain processes need Linux and ssh",
  },
  { mode: "docker" as const, available: docker && ssh, reason: "no Docker daemon answers or can be started" },
];

const application: SandboxImage = {
  names: ["ghcr.io/example/drain"],
  kind: "node-app",
  files: { "app.js": join(projectRoot(), "test", "support", "rollout-app.js") },
  command: ["node", "app.js"],
};

/** Asked again until there is an answer: the server has just been started. */
async function eventually<T>(ask: () => Promise<T>): Promise<T> {
  for (let again = 0; ; again++) {
    try {
      return await ask();
    } catch (error) {
      if (again === 60) throw error;
      await sleep(250);
    }
  }
}

describe.each(modes)("services that are replaced behind Caddy, by $mode", ({ mode, available, reason }) => {
  describeWhere(available, reason)("on the host", () => {
    let host: TestHost;
    let authority: Authority;
    let folder: string;
    const loads: Load[] = [];

    const sh = async (line: string, input = ""): Promise<Result> => {
      const result = await host.ssh(`cd shop && umask 077 && ${line}`, { input });
      if (result.code !== 0)
        throw new Error(`${line}: exit ${String(result.code)}\n${result.stderr.slice(-3000)}`);
      return result;
    };
    const proxy = "docker compose -p shop-proxy --project-directory proxy -f proxy/compose.json";
    const colour = (name: string, release = ""): string =>
      `RELEASE_ID=${release} GROUNDWORK_COLOUR=${name} docker compose -p shop-${name} --project-directory . -f compose.yaml -f compose.colour.yaml -f releases/${name}.json`;
    const point = (file: string, name: string): Promise<Result> =>
      sh(
        `printf %s api-${name}:3000 > proxy/upstreams/.new && mv proxy/upstreams/.new proxy/upstreams/${file}`,
      );
    const web = (): number => host.host.resolvePort(80) ?? 0;
    const visit = (options: { perSecond: number; sockets: number }): Load => {
      const load = new Load(`http://127.0.0.1:${web()}/`, options);
      loads.push(load);
      return load;
    };
    const release = (name: string, id: string): Promise<Result> =>
      sh(
        `cat > releases/${name}.json`,
        JSON.stringify({
          services: { api: { image: `ghcr.io/example/drain:${id}`, environment: { RELEASE_ID: id } } },
        }),
      );
    /** Asks by TLS as a browser would, and verifies what it gets by the sandbox's authority. */
    const askSecurely = (name: string, { path = "/", port = 443 } = {}): Promise<string> =>
      new Promise((resolve, reject) => {
        const socket = connect({
          host: "127.0.0.1",
          port: host.host.resolvePort(port) ?? 0,
          servername: name,
          ca: authority.certificatePem,
        });
        let text = "";
        socket.once("secureConnect", () =>
          socket.write(`GET ${path} HTTP/1.1\r\nHost: ${name}\r\nConnection: close\r\n\r\n`),
        );
        socket.setEncoding("utf8").on("data", (chunk: string) => (text += chunk));
        const end = () => (text === "" ? reject(new Error("no answer")) : resolve(text));
        socket.once("end", end).once("error", reject);
      });

    beforeAll(async () => {
      folder = mkdtempSync(join(tmpdir(), "gw-authority-"));
      authority = await createAuthority(folder, "a test");
      const { certificateFile, keyFile } = authority;
      const program = await findCaddy();
      host = await TestHost.start({
        mode,
        withDocker: mode === "docker",
        images: [application, caddyImage({ program, authority: { certificateFile, keyFile } })],
      });
      await host.ssh(
        "mkdir -p shop/proxy/config shop/proxy/upstreams shop/certificates shop/releases shop/shared",
      );
      for (const [path, text] of Object.entries(rollingFiles)) await sh(`cat > ${path}`, text);
      const own = await authority.issue({ hostnames: ["files.test"] });
      await sh("cat > certificates/origin.pem", own.certificatePem);
      await sh("cat > certificates/origin.key", own.keyPem);
    });
    afterEach(() => Promise.all(loads.splice(0).map((load) => load.stop())));
    afterAll(async () => {
      await host?.remove();
      rmSync(folder, { recursive: true, force: true });
    });

    test("the base project, the shared network and the proxy come up", async () => {
      await sh("docker compose -p shop up -d --wait --no-deps store");
      // As a deployment does: only where it is not there.
      const network = "docker network inspect shop-edge >/dev/null 2>&1 || docker network create shop-edge";
      await sh(network);
      await sh(network);
      await sh(`${proxy} up -d --wait`);
      const named = await sh("docker network inspect --format '{{.Name}}' shop-edge");
      expect(named.stdout.trim()).toMatch(/shop-edge$/);
      expect(web()).toBeGreaterThan(0);
      expect((await get(web())).status).toBeGreaterThanOrEqual(500);
    });

    test("a first colour comes up under its own alias, passes the gate and answers", async () => {
      await release("blue", "one");
      await sh(`${colour("blue")} up -d --no-deps --wait api`);
      await point("api.candidate", "blue");
      const gate = (await sh(`${proxy} port caddy 2020`)).stdout.trim();
      expect(gate).toMatch(/^127\.0\.0\.1:\d+$/);
      expect(JSON.parse((await sh(`curl -s http://${gate}/`)).stdout)).toMatchObject({ release: "one" });
      await point("api", "blue");
      expect(JSON.parse((await get(web())).body)).toMatchObject({ release: "one" });
      // Nothing of the service itself is published any more, and its fixed name is not taken.
      await expect(sh(`${colour("blue")} port api 3000`)).rejects.toThrow(/no port 3000/);
      const state = await sh("docker inspect -f '{{.State.Health.Status}}' shop-blue-api-1");
      expect(state.stdout.trim()).toBe("healthy");
    });

    test("switches under load lose no request, and each socket ends by a close frame at its drain time", async () => {
      const load = visit({ perSecond: 100, sockets: 5 });
      const told: number[] = [];
      let [active, idle] = ["blue", "green"];
      for (let turn = 1; turn <= 3; turn++) {
        await release(idle, `turn-${turn}`);
        await sh(`${colour(idle)} up -d --no-deps --wait api`);
        await point("api", idle);
        await load.until(`turn-${turn}`);
        told.push(Date.now());
        // The drain takes 2 s: longer than the file's own grace period, shorter than `stop -t` gives.
        await sh(`${colour(active)} stop -t 7 api && ${colour(active)} rm -f api`);
        [active, idle] = [idle, active];
      }
      const report = await load.stop();
      expect(report.failures).toEqual([]);
      expect(Object.keys(report.releases)).toEqual(["one", "turn-1", "turn-2", "turn-3"]);
      for (const [turn, id] of ["one", "turn-1", "turn-2"].entries()) {
        const sockets = report.sockets.filter((socket) => socket.release === id);
        expect(sockets).toHaveLength(5);
        for (const { code, closedAt } of sockets) {
          expect(code).toBe(1012);
          expect(closedAt - (told[turn] ?? 0)).toBeGreaterThan(1900);
        }
      }
    });

    test("certificates come from files, or from the sandbox's authority where Caddy gets them by itself", async () => {
      expect(await askSecurely("files.test")).toContain("from files");
      expect(await askSecurely("automatic.test")).toContain("by itself");
    });

    test("a Caddy of the user's own serves by its own Caddyfile, its certificates from the sandbox's authority", async () => {
      const own = "docker compose -p own --project-directory own -f own/compose.yaml";
      await sh("mkdir -p own/caddy && cat > own/compose.yaml", ownCaddy["compose.yaml"]);
      await sh("cat > own/caddy/Caddyfile", ownCaddy.Caddyfile);
      await sh(`${own} up -d --wait`);
      const ask = (name: string, path = "/") => askSecurely(name, { path, port: 9443 });
      expect(await eventually(() => ask("own.test", "/api/here"))).toMatch(
        /^HTTP\/1\.1 200[^]*X-Own: yes[^]*"release":"own"/i,
      );
      expect(await ask("own.test")).toMatch(/^HTTP\/1\.1 200[^]*the rest$/);
      expect(await ask("www.own.test", "/x")).toMatch(/^HTTP\/1\.1 301[^]*Location: https:\/\/own\.test\/x/i);
      const plain = `curl -s -o /dev/null -w '%{http_code} %{redirect_url}' -H 'Host: own.test' http://127.0.0.1:9080/y`;
      expect((await sh(plain)).stdout).toBe("308 https://own.test/y");
      await sh("cat > own/caddy/Caddyfile", "nonsense {");
      // By the container's log, or, where there is a daemon, by the command itself.
      const up = await host.ssh(`cd shop && ${own} up -d --force-recreate caddy`);
      await eventually(async () => {
        const said = up.stderr + (await sh(`${own} logs caddy 2>&1`)).stdout;
        expect(said).toMatch(/Caddyfile cannot be used: Error: syntax error: unexpected token/);
      });
      await sh(`${own} down -v`);
    });

    test("a changed Caddyfile is checked and taken without a restart; sockets stay", async () => {
      const id = `${proxy} ps -q caddy`;
      const before = (await sh(id)).stdout;
      const load = visit({ perSecond: 10, sockets: 3 });
      await load.until("turn-3");
      const text = (rollingFiles["proxy/config/Caddyfile"] ?? "").replace("from files", "changed");
      await sh("cat > proxy/config/.new && mv proxy/config/.new proxy/config/Caddyfile", text);
      const caddy = `${proxy} exec -T caddy caddy`;
      await sh(`${caddy} validate --config /etc/caddy/Caddyfile --adapter caddyfile </dev/null`);
      await sh(`${caddy} reload --config /etc/caddy/Caddyfile --adapter caddyfile </dev/null`);
      expect(await askSecurely("files.test")).toContain("changed");
      // A request on a kept connection may be reset by a reload: why a switch is none.
      const { sockets } = await load.stop();
      expect(sockets.map(({ closedAt }) => closedAt)).toEqual([0, 0, 0]);
      expect((await sh(id)).stdout).toBe(before);
      await sh("cat > proxy/config/.bad", "nonsense {");
      const bad = `${caddy} validate --config /etc/caddy/.bad --adapter caddyfile </dev/null`;
      await expect(sh(bad)).rejects.toThrow(/exit 1/);
    });

    test("a worker outlives the connection that has started it, and holds its lock", async () => {
      const worker =
        "setsid sh -c 'exec 9>worker.lock; flock 9; sleep 2; echo done > worker.done' >/dev/null 2>&1 </dev/null &";
      await sh(worker);
      await sleep(200);
      await expect(sh("flock -n worker.lock true")).rejects.toThrow(/exit 1/);
      await sh("flock -w 10 worker.lock true");
      expect((await sh("cat worker.done")).stdout).toBe("done\n");
    });

    test("a colour that goes takes no network with it that others are in", async () => {
      await sh(`${colour("blue")} down --remove-orphans`);
      await sh(`${colour("green")} ps -q api`);
      expect(JSON.parse((await get(web())).body)).toMatchObject({ release: "turn-3" });
    });
  });
});
