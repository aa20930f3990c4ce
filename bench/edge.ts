import { randomBytes } from "node:crypto";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { createServer, request, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import Table from "cli-table3";
import { stringify } from "yaml";
import { Environment } from "../automation/environment";
import { deployPages } from "../automation/pages-deploy";
import { collectSite } from "../automation/pages-files";
import { type CloudflareServer, startCloudflare } from "../sandbox/cloudflare/server";
import { installProviders } from "../sandbox/providers/install";

const accountId = "000000000000000000000000000000a1";
const zoneId = "000000000000000000000000000000b1";

/** Where the measurements are made. */
interface Bench {
  readonly folder: string;
  readonly server: CloudflareServer;
  readonly apiToken: string;
  /** What the API was asked since it was emptied last. */
  readonly requests: string[];
}

/**
 * The edge: a site of many files uploaded by us beside one request for each file, then what previews ask of the API.
 *
 * Options: `--files=N` (2000), `--latency=MS` (20, of each request to the API), `--previews=N` (100).
 */
export async function edge(options: readonly string[]): Promise<void> {
  const number = (name: string, usual: number) =>
    Number(options.find((option) => option.startsWith(`--${name}=`))?.split("=")[1] ?? usual);
  const folder = mkdtempSync(join(tmpdir(), "groundwork-bench-"));
  const apiToken = randomBytes(20).toString("hex");
  const requests: string[] = [];
  const log = (line: string): void => void requests.push(line);
  const server = await startCloudflare({ stateDirectory: join(folder, "api"), accountId, apiToken, log });
  try {
    await server.ensureZone({ id: zoneId, name: "example.com" });
    const bench = { folder, server, apiToken, requests };
    await uploads(bench, number("files", 2000), number("latency", 20));
    await previews(bench, number("previews", 100));
  } finally {
    await server.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

async function uploads(bench: Bench, files: number, latency: number): Promise<void> {
  const { folder, server, apiToken, requests } = bench;
  const proxy = await slowProxy(server.port, latency);
  const apiUrl = `http://127.0.0.1:${(proxy.address() as AddressInfo).port}/client/v4`;
  const table = new Table({
    head: [`${files} files, ${latency} ms for each request`, "seconds", "uploaded", "requests"],
  });
  const measured = async (name: string, work: () => Promise<number>): Promise<number> => {
    requests.length = 0;
    const started = performance.now();
    const uploaded = await work();
    const seconds = (performance.now() - started) / 1000;
    table.push([name, seconds.toFixed(1), uploaded, requests.length]);
    return seconds;
  };
  try {
    for (const project of ["ours", "single"])
      await api(bench, "POST", "/pages/projects", { name: project, production_branch: "main" });
    const sites = ["ours", "single"].map((name) => makeSite(join(folder, name), files)) as [string, string];
    const deploy = (project: string, directory: string) =>
      deployPages({ apiUrl, apiToken, accountId, project, directory, branch: "main" });
    const ours = await measured("groundwork", async () => (await deploy("ours", sites[0])).uploaded);
    await measured(
      "groundwork again, nothing changed",
      async () => (await deploy("ours", sites[0])).uploaded,
    );
    const single = await measured("one file at a time", () => oneAtATime(apiUrl, apiToken, sites[1]));
    console.log(`\n${table.toString()}`);
    console.log(`one at a time takes ${(single / ours).toFixed(1)} times as long`);
  } finally {
    proxy.close();
    proxy.closeAllConnections();
  }
}

/** The same calls without anything clever: a request for each file, each after the one before. */
async function oneAtATime(apiUrl: string, apiToken: string, directory: string): Promise<number> {
  const call = async (method: string, path: string, token: string, body?: unknown): Promise<unknown> => {
    const answer = await fetch(`${apiUrl}${path}`, {
      method,
      headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status}`);
    return ((await answer.json()) as { result: unknown }).result;
  };
  const account = `/accounts/${accountId}/pages/projects/single`;
  const { jwt } = (await call("GET", `${account}/upload-token`, apiToken)) as { jwt: string };
  const site = await collectSite(directory, { maxFiles: 20_000 });
  for (const { path, hash, contentType } of site.files) {
    const value = (await readFile(join(directory, path))).toString("base64");
    await call("POST", "/pages/assets/upload", jwt, [
      { key: hash, value, metadata: { contentType }, base64: true },
    ]);
  }
  return site.files.length;
}

function makeSite(directory: string, files: number): string {
  mkdirSync(directory);
  for (let index = 0; index < files; index++) {
    writeFileSync(
      join(directory, `page-${index}.html`),
      `<p>${index}</p>${randomBytes(2048).toString("hex")}`,
    );
  }
  return directory;
}

/** Passes requests on after a while, as a network does. */
async function slowProxy(port: number, latency: number): Promise<Server> {
  const proxy = createServer((incoming, outgoing) => {
    setTimeout(() => {
      const { method, url: path, headers } = incoming;
      const onward = request({ host: "127.0.0.1", port, method, path, headers }, (answer) => {
        outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
        answer.pipe(outgoing);
      });
      onward.once("error", () => outgoing.destroy());
      incoming.pipe(onward);
    }, latency);
  });
  await new Promise<void>((resolve) => proxy.listen(0, "127.0.0.1", resolve));
  return proxy;
}

/** What previews of the edge ask of the API: as they are, and where they read first what is there. */
async function previews({ folder, server, apiToken, requests }: Bench, count: number): Promise<void> {
  const directory = join(folder, "project");
  mkdirSync(join(directory, "state"), { recursive: true });
  const pulumiHome = join(folder, "home");
  await installProviders({ pulumiHome, policy: "always", path: "" });
  const config = {
    "groundwork:domain": "example.com",
    "groundwork:cloudflare": { accountId, zoneId, apiUrl: server.url },
    "groundwork:zone": {
      records: [{ name: "api.example.com", type: "A", content: "203.0.113.10", proxied: true }],
    },
    "groundwork:sites": { web: { project: "edge-web", hostnames: ["www.example.com"] } },
    "groundwork:buckets": { media: { name: "edge-media", consumers: { api: "write" } } },
    "groundwork:tunnels": { office: { ingress: { "tools.example.com": "http://tools:8080" } } },
    "groundwork:access": { hostnames: ["api.example.com"], emails: ["a@example.com"], check: false },
  };
  writeFileSync(join(directory, "Pulumi.yaml"), "name: edge\nruntime: nodejs\n");
  writeFileSync(join(directory, "Pulumi.edge.yaml"), stringify({ config }));
  process.env["CLOUDFLARE_API_TOKEN"] = apiToken;
  const environment = await Environment.open("edge", {
    directory,
    variables: {
      PULUMI_HOME: pulumiHome,
      PULUMI_BACKEND_URL: `file://${join(directory, "state")}`,
      PULUMI_CONFIG_PASSPHRASE: randomBytes(12).toString("hex"),
      PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION: "true",
    },
  });
  await environment.up();
  const table = new Table({
    head: ["no-change previews of the edge", "previews", "API calls", "twice in one preview"],
  });
  for (const refresh of [false, true]) {
    let [calls, twice] = [0, 0];
    const times = refresh ? Math.ceil(count / 10) : count;
    for (let turn = 0; turn < times; turn++) {
      requests.length = 0;
      const { unchanged } = await environment.preview({ refresh });
      if (!unchanged) throw new Error("a preview has something to change");
      calls += requests.length;
      twice += requests.length - new Set(requests).size;
    }
    table.push([refresh ? "reading first what is there" : "as they are", times, calls, twice]);
  }
  console.log(`\n${table.toString()}`);
}

async function api({ server, apiToken }: Bench, method: string, path: string, body: unknown): Promise<void> {
  const answer = await fetch(`${server.url}/accounts/${accountId}${path}`, {
    method,
    headers: { authorization: `Bearer ${apiToken}`, "content-type": "application/json" },
    body: JSON.stringify(body),
  });
  if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status}`);
}
