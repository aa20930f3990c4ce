import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseDocument, stringify } from "yaml";
import { projectRoot } from "../common/project-root";
import type { SshServer } from "../remote/access";
import { bringUpSandbox } from "../sandbox/bring-up";
import { ensureKeyPair } from "../sandbox/host/keys";
import { hostLayout } from "../sandbox/host/layout";
import { removeSandbox } from "../sandbox/sandbox";
import { openSsh, startOpenSsh } from "../test/support/open-ssh";
import type { AppSettings, RolloutHost } from "../test/support/rollout-host";
import type { Deployer } from "./deploy";

const stack = "bench-deploy";
const image = "rollout-app";

/**
 * The whole way by command: `groundwork up`, the engine, OpenSSH, the worker, plain Docker. Only Cloudflare's API is the
 * sandbox's: its own host, whose `docker` is a wrapper that costs time, is left aside.
 */
export async function byCommand(host: RolloutHost, app: AppSettings): Promise<Deployer> {
  if (!existsSync(openSsh)) throw new Error("not here: an SSH server (apt-get install openssh-server)");
  const home = mkdtempSync(join(tmpdir(), "groundwork-bench-"));
  const before = { ...process.env };
  Object.assign(process.env, { GROUNDWORK_HOME: home, DOCKER_HOST: host.daemon.host });
  const restore = (): void => {
    for (const name of ["GROUNDWORK_HOME", "DOCKER_HOST"]) {
      if (before[name] === undefined) delete process.env[name];
      else process.env[name] = before[name];
    }
  };
  const stackFile = join(home, `Pulumi.${stack}.yaml`);
  writeFileSync(stackFile, stackText("0", host.httpPort));
  const say = (line: string): void => console.error(line);
  const ready = await bringUpSandbox({ stack, stackFile, docker: "never", log: say });
  const layout = hostLayout(ready.folder.host);
  const { DOCKER_HOST = "", DOCKER_CONFIG = "", HOME = "" } = host.environment;
  const { publicKey } = ensureKeyPair(layout.keys, "client_ed25519");
  const ssh = await startOpenSsh({
    directory: host.home,
    variables: { DOCKER_HOST, DOCKER_CONFIG, HOME },
    authorizedKey: publicKey,
  });
  // The edge of the sandbox leads to the proxy, as it would to one on its own host.
  const proxy = { local: host.httpPort, project: "bench-proxy", service: "caddy", containerPort: 80 };
  writeFileSync(layout.portsFile, JSON.stringify({ "80/tcp": proxy }));
  writeFileSync(ready.configFile, withServer(readFileSync(ready.configFile, "utf8"), ssh.server));
  return {
    name: "ours, `groundwork up`",
    url: host.url,
    prepare: (release) => void host.image(release, { ...app, VERSION: release }),
    deploy: async (release) => {
      // The one line that a new release changes, in the sandbox's copy of the stack file.
      const text = readFileSync(ready.configFile, "utf8");
      writeFileSync(ready.configFile, text.replace(new RegExp(`${image}:[\\w-]+`), `${image}:${release}`));
      // With the system's bundle in it each start of Node.js takes 45 ms more: that is this machine's, not the command's.
      const variables = { ...process.env, NODE_EXTRA_CA_CERTS: undefined };
      await groundworkUp({ ...variables, ...ready.variables, GROUNDWORK_HOME: home });
    },
    close: async () => {
      await removeSandbox(stack);
      await ssh.close();
      host.reset();
      restore();
      rmSync(home, { recursive: true, force: true });
    },
  };
}

/** The sandbox's copy of the stack file, with another SSH server in the place of its own. */
function withServer(text: string, server: SshServer): string {
  const document = parseDocument(text);
  const at = ["config", "groundwork:resolve"];
  const resolve = (document.toJS() as { config: { "groundwork:resolve": string[] } }).config[
    "groundwork:resolve"
  ];
  document.setIn(
    at,
    resolve.map((entry) => entry.replace(/^(203\.0\.113\.20:22:127\.0\.0\.1):\d+$/, `$1:${server.port}`)),
  );
  document.setIn(["config", "groundwork:hosts", "machine", "hostKey"], server.hostKey);
  document.setIn(["config", "groundwork:hosts", "machine", "user"], server.user);
  return document.toString();
}

function groundworkUp(variables: NodeJS.ProcessEnv): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [join(projectRoot(), "bin", "groundwork.js"), "up", "-s", stack], {
      cwd: projectRoot(),
      env: variables,
      stdio: ["ignore", "pipe", "pipe"],
    });
    let printed = "";
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding("utf8").on("data", (text: string) => (printed = `${printed}${text}`.slice(-4000)));
    }
    child.once("error", reject);
    child.once("close", (code) =>
      code === 0 ? resolve() : reject(new Error(`exit ${code ?? "by a signal"}: ${printed}`)),
    );
  });
}

/** The smallest stack with an origin whose service has two colours. */
function stackText(release: string, httpPort: number): string {
  return stringify({
    config: {
      "groundwork:domain": "bench.localhost",
      "groundwork:cloudflare": {
        accountId: "000000000000000000000000000000a9",
        zoneId: "000000000000000000000000000000b9",
      },
      "groundwork:hosts": {
        machine: {
          address: "203.0.113.20",
          user: "deploy",
          hostKey: `ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI${"A".repeat(43)}`,
        },
      },
      "groundwork:origins": {
        api: {
          kind: "compose",
          host: "machine",
          hostnames: ["api.bench.localhost"],
          composeFile: "bench/deploy.compose.yaml",
          project: "bench",
          proxy: { tls: "none", httpPort },
          probe: { websocketPath: "/socket" },
          services: {
            api: {
              image: `${image}:${release}`,
              port: 3000,
              healthPath: "/healthz",
              strategy: "start-first",
              drainSeconds: 8,
              environment: { PORT: "3000" },
            },
          },
        },
      },
    },
  });
}
