import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { join } from "node:path";
import { projectRoot } from "../../common/project-root";
import { type SandboxFolder, sandboxFolder } from "../../sandbox/folder";
import type { SandboxRecord } from "../../sandbox/record";
import { visit } from "../../sandbox/visit";
import { type CommandResult, exportedVariables, SandboxHome } from "../support/command";
import { childrenOf } from "../support/processes";
import { InterruptibleCommand } from "../support/interruptible";
import { parsedAnswer } from "../support/json-answer";

// Environments of pull requests beside the staging that they are made from: on its host, in its account and its zone, in one
// sandbox, by the real command and the real engine.

jest.setTimeout(600_000);

const home = new SandboxHome();
// Within the checkout, where the library is found.
mkdirSync(join(projectRoot(), "dist"), { recursive: true });
const directory = mkdtempSync(join(projectRoot(), "dist", "env-"));
const run = (args: readonly string[], more: Record<string, string> = {}): Promise<CommandResult> =>
  home.run([...args, "--directory", directory], more);

let folder: SandboxFolder;
let record: SandboxRecord;
let github: Server;
const states: Record<string, string> = {};

function succeeded({ code, all }: CommandResult): void {
  if (code !== 0) throw new Error(`exit ${String(code)}: ${all.slice(-5000)}`);
}

async function atCloudflare(path: string): Promise<readonly Record<string, unknown>[]> {
  const token = readFileSync(folder.apiTokenFile, "utf8").trim();
  const answer = await fetch(`${record.api.url}${path}`, { headers: { authorization: `Bearer ${token}` } });
  return ((await answer.json()) as { result: readonly Record<string, unknown>[] }).result;
}

const account = "/accounts/000000000000000000000000000000a1";

/** Everything in the sandbox that has a name, by kind: of Cloudflare, of the host and of the state. */
async function everything(): Promise<Readonly<Record<string, readonly string[]>>> {
  const named = async (path: string, key = "name"): Promise<string[]> =>
    (await atCloudflare(path)).map((each) => String(each[key])).sort();
  const state = join(folder.state, ".pulumi", "stacks", "pull-requests");
  return {
    records: await named("/zones/000000000000000000000000000000b1/dns_records?per_page=1000"),
    applications: await named(`${account}/access/apps`, "domain"),
    policies: await named(`${account}/access/policies`),
    serviceTokens: await named(`${account}/access/service_tokens`),
    tunnels: await named(`${account}/cfd_tunnel?is_deleted=false`),
    projects: await named(`${account}/pages/projects`),
    tokens: await named(`${account}/tokens`),
    stacks: readdirSync(state).filter((file) => file.endsWith(".json")),
    folders: below(join(folder.host), "groundwork"),
    volumes: below(join(folder.host), "volumes"),
    files: readdirSync(folder.root).filter((file) => /^Pulumi\./.test(file)),
  };
}

/** Names in the first folder of that name below another. */
function below(root: string, name: string): string[] {
  const found = readdirSync(root, { withFileTypes: true, recursive: true }).find(
    (entry) => entry.isDirectory() && entry.name === name,
  );
  return found === undefined ? [] : readdirSync(join(found.parentPath, name)).sort();
}

beforeAll(async () => {
  github = createServer((request, response) => {
    const number = /\/pulls\/(\d+)$/.exec(request.url ?? "")?.[1] ?? "";
    response.setHeader("content-type", "application/json");
    response.end(JSON.stringify({ number: Number(number), state: states[number] ?? "open" }));
  });
  await new Promise<void>((resolve) => github.listen(0, "127.0.0.1", resolve));
  cpSync(
    join(projectRoot(), "examples/streampai/compose.yaml"),
    join(directory, "examples/streampai/compose.yaml"),
  );
  cpSync(join(projectRoot(), "examples/streampai/site"), join(directory, "examples/streampai/site"), {
    recursive: true,
  });
  cpSync(join(projectRoot(), "Pulumi.staging.yaml"), join(directory, "Pulumi.staging.yaml"));
  writeFileSync(
    join(directory, "Pulumi.yaml"),
    "name: pull-requests\nruntime: { name: nodejs, options: { typescript: false } }\n",
  );
  succeeded(await run(["sandbox", "-s", "staging", "--without-docker"]));
  process.env["GROUNDWORK_PROJECT"] = directory;
  folder = sandboxFolder("staging", { GROUNDWORK_HOME: home.folder });
  record = JSON.parse(readFileSync(folder.recordFile, "utf8")) as SandboxRecord;
});
afterAll(async () => {
  delete process.env["GROUNDWORK_PROJECT"];
  await run(["sandbox", "destroy", "-s", "staging"]);
  await home.remove([]);
  await new Promise((resolve) => github.close(resolve));
  rmSync(directory, { recursive: true, force: true });
});

test("an environment comes up beside staging, is kept on, and goes without a trace", async () => {
  const before = await everything();
  const up = await run(["env", "up", "pr-7", "--lifetime", "1h", "--json"]);
  succeeded(up);
  const made = parsedAnswer("env up", up.stdout);
  expect([made.name, made.template, made.addresses.sort()]).toEqual([
    "pr-7",
    "staging",
    ["https://api-pr-7.streampai.com/api/health", "https://pr-7.streampai.com/"],
  ]);
  const during = await everything();
  expect(during["tunnels"]).toEqual([...(before["tunnels"] ?? []), "pull-requests-pr-7-api"]);
  expect(during["folders"]).toEqual(["streampai-pr-7", "streampai-staging"]);
  // By its own tunnel to its own database, and as closed to strangers as staging.
  expect((await visit("https://api-pr-7.streampai.com/api/health", record)).status).toBe(200);
  expect(during["applications"]?.filter((domain) => domain.includes("pr-7"))).not.toEqual([]);
  expect((await visit("https://api-staging.streampai.com/api/health", record)).status).toBe(200);

  const [found] = parsedAnswer("env list", (await run(["env", "list", "--json"])).stdout);
  expect(found).toMatchObject({ name: "pr-7", template: "staging", expires: made.expires });
  const extended = await run(["env", "extend", "pr-7", "--lifetime", "2w", "--json"]);
  succeeded(extended);
  const { expires } = parsedAnswer("env extend", extended.stdout);
  const [later] = parsedAnswer("env list", (await run(["env", "list", "--json"])).stdout);
  expect(later?.expires).toBe(expires);
  expect(Date.parse(expires) - Date.parse(made.expires)).toBeGreaterThan(1e9);

  const kept = await run(["env", "gc"]);
  expect([kept.code, kept.stderr]).toEqual([0, expect.stringContaining("no environment is to go") as string]);

  // As on another machine: no stack file, and its pull request was closed.
  rmSync(join(folder.root, "Pulumi.pr-7.yaml"));
  states["7"] = "closed";
  const asked = {
    GITHUB_REPOSITORY: "acme/app",
    GITHUB_API_URL: `http://127.0.0.1:${(github.address() as AddressInfo).port}`,
    GITHUB_TOKEN: "made-up",
  };
  const dry = await run(["env", "gc", "--dry-run"], asked);
  expect([dry.stdout, dry.code === 0 ? "" : dry.stderr]).toEqual([
    "pr-7 would go: its pull request is closed\n",
    "",
  ]);
  const would = await run(["env", "gc", "--dry-run", "--json"], asked);
  const why = "its pull request is closed";
  expect(parsedAnswer("env gc", would.stdout)).toEqual({
    environments: [{ name: "pr-7", why, state: "would go" }],
    missing: [],
  });
  const gone = await run(["env", "gc", "pr-7", "pr-6", "--json"], asked);
  succeeded(gone);
  expect(parsedAnswer("env gc", gone.stdout)).toEqual({
    environments: [{ name: "pr-7", why: "asked for", state: "removed" }],
    missing: ["pr-6"],
  });
  expect(gone.stderr).toMatch(
    /streampai-pr-7 is gone from oracle-staging: [1-9] containers, 1 volumes, [1-9] networks/,
  );
  expect(gone.stderr).toMatch(/nothing is left at Cloudflare \(\d+ resources asked for\)/);
  expect(await everything()).toEqual(before);
  expect((await visit("https://api-staging.streampai.com/api/health", record)).status).toBe(200);
  expect(existsSync(join(directory, "Pulumi.pr-7.yaml"))).toBe(false);
});

/** Kills a process and what it has started; those in groups of their own are found as its children. */
function killTree(pid: number): void {
  let children: number[] = [];
  try {
    children = childrenOf(pid);
    process.kill(pid, "SIGKILL");
  } catch {
    // It has ended meanwhile.
  }
  children.forEach(killTree);
}

test("env up that is killed, with all it has started, leaves nothing after env gc, also without a sandbox's help", async () => {
  const { stdout } = await run(["sandbox", "env", "-s", "staging"]);
  // As in the cloud: a project whose stack file leads to an API, a host and a state, and nobody who knows of a sandbox.
  const cloud = mkdtempSync(join(projectRoot(), "dist", "env-cloud-"));
  const { PULUMI_OPTION_CONFIG_FILE: _ofStaging, ...variables } = exportedVariables(stdout);
  const atCloud = ["--no-sandbox", "--directory", cloud];
  try {
    cpSync(directory, cloud, { recursive: true });
    cpSync(folder.stackFile("staging"), join(cloud, "Pulumi.staging.yaml"));
    const before = await everything();
    const tunnels = async (): Promise<number> =>
      (await atCloudflare(`${account}/cfd_tunnel?is_deleted=false`)).length;
    const tunnelsBefore = await tunnels();
    // Just as something is made at Cloudflare; and at any moment later.
    for (const delay of [0, Math.round(Math.random() * 8_000)]) {
      const command = new InterruptibleCommand(["env", "up", "pr-8", ...atCloud], {
        ...variables,
        GROUNDWORK_HOME: home.folder,
      });
      try {
        while ((await tunnels()) === tunnelsBefore) {
          if (!command.runs()) throw new Error((await command.ended).all.slice(-5000));
          await sleep(50);
        }
        await sleep(delay);
      } finally {
        killTree(command.pid);
        await command.ended;
      }
      // Printed, so that a failure can be repeated.
      console.log(`killed ${delay} ms after its first tunnel was there`);
      const dry = await home.run(["env", "gc", "pr-8", "--dry-run", ...atCloud], variables);
      succeeded(dry);
      expect(dry.stdout).toBe("pr-8 would go: asked for\n");
      const gone = await home.run(["env", "gc", "pr-8", ...atCloud], variables);
      succeeded(gone);
      expect(gone.stdout).toBe("pr-8 is removed\n");
      expect(await everything()).toEqual(before);
      expect(existsSync(join(cloud, "Pulumi.pr-8.yaml"))).toBe(false);
    }
  } finally {
    rmSync(cloud, { recursive: true, force: true });
  }
});
