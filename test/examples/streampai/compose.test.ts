import { spawnSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { WebSocket } from "ws";
import { projectRoot } from "../../../common/project-root";
import { sampleImage } from "../../../examples/streampai/image";
import { describeWhere, get, hasProgram, type Result, TestHost } from "../../sandbox/host/support";

jest.setTimeout(180_000);

const root = projectRoot();
const composeFile = readFileSync(join(root, "examples", "streampai", "compose.yaml"), "utf8");

/** What a command said if it failed, else nothing. */
function failureOf({ code, stdout, stderr }: Result): string {
  return code === 0 ? "" : `exit code ${code ?? "none"}: ${(stdout + stderr).slice(-1500)}`;
}

describeWhere(
  process.platform === "linux" && hasProgram("ssh"),
  "the sample's compose project: plain processes need Linux and ssh",
)("the sample's compose project on the sandbox's host", () => {
  const password = randomBytes(18).toString("base64url");
  const secretKeyBase = randomBytes(48).toString("base64url");
  let host: TestHost;
  const compose = (line: string) =>
    host.ssh(
      `cd streampai && docker compose --file compose.yaml --file compose.override.json ${line} </dev/null`,
    );
  const port = (): number => host.host.resolvePort(80) ?? 0;

  /** What Groundwork lays over the file: the release's variables and the published port. */
  function override(release: string): string {
    const environment = {
      PORT: "4000",
      PHX_HOST: "streampai.localhost",
      COOKIE_DOMAIN: ".streampai.localhost",
      DATABASE_URL: `postgresql://postgres:${password}@db:5432/streampai`,
      SECRET_KEY_BASE: secretKeyBase,
      RELEASE_ID: release,
      DRAIN_SECONDS: "5",
    };
    return JSON.stringify({ services: { api: { environment, ports: ["80:4000"] } } });
  }

  const writeOverride = (release: string) =>
    host.ssh("umask 077 && cat > streampai/compose.override.json", { input: override(release) });

  beforeAll(async () => {
    // The image is made of the bundles.
    const built = spawnSync(process.execPath, ["-e", 'require("./bin/build.js").ensureBuilt("examples")'], {
      cwd: root,
    });
    expect(built.status === 0 ? "" : built.stderr.toString()).toBe("");
    host = await TestHost.start({
      images: [sampleImage(), { names: ["timescale/timescaledb"], kind: "postgres" }],
    });
    await host.ssh("mkdir streampai && cat > streampai/compose.yaml", { input: composeFile });
    await host.ssh("umask 077 && cat > streampai/.env", { input: `POSTGRES_PASSWORD=${password}\n` });
    await writeOverride("one");
  });
  afterAll(() => host?.remove());

  it("comes up in the order of a release: database, migrations, application", async () => {
    const database = await compose("up --detach --wait --wait-timeout 90 db");
    expect(failureOf(database)).toBe("");
    const migrations = await compose("run --rm -T --no-deps api bin/migrate");
    expect(failureOf(migrations)).toBe("");
    expect(migrations.stdout).toContain('"event":"migrated","applied":3');
    const rollout = await compose("up --detach --wait --wait-timeout 60");
    expect(failureOf(rollout)).toBe("");
    const { status, body } = await get(port(), "/api/health");
    expect({ status, ...(JSON.parse(body) as object) }).toMatchObject({
      status: "ok",
      database: "ok",
      release: "one",
    });
    const wal = await compose("exec -T db psql -U postgres -d streampai -tAc 'show wal_level'");
    expect(wal.stdout.trim()).toBe("logical");
  });

  it("publishes the application alone", () => {
    expect(host.host.resolvePort(5432)).toBeUndefined();
    expect(host.host.resolvePort(80)).toBeDefined();
  });

  it("keeps messages over a release, and tells sockets to come back", async () => {
    const base = `http://127.0.0.1:${port()}`;
    const text = randomBytes(6).toString("hex");
    const sent = await fetch(`${base}/api/messages`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ author: "test", body: text }),
    });
    expect(sent.status).toBe(201);
    const socket = new WebSocket(`${base.replace("http", "ws")}/api/socket`);
    await new Promise((resolve, reject) => socket.once("open", resolve).once("error", reject));
    const closed = new Promise<number>((resolve) => socket.once("close", resolve));
    await writeOverride("two");
    const rollout = await compose("up --detach --wait --wait-timeout 60");
    expect(failureOf(rollout)).toBe("");
    expect(await closed).toBe(1012);
    expect(JSON.parse((await get(port(), "/api/health")).body)).toMatchObject({ release: "two" });
    expect((await get(port(), "/api/messages")).body).toContain(text);
  });

  it("writes no secret to its log", async () => {
    const { stdout } = await compose("logs --no-color");
    expect(stdout).toContain('"event":"listening"');
    for (const secret of [password, secretKeyBase]) expect(stdout).not.toContain(secret);
  });
});
