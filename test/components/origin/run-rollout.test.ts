import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { WebSocketServer } from "ws";
import { generateSshKey } from "../../../common/ssh-key";
import { explainRollout } from "../../../components/origin/follow-rollout";
import { type Ledger, readLedger } from "../../../components/origin/ledger";
import { type RolloutInput, rolloutFrames } from "../../../components/origin/rollout-input";
import { runRollout } from "../../../components/origin/run-rollout";
import { SharedConnections } from "../../../remote/shared-connections";
import { type FakeSteps, fakeRollout, fakeSteps } from "../../support/fake-steps";
import { freePort, type RealSsh, realSshKinds, startNetwork, type TestNetwork } from "../../support/open-ssh";

// The steps themselves are tested on Docker; here they are answered by the test, over the real protocol.
jest.mock("../../../remote/scripts", () => ({
  stepCommand: (step: string) => `exec sh -c 'true' groundwork-${step}`,
  stepInput: (_step: string, frames: string) => `script\n${frames}`,
}));

/** The public address: what it answers hangs on which release is active. */
async function startPublic(steps: FakeSteps, statusOf: (active: string) => number) {
  const server: Server = createServer((request, response) => {
    request.resume();
    response.writeHead(statusOf(steps.read("active") ?? "old"));
    response.end("answer");
  });
  const sockets = new WebSocketServer({ server, path: "/live" });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    port,
    /** As a server that drains. */
    closeSockets: (code: number) => sockets.clients.forEach((socket) => socket.close(code)),
    cutSockets: () => sockets.clients.forEach((socket) => socket.terminate()),
    close: () =>
      new Promise<void>((resolve) => {
        for (const client of sockets.clients) client.terminate();
        sockets.close();
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  };
}

type Public = Awaited<ReturnType<typeof startPublic>>;

describe.each(realSshKinds)("a release over %s", (_kind, start) => {
  let steps: FakeSteps;
  let ssh: RealSsh;
  let network: TestNetwork;
  let address: Public | undefined;

  beforeEach(async () => {
    steps = fakeSteps();
    ssh = await start({ directory: steps.directory, bin: steps.bin });
    network = await startNetwork(ssh.server.port);
    steps.answer("rollout", fakeRollout());
  });
  afterEach(async () => {
    await network.close();
    await ssh.close();
    await address?.close();
    address = undefined;
    steps.remove();
  });

  const input = (changes: Partial<RolloutInput> = {}): RolloutInput => ({
    origin: "api",
    stack: "staging",
    project: "sample",
    host: { server: { ...ssh.server, port: network.port }, dialErrorLimit: 3, lockWaitSeconds: 2 },
    frames: rolloutFrames({ release: "r2", rolling: [{ service: "api", port: 4000 }], images: {} }),
    ...(address === undefined
      ? {}
      : { probe: { url: `http://api.localhost:${address.port}/health`, ...here(address) } }),
    ...changes,
  });
  const here = ({ port }: Public) => ({
    resolve: [{ host: "api.localhost", port, toAddress: "127.0.0.1", toPort: port }],
  });

  async function failed(work: Promise<unknown>) {
    const error = await work.then(
      () => new Error("it did not fail"),
      (reason: unknown) => reason,
    );
    const explained = explainRollout(error, { project: "sample", stack: "staging" });
    if (explained === undefined) throw error;
    return explained;
  }

  function kept(): Ledger | undefined {
    const text = steps.read("ledger.json");
    return text === undefined ? undefined : readLedger(JSON.parse(text));
  }

  test("is followed over one connection; nothing is lost; its ledger is kept beside it and given back", async () => {
    address = await startPublic(steps, () => 200);
    const lines: string[] = [];
    const { ledger, ...output } = await runRollout(input(), (line) => lines.push(line));
    expect(output).toEqual({
      step: "rollout",
      origin: "api",
      project: "sample",
      release: "r2",
      colour: "green",
      seconds: 2.5,
      changed: true,
    });
    expect(ledger).toMatchObject({ armed: true, lost: 0, aborted: false, reconnects: 0, notes: [] });
    expect(ledger?.before.requests).toBeGreaterThan(3);
    expect(ledger?.after.requests).toBeGreaterThan(10);
    expect(kept()).toEqual(ledger);
    expect(network.connections()).toBe(1);
    expect(steps.read("steps")).toBe("rollout\nrollout-ledger\n");
    const told = lines.map((line) => /^api: (\w+)/.exec(line)?.[1]);
    expect(told.slice(0, 6)).toEqual(["started", "starting", "healthy", "switched", "stopped", "done"]);
    expect(lines.at(-1)).toMatch(/^api: \d+ requests, 0 lost, p50/);
  });

  test("knows when the switch was although the host's clock is an hour ahead", async () => {
    address = await startPublic(steps, (active) => (active === "r2" ? 404 : 200));
    steps.answer("rollout", fakeRollout({ skewMs: 3_600_000, after: 0.6 }));
    const probe = { ...input().probe!, abortAfter: 0 };
    const { ledger } = await runRollout(input({ probe }), () => undefined);
    expect(ledger?.before.failures).toBe(0);
    expect(ledger?.lost).toBe(ledger?.after.failures);
    expect(ledger?.lostAs).toEqual({ "HTTP 404": ledger?.lost });
    expect(ledger?.lost).toBeGreaterThan(3);
  });

  test("sockets: those that are closed with a frame are told from those that are cut", async () => {
    address = await startPublic(steps, () => 200);
    steps.answer("rollout", fakeRollout({ before: 1, after: 2.5 }));
    const probe = { ...input().probe!, websocket: "/live" };
    const running = runRollout(input({ probe }), (line) => {
      if (line.includes("switched")) setTimeout(() => address?.closeSockets(1012), 800);
    });
    const { ledger } = await running;
    expect(ledger?.sockets).toMatchObject({ closed: 2, dropped: 0 });
    expect(ledger?.sockets.opened).toBeGreaterThanOrEqual(4);
    expect(ledger?.sockets.keptMs).toBeGreaterThan(500);
    const again = await runRollout(input({ probe }), (line) => {
      if (line.includes("switched")) setTimeout(() => address?.cutSockets(), 500);
    });
    expect(again.ledger?.sockets).toMatchObject({ closed: 0, dropped: 2 });
  });

  test("that fails after the switch is switched back, with the reason, and says what was lost", async () => {
    address = await startPublic(steps, (active) => (active === "r2" ? 502 : 200));
    steps.answer("rollout", fakeRollout({ after: 20 }));
    const explained = await failed(runRollout(input(), () => undefined));
    expect(explained.code).toBe(22);
    expect(explained.what).toContain("traffic went back to the one before it");
    expect(explained.value).toContain(
      `5 requests in a row to http://api.localhost:${address.port}/health failed`,
    );
    expect(explained.next).toContain("npx groundwork releases -s staging");
    expect(steps.read("active")).toBe("old");
    expect(kept()).toMatchObject({ aborted: true, armed: true });
    expect(kept()?.lost).toBeGreaterThanOrEqual(5);
    expect(network.connections()).toBe(1);
  });

  test("is not aborted because of an address that did not answer before it either, and says so", async () => {
    address = await startPublic(steps, () => 503);
    const { ledger } = await runRollout(input(), () => undefined);
    expect(ledger).toMatchObject({ armed: false, lost: 0, aborted: false });
    expect(ledger?.notes.join()).toContain("the address did not answer before the release (HTTP 503)");
    expect(steps.read("abort")).toBeUndefined();
  });

  test("whose connection is cut in the middle is followed again to its end; no event is told twice", async () => {
    address = await startPublic(steps, () => 200);
    const lines: string[] = [];
    const running = runRollout(input(), (line) => lines.push(line));
    while (!lines.some((line) => line.includes("switched"))) await sleep(20);
    network.cut();
    const { ledger, changed } = await running;
    expect(changed).toBe(true);
    expect(ledger).toMatchObject({ lost: 0, reconnects: 1 });
    expect(lines.filter((line) => line.includes("switched"))).toHaveLength(1);
    expect(lines.filter((line) => line.includes("following it again"))).toHaveLength(1);
    expect(lines.some((line) => line.startsWith("api: done"))).toBe(true);
    expect(network.connections()).toBe(2);
  });

  test("goes over the connection that the run has dialled, and over one of its own where that breaks", async () => {
    const connections = await SharedConnections.listen();
    Object.assign(process.env, connections?.variables);
    try {
      connections?.dial(input().host);
      while (network.connections() === 0) await sleep(10);
      const lines: string[] = [];
      const running = runRollout(input(), (line) => lines.push(line));
      while (!lines.some((line) => line.includes("switched"))) await sleep(20);
      expect(network.connections()).toBe(1);
      network.cut();
      expect(await running).toMatchObject({ release: "r2", changed: true });
      expect(lines.filter((line) => line.includes("following it again"))).toHaveLength(1);
      expect(network.connections()).toBe(2);
    } finally {
      for (const name of Object.keys(connections?.variables ?? {})) delete process.env[name];
      await connections?.close();
    }
  });

  test("that has ended while nobody could hear it tells its end to who comes back", async () => {
    let cut = false;
    const running = runRollout(input({ host: { ...input().host, dialErrorLimit: 10 } }), (line) => {
      if (cut || !line.includes("started")) return;
      cut = true;
      network.cut();
    });
    while (!cut) await sleep(10);
    // The network is away for longer than the release takes.
    await network.pause(3_000);
    expect(await running).toMatchObject({ release: "r2", changed: true });
  });

  test("is given up, with what to do, where the connection breaks again and again", async () => {
    steps.answer("rollout", "sleep 5");
    const running = failed(runRollout(input(), () => undefined));
    const cutting = setInterval(() => network.cut(), 60);
    const explained = await running.finally(() => clearInterval(cutting));
    expect(explained.what).toMatch(/was cut|dial tcp 127.0.0.1/);
    expect(explained.next).toMatch(/same command again/);
  });

  test("that is not healthy: the step's last lines, and that the old one serves on", async () => {
    steps.answer(
      "rollout",
      `echo '{"event":"starting","at":1,"release":"r2"}'; echo 'rollout: the new release is not healthy: api has ended' >&2; echo 'boot: cannot read config' >&2; exit 21`,
    );
    const explained = await failed(runRollout(input(), () => undefined));
    expect(explained).toMatchObject({ code: 21 });
    expect(explained.what).toContain("what served before serves on");
    expect(explained.value).toContain("boot: cannot read config");
    expect(kept()).toBeUndefined();
  });

  test("that waits for another one says for whom at once, and in the end that nothing was done", async () => {
    steps.answer(
      "rollout",
      `echo 'rollout: waiting for rollout of release r1 (since noon)' >&2; sleep 1; echo 'rollout: still locked by rollout of release r1 (since noon) after 2 s; nothing was done' >&2; exit 75`,
    );
    const heard: number[] = [];
    const began = Date.now();
    const explained = await failed(
      runRollout(input(), (line) => {
        if (line.includes("waiting for rollout of release r1")) heard.push(Date.now() - began);
      }),
    );
    expect(heard).toHaveLength(1);
    expect(Date.now() - began - (heard[0] ?? 0)).toBeGreaterThan(700);
    expect(explained.code).toBe(75);
    expect(explained.what).toContain("another release of sample is under way");
    expect(explained.value).toContain("rollout of release r1");
  });

  test("a rollback that is refused says what can be done", async () => {
    steps.answer("rollout", `echo 'rollout: release r3 has changed the database' >&2; exit 23`);
    const explained = await failed(runRollout(input(), () => undefined));
    expect(explained.code).toBe(23);
    expect(explained.next).toContain("npx groundwork rollback -s staging --downgrade");
    steps.answer(
      "rollout",
      `echo 'rollout: the image app:1 of release r1 is not on this host any more' >&2; exit 23`,
    );
    const gone = await failed(runRollout(input(), () => undefined));
    expect(gone.next).toContain("npx groundwork releases -s staging");
    expect(gone.next).not.toContain("downgrade");
  });

  test("another host key, a refused login, a silent port: said at once, with the next step, and nothing has run", async () => {
    const server = { ...ssh.server, port: network.port };
    const stranger = generateSshKey();
    const cases = [
      [{ ...server, hostKey: stranger.public.trim() }, /host key mismatch/, /ssh_host_ed25519_key/],
      [{ ...server, privateKey: stranger.private }, /unable to authenticate/, /authorized_keys/],
      [{ ...server, port: await freePort() }, /connection refused/, /start sshd/],
    ] as const;
    for (const [other, what, next] of cases) {
      const explained = await failed(
        runRollout(input({ host: { server: other, dialErrorLimit: 0 } }), () => undefined),
      );
      expect(explained.code).toBe(13);
      expect(explained.what).toMatch(what);
      expect(explained.next).toMatch(next);
    }
    expect(steps.read("steps")).toBeUndefined();
  });

  test("that runs already changes nothing and gives the ledger of the time when it was made", async () => {
    address = await startPublic(steps, () => 200);
    await runRollout(input(), () => undefined);
    const ledger = kept();
    steps.write("ledger.json", "untouched");
    steps.write(
      "releases.json",
      `${JSON.stringify({ step: "releases", active: "r2", releases: [{ release: "r2", ledger }] })}\n`,
    );
    steps.answer(
      "rollout",
      `echo '{"step":"rollout","project":"sample","release":"r2","colour":"green","seconds":0.1,"changed":false}'`,
    );
    expect(await runRollout(input(), () => undefined)).toMatchObject({ changed: false, ledger });
    expect(steps.read("ledger.json")).toBe("untouched");
  });

  test("a ledger that the host cannot keep is said, and the release counts", async () => {
    address = await startPublic(steps, () => 200);
    steps.answer("rollout-ledger", `echo 'rollout-ledger: cannot write the ledger' >&2; exit 12`);
    const lines: string[] = [];
    expect(await runRollout(input(), (line) => lines.push(line))).toMatchObject({ changed: true });
    expect(lines.join("\n")).toContain(
      "the ledger was not kept on the host: rollout-ledger: cannot write the ledger",
    );
  });
});
