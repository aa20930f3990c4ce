import { fork } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buildSync } from "esbuild";
import { projectRoot } from "../../../common/project-root";
import { accountId, collect, startBench, zoneId } from "./support";

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "groundwork-crash-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** A program that serves the API from a folder and says where. */
function buildChild(): string {
  const outfile = join(projectRoot(), "node_modules", ".cache", `groundwork-crash-${process.pid}.js`);
  const source = `
    import { startCloudflare } from "./sandbox/cloudflare/server";
    const [stateDirectory, apiToken] = process.argv.slice(2);
    void (async () => {
      const server = await startCloudflare({ stateDirectory, accountId: "${accountId}", apiToken });
      await server.ensureZone({ id: "${zoneId}", name: "example.com" });
      process.send(server.url);
    })();`;
  buildSync({
    stdin: { contents: source, resolveDir: projectRoot(), loader: "ts" },
    outfile,
    bundle: true,
    platform: "node",
    target: "node20",
    packages: "external",
    logLevel: "error",
  });
  return outfile;
}

describe("kill -9 in the middle of a burst of writes", () => {
  it("loses no acknowledged write, keeps batches whole, and the folder serves again", async () => {
    const program = buildChild();
    const apiToken = randomBytes(20).toString("hex");
    const acknowledged = new Map<string, string>();
    let batches = 0;
    for (let round = 0; round < 3; round++) {
      const child = fork(program, [folder, apiToken], { stdio: ["ignore", "inherit", "inherit", "ipc"] });
      const [url] = (await once(child, "message")) as [string];
      const exited = once(child, "exit");
      const post = async (path: string, body: unknown): Promise<{ result: { id: string } } | undefined> => {
        const response = await fetch(`${url}/zones/${zoneId}${path}`, {
          method: "POST",
          headers: { authorization: `Bearer ${apiToken}`, "content-type": "application/json" },
          body: JSON.stringify(body),
        });
        return response.ok ? ((await response.json()) as { result: { id: string } }) : undefined;
      };
      const writer = async (lane: number): Promise<void> => {
        for (let index = 0; ; index++) {
          const record = {
            type: "TXT",
            name: `r${round}-${lane}-${index}`,
            content: randomBytes(200).toString("hex"),
            ttl: 60,
          };
          if (lane === 0) {
            const pair = [record, { ...record, name: `${record.name}-twin` }];
            if ((await post("/dns_records/batch", { posts: pair })) !== undefined) batches += 1;
          } else {
            const made = await post("/dns_records", record);
            if (made !== undefined) acknowledged.set(made.result.id, record.content);
          }
        }
      };
      const before = acknowledged.size;
      const lanes = [0, 1, 2, 3].map((lane) => writer(lane).catch(() => undefined));
      while (acknowledged.size < before + 40) await new Promise((resolve) => setTimeout(resolve, 5));
      child.kill("SIGKILL");
      await exited;
      await Promise.all(lanes);
    }
    const bench = await startBench({ stateDirectory: folder, apiToken });
    const records = await collect(bench.client.dns.records.list({ zone_id: zoneId, per_page: 1000 }));
    const stored = new Map(records.map((record) => [record.id, record.content]));
    for (const [id, content] of acknowledged) expect(stored.get(id)).toBe(content);
    const batched = records.filter(({ name }) => /^r\d-0-/.test(name)).map(({ name }) => name);
    const single = batched.filter((name) => !name.includes("-twin"));
    expect(batched.sort()).toEqual(single.flatMap((name) => [name, name.replace(".", "-twin.")]).sort());
    expect(single.length).toBeGreaterThanOrEqual(batches);
    expect(batches).toBeGreaterThan(0);
    await bench.client.dns.records.create({
      zone_id: zoneId,
      name: "after",
      type: "A",
      content: "203.0.113.1",
      ttl: 1,
    });
    await bench.close();
    rmSync(program, { force: true });
  });
});

describe("a restart", () => {
  it("keeps objects, files, tokens, the origin authority and an upload token", async () => {
    let bench = await startBench();
    const account = { account_id: accountId };
    const project = await bench.client.pages.projects.create({
      ...account,
      name: "kept",
      production_branch: "main",
    });
    const path = `/accounts/${accountId}/pages/projects/kept/upload-token`;
    const { jwt } = (await bench.send("GET", path)).body.result as { jwt: string };
    const authorization = `Bearer ${jwt}`;
    const key = "0".repeat(32);
    await bench.send(
      "POST",
      "/pages/assets/upload",
      [{ key, value: "aGk=", base64: true, metadata: { contentType: "text/plain" } }],
      { authorization },
    );
    await bench.client.pages.projects.deployments.create("kept", {
      ...account,
      branch: "main",
      manifest: JSON.stringify({ "/a.txt": key }),
    });
    const authority = bench.server.view.originCaCertificate;
    bench = await bench.restart();
    expect(await bench.client.pages.projects.get("kept", account)).toMatchObject({ id: project.id });
    expect(
      (await bench.send("POST", "/pages/assets/check-missing", { hashes: [key] }, { authorization })).body
        .result,
    ).toEqual([]);
    const served = bench.server.view.pagesForHost("kept.pages.dev")!;
    expect(served.asset(served.deployment!.manifest["/a.txt"]!)?.body.toString()).toBe("hi");
    expect(bench.server.view.originCaCertificate).toBe(authority);
    await bench.close();
  });
});
