import { createServer, request, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { connect } from "node:net";
import { listReleases, rollBack } from "../../../automation/releases";
import type { StackConfig } from "../../../automation/stack-config";
import { explainRollout } from "../../../components/origin/follow-rollout";
import type { RolloutInput } from "../../../components/origin/rollout-input";
import { runRollout } from "../../../components/origin/run-rollout";
import { validateStackFile } from "../../../platform/settings";
import type { Frames } from "../../../remote/framing";
import { canStartDaemon } from "../../support/docker-daemon";
import { type RealSsh, startNetwork, startSandboxSsh, type TestNetwork } from "../../support/open-ssh";
import { rolloutHost, type RolloutHost } from "../../support/rollout-host";

jest.setTimeout(240_000);
const describeWithDocker = canStartDaemon ? describe : describe.skip;

/** The public side of the host: passes everything on, and hides what a bad release answers behind errors. */
async function startPublic(to: number) {
  const bad = new Set<string>();
  const server: Server = createServer((incoming, response) => {
    const passed = request(
      { host: "127.0.0.1", port: to, path: incoming.url, method: incoming.method, headers: incoming.headers },
      (answer) => {
        const fails = bad.has(String(answer.headers["x-release"]));
        response.writeHead(fails ? 500 : (answer.statusCode ?? 502));
        answer.pipe(response);
      },
    );
    passed.on("error", () => response.writeHead(502).end());
    incoming.pipe(passed);
  });
  server.on("upgrade", (incoming, socket) => {
    const far = connect(to, "127.0.0.1");
    const lines = Object.entries(incoming.headers).map(([name, value]) => `${name}: ${String(value)}`);
    far.write(`GET ${incoming.url ?? "/"} HTTP/1.1\r\n${lines.join("\r\n")}\r\n\r\n`);
    for (const each of [far, socket]) each.on("error", () => undefined);
    socket.pipe(far).pipe(socket);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    port: (server.address() as AddressInfo).port,
    bad,
    close: () =>
      new Promise<void>((resolve) => {
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  };
}

describeWithDocker("releases from here to a host with real Docker and real Caddy", () => {
  let host: RolloutHost;
  let ssh: RealSsh;
  let network: TestNetwork;
  let address: Awaited<ReturnType<typeof startPublic>>;
  const said: string[] = [];

  beforeAll(async () => {
    host = await rolloutHost();
    for (const release of ["1", "2", "3", "bad"]) host.image(release, { START_MS: 300, DRAIN_MS: 1500 });
    host.image("sick", { UNHEALTHY: 1 });
    await host.prepare();
    ssh = await startSandboxSsh({ directory: host.home, variables: host.environment });
    network = await startNetwork(ssh.server.port);
    address = await startPublic(host.httpPort);
  });
  afterEach(() => said.splice(0));
  afterAll(async () => {
    await address.close();
    await network.close();
    await ssh.close();
    await host.close();
  });

  const log = (line: string) => said.push(line);
  const input = (release: string, frames: Frames = {}): RolloutInput => ({
    origin: "api",
    stack: "prod",
    project: host.project,
    host: { server: { ...ssh.server, port: network.port } },
    frames: host.frames(release, frames),
    probe: { url: `http://127.0.0.1:${address.port}/`, websocket: "/socket" },
  });
  const config = (): StackConfig => {
    const { address: place, user, hostKey } = ssh.server;
    const text = `config:
  groundwork:domain: example.com
  groundwork:cloudflare: { accountId: "000000000000000000000000000000a1", zoneId: "000000000000000000000000000000b1" }
  groundwork:hosts:
    one: { address: 203.0.113.10, user: ${user}, hostKey: ${hostKey} }
  groundwork:resolve: ["203.0.113.10:22:${place}:${network.port}"]
  groundwork:origins:
    api:
      kind: compose
      host: one
      hostnames: [api.example.com]
      project: ${host.project}
      composeFile: compose.yaml
      services: { api: { port: 4000 } }
`;
    const result = validateStackFile(
      { file: "Pulumi.prod.yaml", text, stack: "prod" },
      { secrets: "optional" },
    );
    if ("issues" in result) throw new Error(JSON.stringify(result.issues));
    return { stack: "prod", settings: result.settings, secrets: { SSH_PRIVATE_KEY: ssh.server.privateKey } };
  };
  const served = async () =>
    ((await (await fetch(`http://127.0.0.1:${address.port}/`)).json()) as { release: string }).release;
  const failureOf = async (work: Promise<unknown>) => {
    const error = await work.then(
      () => new Error("it did not fail"),
      (reason: unknown) => reason,
    );
    const explained = explainRollout(error, { project: host.project, stack: "prod" });
    if (explained === undefined) throw error;
    return explained;
  };

  test("the first one: nothing answered before it, which is said", async () => {
    const { changed, ledger } = await runRollout(input("1"), log);
    expect(changed).toBe(true);
    expect(ledger).toMatchObject({ armed: false, lost: 0 });
    expect(await served()).toBe("1");
  });

  test("the second: no request is lost, sockets are closed by their own server after its drain", async () => {
    const { ledger } = await runRollout(input("2"), log);
    expect(ledger).toMatchObject({ armed: true, lost: 0, sockets: { closed: 2, dropped: 0 } });
    expect(ledger?.sockets.keptMs).toBeGreaterThan(1_000);
    expect(ledger?.after.requests).toBeGreaterThan(20);
    expect(await served()).toBe("2");
    expect(await runRollout(input("2"), log)).toMatchObject({ changed: false, ledger });
  });

  test("one that is cut off from us in the middle goes on, and is found again", async () => {
    const cutAt = (line: string) => {
      log(line);
      if (line.includes("draining")) network.cut();
    };
    const { changed, ledger } = await runRollout(input("3"), cutAt);
    expect(changed).toBe(true);
    expect(ledger).toMatchObject({ armed: true, lost: 0, reconnects: 1 });
    expect(said.filter((line) => line.includes("switched"))).toHaveLength(1);
    expect(await served()).toBe("3");
  });

  test("one that fails for its users is switched back; the old one was never stopped", async () => {
    address.bad.add("bad");
    const before = host.docker("ps", "--quiet", "--filter", "name=sample-blue");
    const explained = await failureOf(runRollout(input("bad"), log));
    expect(explained.code).toBe(22);
    expect(explained.value).toContain("5 requests in a row");
    expect(await served()).toBe("3");
    expect(host.docker("ps", "--quiet", "--filter", "name=sample-blue")).toBe(before);
    expect(said.some((line) => /[1-9]\d* lost/.test(line))).toBe(true);
  });

  test("one that is never healthy never gets the traffic, and its last lines are shown", async () => {
    const explained = await failureOf(runRollout(input("sick", { timeout: 4 }), log));
    expect(explained.code).toBe(21);
    expect(explained.what).toContain("what served before serves on");
    expect(await served()).toBe("3");
  });

  test("what is there is listed with its ledgers, and going back takes the release before", async () => {
    const [listed] = await listReleases(config());
    expect(listed?.releases.map(({ id, state, ledger }) => [id, state, ledger?.lost])).toEqual([
      ["3", "active", 0],
      ["2", "previous", 0],
      ["1", "kept", 0],
    ]);
    expect(listed?.releases[0]?.images).toEqual({ api: "rollout-app:3" });
    expect(await rollBack(config(), { log }, {})).toMatchObject({
      release: "2",
      changed: true,
    });
    expect(await served()).toBe("2");
    const [after] = await listReleases(config());
    expect(after?.releases.map(({ id, state }) => `${id} ${state}`)).toEqual([
      "2 active",
      "3 previous",
      "1 kept",
    ]);
  });

  test("two at once: the second waits and says for whom, then goes on; or gives up", async () => {
    const first = runRollout(input("1"), log);
    for (let tries = 0; tries < 1_000 && !said.some((line) => line.includes("starting")); tries++)
      await new Promise((again) => setTimeout(again, 20));
    const lines: string[] = [];
    const impatient = input("3");
    const gaveUp = failureOf(
      runRollout({ ...impatient, host: { ...impatient.host, lockWaitSeconds: 1 } }, (line) =>
        lines.push(line),
      ),
    );
    const second = runRollout(input("3"), (line) => lines.push(line));
    const explained = await gaveUp;
    expect(explained.code).toBe(75);
    expect(explained.value).toContain("rollout of release 1");
    expect(lines.some((line) => line.includes("waiting for rollout of release 1"))).toBe(true);
    expect(await first).toMatchObject({ release: "1", changed: true });
    expect(await second).toMatchObject({ release: "3", changed: true });
    expect(await served()).toBe("3");
  });
});
