import { execFile } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:https";
import type { AddressInfo, Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { deployPages } from "../../../automation/pages-deploy";
import type { CloudflareServer } from "../../../sandbox/cloudflare/server";
import { startCloudflare } from "../../../sandbox/cloudflare/server";
import type { Edge } from "../../../sandbox/edge/edge";
import { startEdge } from "../../../sandbox/edge/edge";

const run = promisify(execFile);
const accountId = `${"0".repeat(29)}0a1`;
const apiToken = randomBytes(30).toString("hex");
const root = "streampai.localhost";
const api = `api.${root}`;

let directory: string;
let cloudflare: CloudflareServer;
let edge: Edge;
let origin: Server;
let originPort = 0;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "edge-account-"));
  cloudflare = await startCloudflare({ stateDirectory: join(directory, "cloudflare"), accountId, apiToken });
  edge = await startEdge({
    view: cloudflare.view,
    directory: join(directory, "edge"),
    resolveOrigin: (address, port) =>
      address === "203.0.113.10" && port === 443 ? { host: "127.0.0.1", port: originPort } : undefined,
  });
});

afterAll(async () => {
  await edge.close();
  await cloudflare.close();
  if (origin !== undefined) await new Promise((resolve) => origin.close(resolve));
  await rm(directory, { recursive: true, force: true });
});

async function call<T>(method: string, path: string, body?: unknown): Promise<T> {
  const response = await fetch(cloudflare.url + path, {
    method,
    headers: { authorization: `Bearer ${apiToken}`, "content-type": "application/json" },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const answer = (await response.json()) as { success: boolean; errors: unknown; result: T };
  if (!answer.success) throw new Error(`${method} ${path}: ${JSON.stringify(answer.errors)}`);
  return answer.result;
}

/** Status and body of an address below the edge's https port, by curl. */
async function see(host: string, path = "/"): Promise<{ status: number; body: string }> {
  const url = `https://${host}:${edge.httpsPort}${path}`;
  const { stdout } = await run("curl", [
    "-sS",
    "-w",
    "\n%{http_code}",
    "--cacert",
    edge.authority.certificateFile,
    url,
  ]);
  const cut = stdout.lastIndexOf("\n");
  return { status: Number(stdout.slice(cut + 1)), body: stdout.slice(0, cut) };
}

test("what is made through the API is in force at the next request", async () => {
  expect((await see(root)).status).toBe(409);
  const zone = await cloudflare.ensureZone({ name: root });

  const projects = `/accounts/${accountId}/pages/projects`;
  await call("POST", projects, { name: "streampai", production_branch: "main" });
  await call("POST", `${projects}/streampai/domains`, { name: root });
  const record = { type: "CNAME", name: root, content: "streampai.pages.dev", proxied: true, ttl: 1 };
  await call("POST", `/zones/${zone.id}/dns_records`, record);
  expect((await see(root)).body).toContain("has no deployment");

  const site = join(directory, "site");
  await mkdir(site);
  await writeFile(join(site, "index.html"), "<h1>one</h1>");
  await writeFile(join(site, "_redirects"), "/old /new 301\n");
  const deploy = (branch: string) =>
    deployPages({
      apiUrl: cloudflare.url,
      apiToken,
      accountId,
      project: "streampai",
      directory: site,
      branch,
    });
  await deploy("main");
  expect(await see(root)).toEqual({ status: 200, body: "<h1>one</h1>" });
  expect((await see(root, "/old")).status).toBe(301);

  await writeFile(join(site, "index.html"), "<h1>preview</h1>");
  const preview = await deploy("feature");
  expect((await see(root)).body).toBe("<h1>one</h1>");
  const previewView = cloudflare.view.pagesForHost(new URL(preview.url).host);
  expect(previewView?.deployment?.id).toBe(preview.id);

  await call("PATCH", `/zones/${zone.id}/settings/security_header`, {
    value: {
      strict_transport_security: {
        enabled: true,
        max_age: 300,
        include_subdomains: false,
        preload: false,
        nosniff: false,
      },
    },
  });
  const { stdout } = await run("curl", ["-sSkI", `https://${root}:${edge.httpsPort}/`]);
  expect(stdout).toContain("strict-transport-security: max-age=300");
});

test("a certificate signed by the API serves ssl: strict, and a self-made one does not", async () => {
  const zone = await cloudflare.ensureZone({ name: root });
  await call("POST", `/zones/${zone.id}/dns_records`, {
    type: "A",
    name: api,
    content: "203.0.113.10",
    proxied: true,
    ttl: 1,
  });
  await call("PATCH", `/zones/${zone.id}/settings/ssl`, { value: "strict" });
  const [key, csr, selfMade] = ["origin.key", "origin.csr", "self.pem"].map((name) => join(directory, name));
  if (key === undefined || csr === undefined || selfMade === undefined) throw new Error("no names");
  const made = ["-newkey", "rsa:2048", "-nodes", "-subj", `/CN=${api}`];
  await run("openssl", ["req", "-new", ...made, "-keyout", key, "-out", csr]);
  await run("openssl", ["req", "-x509", "-key", key, "-subj", `/CN=${api}`, "-out", selfMade]);

  const keyPem = await readFile(key);
  const server = createServer({ key: keyPem, cert: await readFile(selfMade) }, (_request, response) => {
    response.end("the origin");
  });
  origin = server;
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  originPort = (server.address() as AddressInfo).port;
  expect((await see(api)).status).toBe(526);

  const { certificate } = await call<{ certificate: string }>("POST", "/certificates", {
    csr: await readFile(csr, "utf8"),
    hostnames: [api],
    request_type: "origin-rsa",
    requested_validity: 365,
  });
  server.setSecureContext({ key: keyPem, cert: certificate });
  expect(await see(api)).toEqual({ status: 200, body: "the origin" });
});
