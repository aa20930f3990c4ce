import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { randomBytes } from "node:crypto";
import { identify } from "../../../common/processes";
import { hostLayout } from "../../../sandbox/host/layout";
import { outsideFolder } from "../../../sandbox/host/reachable";
import { describeWhere, dockerAnswers, fixtures, get, hasProgram, TestHost } from "./support";

jest.setTimeout(240_000);

const ssh = hasProgram("ssh");
const modes = [
  {
    mode: "process" as const,
    available: process.platform === "linux" && ssh,
    reason: "plain processes need Linux and ssh",
  },
  {
    mode: "docker" as const,
    available: dockerAnswers() && ssh,
    reason: "no Docker daemon answers (CI=true installs one)",
  },
];

describe.each(modes)("a compose project by $mode", ({ mode, available, reason }) => {
  describeWhere(available, reason)("on the host", () => {
    const password = randomBytes(18).toString("base64url");
    let host: TestHost;

    const compose = (line: string, input = ""): ReturnType<TestHost["ssh"]> =>
      host.ssh(`cd notes && umask 077 && ${line}`, { input });
    const port = (): number => host.host.resolvePort(80) ?? 0;
    const state = async (service: string): Promise<{ state: string; health: string } | undefined> =>
      (await host.host.status()).find((each) => each.service === service);

    beforeAll(async () => {
      host = await TestHost.start({ mode, withDocker: process.env["CI"] === "true" });
      await host.ssh("mkdir notes && cat > notes/compose.yaml", {
        input: readFileSync(join(fixtures, "compose.yaml"), "utf8"),
      });
      await compose(`printf %s ${password} > password && printf 'DB_PASSWORD=%s\\n' ${password} > .env`);
    });
    afterAll(() => host.remove());

    test("comes up, waits until healthy and answers on its published port", async () => {
      expect(host.host.mode).toBe(mode);
      const up = await compose(
        "docker compose up -d --wait --wait-timeout 120 --pull always --remove-orphans",
      );
      expect({ code: up.code, tail: up.stderr.slice(-2000) }).toMatchObject({ code: 0 });
      expect(up.stderr).toContain("image postgres:16 is made from local files");
      expect(await state("api")).toMatchObject({ project: "notes", state: "running", health: "healthy" });
      const answer = await get(port());
      expect({ status: answer.status, ...(JSON.parse(answer.body) as object) }).toMatchObject({
        status: 200,
        who: "owner",
        greeting: "hello",
      });
    });

    test("the same again changes nothing", async () => {
      const before = await compose("docker compose ps -q");
      expect((await compose("docker compose up -d --wait")).code).toBe(0);
      expect((await compose("docker compose ps -q")).stdout).toBe(before.stdout);
      expect(before.stdout.trim().split("\n")).toHaveLength(2);
    });

    test("a changed variable replaces only the service that has it, and keeps its address", async () => {
      const id = (service: string): Promise<string> =>
        compose(`docker compose ps -q ${service}`).then(({ stdout }) => stdout.trim());
      const [db, api, address] = [await id("db"), await id("api"), port()];
      expect((await compose("GREETING=again docker compose up -d --wait")).code).toBe(0);
      expect(await id("db")).toBe(db);
      expect(await id("api")).not.toBe(api);
      expect(port()).toBe(address);
      expect((await get(port())).body).toContain('"greeting":"again"');
    });

    test("exec runs in a service: superuser by the local socket, scripts from standard input, exit codes", async () => {
      const psql = "docker compose exec -T db psql -X -w -q -A -t -v ON_ERROR_STOP=1 -U owner -d notes";
      expect((await compose(`${psql} -c 'SELECT 6 * 7' </dev/null`)).stdout).toBe("42\n");
      const script =
        "CREATE TABLE first (a int);\nINSERT INTO first VALUES (:n);\nSELECT a + 1 FROM first;\n";
      expect((await compose(`${psql} --single-transaction -v n=41 -f -`, script)).stdout).toBe("42\n");
      const failed = await compose(
        `${psql} --single-transaction -f -`,
        "CREATE TABLE second (a int);\nSELECT nonsense;\n",
      );
      expect(failed.code).toBe(3);
      expect(failed.stderr).toContain('column "nonsense" does not exist');
      expect((await compose(`${psql} -c "SELECT to_regclass('second') IS NULL" </dev/null`)).stdout).toBe(
        "t\n",
      );
      expect((await compose("docker compose exec -T db sh -c 'exit 6'")).code).toBe(6);
      expect((await compose("docker compose exec -T nowhere true")).code).not.toBe(0);
    });

    test("TCP to the database needs the password, also from inside of its own service", async () => {
      const psql = "psql -X -w -A -t -h 127.0.0.1 -U owner -d notes -c 'SELECT 1'";
      const without = await compose(`docker compose exec -T db ${psql}`);
      expect(without.code).toBe(2);
      expect(without.stderr).toMatch(/no password supplied|password authentication failed|SASL/);
      const wrong = await compose(`docker compose exec -T -e PGPASSWORD=wrong db ${psql}`);
      expect(wrong.code).toBe(2);
      const right = `docker compose exec -T db sh -c 'PGPASSWORD=$(cat /run/secrets/db_password) psql -X -w -A -t -h 127.0.0.1 -U owner -d notes -c "SELECT 1"'`;
      expect((await compose(right)).stdout).toBe("1\n");
    });

    test("run makes one process of a service, with variables of its own, and removes it", async () => {
      const run = await compose(
        "NOTE=from-run docker compose run --rm -T --no-deps -e NOTE api node migrate.js",
      );
      expect({ code: run.code, stdout: run.stdout }).toEqual({ code: 0, stdout: "note 1\n" });
      const text = "docker compose exec -T db psql -X -A -t -U owner -d notes -c 'SELECT text FROM notes'";
      expect((await compose(text)).stdout).toBe("from-run\n");
      const failed = await compose(
        "docker compose run --rm -T --no-deps -e DATABASE_URL=postgresql://owner:x@db:5432/notes api node migrate.js",
      );
      expect(failed.code).toBe(1);
      expect((await compose("docker compose ps -a -q")).stdout.trim().split("\n")).toHaveLength(2);
    });

    test("ps, logs, port, config and version speak as Compose does", async () => {
      const lines = (await compose("docker compose ps --format json")).stdout.trim().split("\n");
      const entries = lines.map(
        (line) => JSON.parse(line) as { Service: string; State: string; Health: string },
      );
      expect(entries.map(({ Service, State, Health }) => ({ Service, State, Health }))).toEqual([
        { Service: "api", State: "running", Health: "healthy" },
        { Service: "db", State: "running", Health: "healthy" },
      ]);
      expect((await compose("docker compose logs --no-color --tail 20 api")).stdout).toMatch(
        /^api-1 +\| listening on 4000$/m,
      );
      expect((await compose("docker compose port api 4000")).stdout).toBe(`127.0.0.1:${port()}\n`);
      expect((await compose("docker compose config --services")).stdout.split("\n").sort()).toEqual([
        "",
        "api",
        "db",
      ]);
      expect((await compose("docker compose config --images")).stdout).toContain("postgres:16\n");
      expect((await compose("docker compose version --short")).stdout).toMatch(/^v?2\.\d+/);
      expect((await compose("docker inspect -f '{{.State.Health.Status}}' notes-api-1")).stdout).toBe(
        "healthy\n",
      );
    });

    test("curl on the machine reaches the published port as it is written in the file", async () => {
      if (!hasProgram("curl")) throw new Error("this machine has no curl");
      expect((await host.ssh("curl -s http://127.0.0.1:80/")).stdout).toContain('"who":"owner"');
      const moved = await host.ssh("curl -s --connect-to api.example:80:127.0.0.1:80 http://api.example/");
      expect(moved.stdout).toContain('"host":"api.example"');
    });

    test("a service that ends by itself is started again", async () => {
      await get(port(), "/crash").catch(() => undefined);
      await until(
        async () => (await state("api"))?.health === "healthy" && (await get(port())).status === 200,
      );
      expect((await get(port())).status).toBe(200);
    });

    test("stop and start keep data; an image that is not to be had is replaced openly", async () => {
      expect((await compose("docker compose stop")).code).toBe(0);
      expect((await state("api"))?.state).toBe("exited");
      await expect(get(port())).rejects.toThrow(/ECONNREFUSED|ECONNRESET|socket hang up/);
      const other = await compose(
        "API_IMAGE=registry.invalid/unknown:3 docker compose up -d --wait --wait-timeout 120",
      );
      expect(other.stderr).toContain(
        "image registry.invalid/unknown:3 is not to be had here; the sample image",
      );
      expect(other.code).toBe(0);
      const text =
        "docker compose exec -T db psql -X -A -t -U owner -d notes -c 'SELECT count(*) FROM notes'";
      expect((await compose(text)).stdout).toBe("1\n");
    });

    test("an unhealthy service fails the wait, with its log at hand", async () => {
      const failed = await compose(
        "DB_PASSWORD=not-it RETRIES=2 docker compose up -d --wait --wait-timeout 60 --no-deps api",
      );
      expect(failed.code).not.toBe(0);
      expect(failed.stderr).toContain("is unhealthy");
      expect((await compose("docker compose up -d --wait")).code).toBe(0);
    });

    test("a second project that wants the same port is refused and harms nothing", async () => {
      const second = await host.ssh(
        `mkdir -p second && cd second && printf 'services:\\n  web:\\n    image: ghcr.io/example/notes:2\\n    environment: {PORT: "1"}\\n    ports: ["80:1"]\\n' > compose.yaml && docker compose up -d`,
      );
      expect(second.code).not.toBe(0);
      expect(second.stderr).toContain("Bind for 0.0.0.0:80 failed: port is already allocated");
      expect((await get(port())).status).toBe(200);
      await host.ssh("cd second && docker compose down");
    });

    test("mistakes of the file or the command line are told and change nothing", async () => {
      const before = (await compose("docker compose ps -q")).stdout;
      const missing = await compose(
        "rm -f .env.tmp; env -u DB_PASSWORD docker compose --env-file /dev/null up -d",
      );
      expect(missing.code).not.toBe(0);
      expect(missing.stderr).toContain("required variable DB_PASSWORD is missing a value: set DB_PASSWORD");
      const wrong = await host.ssh(
        "cd notes && sed 's/image: postgres/imagee: postgres/' compose.yaml > wrong.yaml && docker compose -f wrong.yaml up -d",
      );
      expect(wrong.code).not.toBe(0);
      expect(wrong.stderr).toMatch(/imagee/);
      const flag = await compose("docker compose up --no-such-flag");
      expect(flag.code).not.toBe(0);
      expect(flag.stderr).toContain("unknown flag: --no-such-flag");
      expect((await compose("docker compose -f nowhere.yaml up -d")).code).not.toBe(0);
      expect((await compose("docker compose ps -q")).stdout).toBe(before);
    });

    test("the host can go away and come back: services, ports and data stay", async () => {
      const address = port();
      const { port: sshPort } = host.host;
      await host.host.close();
      expect((await get(address)).status).toBe(200);
      host = await TestHost.start({ mode, directory: host.directory, port: sshPort });
      expect(port()).toBe(address);
      expect((await get(address)).status).toBe(200);
      await host.host.close({ services: true });
      await expect(get(address)).rejects.toThrow(/ECONNREFUSED|ECONNRESET|socket hang up/);
      host = await TestHost.start({ mode, directory: host.directory, port: sshPort });
      await until(async () => (await state("api"))?.health === "healthy");
      expect((await get(address)).status).toBe(200);
    });

    test("down removes the services, and with -v the data", async () => {
      // Of a swarm there is nothing, which is an answer and no failure.
      const ofSwarm = await compose("docker volume ls -q --filter label=com.docker.stack.namespace=app");
      expect([ofSwarm.code, ofSwarm.stdout]).toEqual([0, ""]);
      expect((await compose("docker compose down -v --remove-orphans")).code).toBe(0);
      expect(await host.host.status()).toEqual([]);
      expect((await compose("docker compose ps -a -q")).stdout).toBe("");
      expect((await compose("docker volume ls -q")).stdout).toBe("");
      expect((await compose("docker compose up -d --wait --wait-timeout 120")).code).toBe(0);
      const count =
        "docker compose exec -T db psql -X -A -t -U owner -d notes -c \"SELECT to_regclass('notes') IS NULL\"";
      expect((await compose(count)).stdout).toBe("t\n");
    });

    test("destroy leaves nothing behind", async () => {
      const address = port();
      const { directory } = host;
      const outside = outsideFolder(hostLayout(directory));
      const processes = mode === "process" ? supervisors(directory) : [];
      if (mode === "process") expect(processes.length).toBeGreaterThanOrEqual(2);
      await host.host.destroy();
      await expect(get(address)).rejects.toThrow(/ECONNREFUSED/);
      expect(existsSync(directory)).toBe(false);
      expect(processes.filter((pid) => identify(pid) !== undefined)).toEqual([]);
      expect(existsSync(outside)).toBe(false);
    });
  });
});

/** Pids of what runs for a host in process mode. */
function supervisors(directory: string): number[] {
  const text = execFileSync("ps", ["-eo", "pid,args"], { encoding: "utf8" });
  return text
    .split("\n")
    .filter(
      (line) =>
        line.includes(join(directory, "projects")) ||
        line.includes(join(directory, "tools", "postgres-entrypoint")),
    )
    .map((line) => Number.parseInt(line, 10));
}

async function until(condition: () => Promise<boolean>): Promise<void> {
  for (const deadline = Date.now() + 60_000; Date.now() < deadline;) {
    if (await condition().catch(() => false)) return;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error("not within 60 s");
}
