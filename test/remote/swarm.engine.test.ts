/** An origin of kind swarm, from its stack file to nothing left: the real command and engine, three real Docker daemons. */
import { randomBytes } from "node:crypto";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { parse, stringify } from "yaml";
import type { OriginReleases } from "../../automation/releases";
import { projectRoot } from "../../common/project-root";
import { findEngine } from "../../sandbox/engine/engine";
import { runEngine } from "../../sandbox/engine/run";
import { type CloudflareServer, startCloudflare } from "../../sandbox/cloudflare/server";
import { installProviders } from "../../sandbox/providers/install";
import { type CommandResult, runProgram } from "../support/command";
import { type RealSsh, startSandboxSsh } from "../support/open-ssh";
import { appImage, proxyImage, startSampleSwarm } from "../support/sample-swarm";
import { canStartMachines, type SwarmMachines } from "../support/swarm-daemons";
import { startSwarmLoad, type SwarmLoad } from "../support/swarm-load";

jest.setTimeout(600_000);
const withMachines = canStartMachines ? describe : describe.skip;
if (!canStartMachines) console.log("skipped: a swarm under the engine (needs root, dockerd, ip and nsenter)");

const [accountId, zoneId] = ["000000000000000000000000000000a1", "000000000000000000000000000000b1"];
const secondImage = "127.0.0.1:9/app:2";
const imageOfService = "{{.Spec.TaskTemplate.ContainerSpec.Image}}";
const composeText = `
services:
  api:
    image: ${appImage}
    environment: {PASSWORD: "\${PASSWORD}"}
    healthcheck:
      test: [CMD, node, -e, "require('http').get('http://127.0.0.1:4000/health',r=>process.exit(r.statusCode==200?0:1)).on('error',()=>process.exit(1))"]
      interval: 1s
      timeout: 5s
      retries: 5
      start_period: 5s
    # All at once: turns of one after the other are tried without the engine.
    deploy: {update_config: {parallelism: 3}}
  store:
    image: ${appImage}
    command: [sleep, "9999"]
`;

withMachines("a swarm of three hosts in a stack file", () => {
  let swarm: SwarmMachines;
  let cloudflare: CloudflareServer;
  let variables: Record<string, string>;
  let directory: string;
  const servers: RealSsh[] = [];
  const apiToken = randomBytes(20).toString("hex");

  const groundwork = (...args: string[]): Promise<CommandResult> =>
    runProgram(
      process.execPath,
      [join(projectRoot(), "bin", "groundwork.js"), ...args, "-s", "prod", "--directory", directory],
      variables,
    );
  const succeed = async (...args: string[]): Promise<CommandResult> => {
    const result = await groundwork(...args);
    if (result.code !== 0) throw new Error(`exit ${String(result.code)}: ${result.all.slice(-5000)}`);
    return result;
  };
  /** Writes the stack file; what the engine has put into it stays. */
  const describeStack = (image: string): void => {
    const file = join(directory, "Pulumi.prod.yaml");
    const names = ["one", "two", "three"];
    const addresses = names.map((_, index) => `203.0.113.${10 + index}`);
    const config = {
      "groundwork:domain": "example.com",
      "groundwork:cloudflare": { accountId, zoneId, apiUrl: cloudflare.url },
      "groundwork:hosts": Object.fromEntries(
        servers.map(({ server }, index) => [
          names[index]!,
          {
            address: addresses[index],
            user: server.user,
            hostKey: server.hostKey,
            privateKeySecret: `SSH_PRIVATE_KEY_${index + 1}`,
          },
        ]),
      ),
      "groundwork:resolve": [
        ...servers.map(({ server }, index) => `${addresses[index]!}:22:${server.address}:${server.port}`),
        `api.example.com:8080:${swarm.machines[1]!.address}:8080`,
      ],
      "groundwork:origins": {
        api: {
          kind: "swarm",
          hosts: names,
          advertiseAddresses: Object.fromEntries(
            swarm.machines.map(({ address }, index) => [names[index]!, address]),
          ),
          hostnames: ["api.example.com"],
          proxied: false,
          project: "sample",
          composeFile: "compose.yaml",
          pull: "never",
          environment: { PASSWORD: { generate: 32 } },
          proxy: { tls: "none", image: proxyImage, httpPort: 8080 },
          probe: { websocketPath: "/ws" },
          verify: [{ path: "/health" }],
          services: {
            api: {
              image,
              port: 4000,
              healthPath: "/health",
              strategy: "start-first",
              replicas: 3,
              drainSeconds: 10,
            },
          },
        },
      },
    };
    const known = parse(readFileSync(file, "utf8")) as { readonly config: object };
    writeFileSync(file, stringify({ ...known, config: { ...known.config, ...config } }));
  };
  /** Something is done while requests go to all three hosts. */
  const underLoad = async (action: () => Promise<CommandResult>): Promise<SwarmLoad> => {
    const load = startSwarmLoad(
      swarm.machines.map(({ address }) => address),
      50,
    );
    let measured: SwarmLoad;
    try {
      await sleep(1000);
      await action();
      await sleep(1000);
    } finally {
      measured = await load.stop();
    }
    console.log(
      `${measured.failures.length} of ${measured.sent} requests lost; longest gap ${measured.longestGapMs} ms; ` +
        `sockets: ${measured.sockets.closed} closed well, ${measured.sockets.cut} cut`,
    );
    return measured;
  };

  /** The release that answers on the third host. */
  const release = async (): Promise<string> =>
    (await fetch(`http://${swarm.machines[2]!.address}:8080/health`)).text();
  const releases = async (): Promise<OriginReleases["releases"]> => {
    const { stdout } = await succeed("releases", "--json");
    return (JSON.parse(stdout) as OriginReleases[])[0]!.releases;
  };
  const countsOfPreview = async (): Promise<Record<string, number>> => {
    const { stdout } = await succeed("preview", "--json");
    return (JSON.parse(stdout) as { readonly counts: Record<string, number> }).counts;
  };

  beforeAll(async () => {
    swarm = await startSampleSwarm();
    for (const { docker } of swarm.machines) {
      const container = docker("create", appImage);
      docker("commit", "--change", "LABEL version=2", container, secondImage);
      docker("rm", container);
    }
    for (const { home, environment, network } of swarm.machines) {
      // Each step runs in the machine's own network, as on a machine of its own.
      const bin = join(home, "bin");
      mkdirSync(bin);
      writeFileSync(join(bin, "sh"), `#!/bin/sh\nexec /usr/bin/nsenter --net=${network} /bin/sh "$@"\n`, {
        mode: 0o755,
      });
      const { DOCKER_HOST = "" } = environment;
      servers.push(await startSandboxSsh({ directory: home, bin, variables: { DOCKER_HOST } }));
    }
    directory = mkdtempSync(join(tmpdir(), "gw-swarm-"));
    for (const folder of ["home", "state", "cloudflare"]) mkdirSync(join(directory, folder));
    cloudflare = await startCloudflare({
      stateDirectory: join(directory, "cloudflare"),
      accountId,
      apiToken,
    });
    await cloudflare.ensureZone({ id: zoneId, name: "example.com" });
    await installProviders({ pulumiHome: join(directory, "home"), policy: "always", path: "" });
    variables = {
      PULUMI_HOME: join(directory, "home"),
      PULUMI_BACKEND_URL: `file://${join(directory, "state")}`,
      PULUMI_CONFIG_PASSPHRASE: randomBytes(12).toString("hex"),
      PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION: "true",
      PULUMI_SKIP_UPDATE_CHECK: "1",
      CLOUDFLARE_BASE_URL: cloudflare.url,
      CLOUDFLARE_API_TOKEN: apiToken,
      NO_COLOR: "1",
    };
    writeFileSync(join(directory, "Pulumi.yaml"), "name: sample\nruntime: nodejs\n");
    writeFileSync(join(directory, "compose.yaml"), composeText);
    const engine = await findEngine();
    await runEngine(engine, ["stack", "init", "prod", "--no-select"], { directory, variables });
    for (const [index, { server }] of servers.entries()) {
      await runEngine(
        engine,
        [
          "config",
          "set",
          "--secret",
          "--path",
          `groundwork:secrets.SSH_PRIVATE_KEY_${index + 1}`,
          "--stack",
          "prod",
        ],
        { directory, variables, input: server.privateKey },
      );
    }
  });
  afterAll(async () => {
    for (const server of servers) await server.close();
    await cloudflare?.close();
    await swarm?.close();
    if (directory !== undefined) rmSync(directory, { recursive: true, force: true });
  });

  test("comes up on all three, and a second preview finds nothing to do", async () => {
    describeStack(appImage);
    await succeed("up");
    for (const { address } of swarm.machines) {
      expect((await fetch(`http://${address}:8080/health`)).status).toBe(200);
    }
    expect(await countsOfPreview()).toEqual({ same: expect.any(Number) as number });
  });

  test("a new image takes over under load: nothing lost, a ledger beside the release", async () => {
    const before = await release();
    describeStack(secondImage);
    const load = await underLoad(() => succeed("up"));
    const after = await release();
    expect(load.failures).toEqual([]);
    expect(load.releases).toEqual(new Set([before, after]));
    expect(load.sockets).toEqual({ closed: 12, cut: 0 });
    expect(swarm.machines[0]!.docker("service", "inspect", "sample_api", "--format", imageOfService)).toBe(
      secondImage,
    );
    const listed = await releases();
    expect(listed).toMatchObject([
      { id: after, state: "active", images: { api: secondImage }, ledger: { armed: true, lost: 0 } },
      { id: before, state: "previous", images: { api: appImage } },
    ]);
  });

  test("a rollback brings the one before back, nothing lost", async () => {
    const [, before] = await releases();
    const load = await underLoad(() => succeed("rollback"));
    expect(load.failures).toEqual([]);
    expect((await releases())[0]).toMatchObject({ id: before?.id, state: "active" });
    expect(await release()).toBe(before?.id);
  });

  test("destroyed from its hosts as well nothing is left: no container, volume, network, folder, swarm or record", async () => {
    const { stderr } = await succeed("destroy", "--from-hosts");
    expect(stderr).toContain("sample is gone from the swarm: 2 services, 2 networks");
    for (const { docker, home } of swarm.machines) {
      expect(docker("ps", "--all", "--quiet")).toBe("");
      expect(docker("volume", "ls", "--quiet")).toBe("");
      expect(docker("network", "ls", "--format", "{{.Name}}").split("\n").sort()).toEqual(
        expect.not.arrayContaining([expect.stringContaining("sample") as string]),
      );
      expect(docker("info", "--format", "{{.Swarm.LocalNodeState}}")).toBe("inactive");
      expect(existsSync(join(home, "groundwork", "sample"))).toBe(false);
    }
    const dns = await fetch(`${cloudflare.url}/zones/${zoneId}/dns_records`, {
      headers: { authorization: `Bearer ${apiToken}` },
    });
    expect(((await dns.json()) as { readonly result: unknown[] }).result).toEqual([]);
    // Once more there is nothing to remove, and nothing to fail.
    expect((await succeed("destroy", "--from-hosts")).stderr).toContain("0 services, 0 networks");
  });
});
