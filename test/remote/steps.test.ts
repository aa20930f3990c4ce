import { execFileSync, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync, mkdirSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import * as fc from "fast-check";
import { projectRoot } from "../../common/project-root";
import { envFile } from "../../components/origin/env-file";
import { encodeFrames, listFrames, type Frames } from "../../remote/framing";
import { includedScripts, remoteSteps, stepCommand, stepInput, stepScript } from "../../remote/scripts";
import { execute, stepHost, type StepHost } from "../support/remote-step";

let host: StepHost;
afterEach(() => host.remove());

const mode = (path: string) => (statSync(path).mode & 0o777).toString(8);
const json = (text: string): unknown => JSON.parse(text);

describe("every step", () => {
  beforeEach(() => {
    host = stepHost();
  });

  test("has a script in remote/, and every script is a step", () => {
    const files = readdirSync(join(projectRoot(), "remote")).filter((name) => name.endsWith(".sh"));
    expect(files.sort()).toEqual([...remoteSteps, ...includedScripts].map((name) => `${name}.sh`).sort());
  });

  test("is asked for by text without anything that varies, that any login shell takes", () => {
    for (const step of remoteSteps)
      expect(stepCommand(step)).toMatch(/^exec sh -c '[^']*' groundwork-[a-z-]+$/);
  });

  const whole = stepInput("rollout", "");

  test.each([
    ["nothing", ""],
    ["an empty line", "\n"],
    ["another text", "hello\n"],
    ["a part of the script", whole.slice(0, 2000)],
    ["all but its last bytes", whole.slice(0, -8)],
  ])("says so when %s arrived instead of its script", async (_, input) => {
    const result = await execute("sh", stepCommand("rollout"), input, { PATH: process.env["PATH"] ?? "" });
    expect(result).toMatchObject({ code: 10, stdout: "" });
    expect(result.stderr).toBe("groundwork: the step did not arrive whole\n");
  });

  test("gets its script also where that comes in pieces, and what follows as its own input", async () => {
    const child = spawn("sh", ["-c", stepCommand("releases")], { stdio: ["pipe", "ignore", "pipe"] });
    let said = "";
    child.stderr.setEncoding("utf8").on("data", (text: string) => (said += text));
    const closed = once(child, "close");
    const input = stepInput("releases", encodeFrames({ project: "../x" }));
    for (let at = 0; at < input.length; at += 4096) {
      child.stdin.write(input.slice(at, at + 4096));
      await sleep(5);
    }
    child.stdin.end();
    const [code] = (await closed) as [number];
    expect([code, said]).toEqual([10, "releases: bad project name\n"]);
  });

  test.each(remoteSteps)("%s refuses a project that is a path", async (step) => {
    const result = await host.run(step, { project: "../x" });
    expect(result).toMatchObject({ code: 10, stdout: "" });
    expect(result.stderr).toContain("bad project name");
    expect(host.calls()).toEqual([]);
  });

  test.each(remoteSteps)("%s is valid for the shell and includes lib.sh", (step) => {
    const script = stepScript(step);
    execFileSync("sh", ["-n"], { input: script });
    expect(script).toContain("take_lock()");
    expect(script).not.toMatch(/^\. \.\/lib\.sh/m);
  });
});

describe("prepare-host", () => {
  test("makes a folder that is closed to others and tells compose's version", async () => {
    host = stepHost('[ "$call" = "compose version --short" ] && echo 2.40.3');
    const result = await host.run("prepare-host");
    expect(result.stderr).toBe("");
    expect(json(result.stdout)).toEqual({ step: "prepare-host", project: "sample", compose: "2.40.3" });
    expect(mode(host.root)).toBe("700");
    expect(existsSync(join(host.root, "certificates"))).toBe(true);
  });

  test("names what is missing", async () => {
    host = stepHost('echo "docker: compose is not a docker command" >&2; exit 1');
    const result = await host.run("prepare-host");
    expect(result.code).toBe(11);
    expect(result.stderr).toContain("install Docker with its compose plug-in, or set `installDocker: true`");
    expect(result.stderr).toContain("compose is not a docker command");
  });

  test("refuses compose 1", async () => {
    host = stepHost("echo 1.29.2");
    expect(await host.run("prepare-host")).toMatchObject({ code: 11, stdout: "" });
  });

  test("refuses a compose that does not know how long to wait for health", async () => {
    host = stepHost("echo v2.16.0");
    const result = await host.run("prepare-host");
    expect(result.code).toBe(11);
    expect(result.stderr).toContain("docker compose is version 2.16.0; version 2.17 or newer is needed");
  });

  test("refuses a compose older than what is needed, and says how to have it installed", async () => {
    host = stepHost("echo 2.23.1");
    const result = await host.run("prepare-host", { compose_minimum: "2.24" });
    expect(result.code).toBe(11);
    expect(result.stderr).toContain("docker compose is version 2.23.1; version 2.24 or newer is needed");
    expect(result.stderr).toContain("installDocker");
  });

  test("installs compose when asked, by the names that distributions give it", async () => {
    host = stepHost(
      '[ -f "$HOME/installed" ] && echo 2.40.3 || { echo "docker: unknown command: compose" >&2; exit 1; }',
    );
    const program = (name: string, body: string) =>
      writeFileSync(join(host.home, "bin", name), `#!/bin/sh\n${body}\n`, { mode: 0o755 });
    program(
      "apt-get",
      'echo "apt-get $*" >>"$HOME/apt"; case $* in *docker-compose-v2) touch "$HOME/installed" ;; *install*) exit 100 ;; esac',
    );
    program("sudo", 'shift; exec "$@"');
    program("systemctl", ":");
    const asked = await host.run("prepare-host", { install_docker: "1", compose_minimum: "2.24" });
    expect(asked).toMatchObject({ code: 0, stderr: "" });
    expect(json(asked.stdout)).toMatchObject({ compose: "2.40.3" });
    expect(readFileSync(join(host.home, "apt"), "utf8").split("\n")).toEqual([
      "apt-get update",
      "apt-get install --yes --no-install-recommends docker-compose-plugin",
      "apt-get install --yes --no-install-recommends docker-compose-v2",
      "",
    ]);
  });

  test("refuses a full disk", async () => {
    host = stepHost("echo 2.40.3");
    const result = await host.run("prepare-host", { min_free_mb: 999_999_999 });
    expect(result.code).toBe(12);
    expect(result.stderr).toMatch(/MB are free under .* 999999999 MB are needed/);
  });

  test("uses the folder and the words before docker that it is given", async () => {
    host = stepHost("echo 2.40.3");
    mkdirSync(join(host.home, "elsewhere"));
    const result = await host.run("prepare-host", {
      directory: join(host.home, "elsewhere"),
      docker_prefix: "env GREETING=hello",
    });
    expect(result.code).toBe(0);
    expect(existsSync(join(host.home, "elsewhere", "sample", "logs"))).toBe(true);
  });

  test.each(["docker; id", "$(id)", "a|b"])("refuses %p before docker", async (prefix) => {
    host = stepHost();
    expect(await host.run("prepare-host", { docker_prefix: prefix })).toMatchObject({ code: 10, stdout: "" });
  });
});

describe("write-files", () => {
  const files = (...list: Frames[]): Frames => ({ ...listFrames("files", "file", list), check: "none" });
  beforeEach(() => {
    host = stepHost();
  });

  test("writes whole files with their modes, and only what changed", async () => {
    const first = await host.run(
      "write-files",
      files(
        { path: ".env", mode: "0600", content: "A='1'\n" },
        { path: "caddy/Caddyfile", mode: "0644", content: ":80" },
      ),
    );
    expect(json(first.stdout)).toMatchObject({ files: 2, changed: 2 });
    expect(readFileSync(join(host.root, "caddy/Caddyfile"), "utf8")).toBe(":80");
    expect([mode(join(host.root, ".env")), mode(join(host.root, "caddy/Caddyfile"))]).toEqual(["600", "644"]);

    const second = await host.run(
      "write-files",
      files(
        { path: ".env", mode: "0600", content: "A='1'\n" },
        { path: "caddy/Caddyfile", mode: "0644", content: ":81" },
      ),
    );
    expect(json(second.stdout)).toMatchObject({ files: 2, changed: 1 });
  });

  test("any content arrives byte for byte", async () => {
    await fc.assert(
      fc.asyncProperty(fc.string({ unit: "binary", maxLength: 200 }), async (content) => {
        const result = await host.run("write-files", files({ path: "any", mode: "0600", content }));
        expect(result.code).toBe(0);
        expect(readFileSync(join(host.root, "any"), "utf8")).toBe(content);
      }),
      { numRuns: 15 },
    );
  });

  test("removes what it wrote before and is not wanted any more, and sweeps what a kill left", async () => {
    await host.run("write-files", files({ path: "old.conf", mode: "0644", content: "x" }));
    writeFileSync(join(host.root, ".groundwork.abc123"), "half");
    writeFileSync(join(host.root, "mine.txt"), "by hand");
    await host.run("write-files", files({ path: "new.conf", mode: "0644", content: "y" }));
    expect(readdirSync(host.root).sort()).toEqual(
      [".files", "lock", "lock.holder", "logs", "mine.txt", "new.conf", "wanted"].sort(),
    );
    expect(readdirSync(join(host.root, "wanted")).sort()).toEqual([".files", "new.conf"]);
  });

  test.each(["/etc/passwd", "../up", "a/../../b", "a b", "$(id)"])("refuses the path %p", async (path) => {
    const result = await host.run("write-files", files({ path, mode: "0600", content: "x" }));
    expect(result).toMatchObject({ code: 10, stdout: "" });
    expect(result.stderr).toContain(`bad path of a file: ${path} (allowed: `);
  });

  test("takes names with brackets and the like, and removes them again", async () => {
    const path = "templates/[slug]@2+(a),b=c.html";
    expect(await host.run("write-files", files({ path, mode: "0644", content: "x" }))).toMatchObject({
      code: 0,
    });
    expect(readFileSync(join(host.root, path), "utf8")).toBe("x");
    writeFileSync(join(host.root, "templates", "s@2+(a),b=c.html"), "by hand");
    expect(await host.run("write-files", files({ path: "other", mode: "0644", content: "x" }))).toMatchObject(
      { code: 0 },
    );
    expect(readdirSync(join(host.root, "templates"))).toEqual(["s@2+(a),b=c.html"]);
  });

  test("folders of files that all may read are open, those of secrets and the project's own are closed", async () => {
    await host.run(
      "write-files",
      files(
        { path: "prometheus/rules/api.yml", mode: "0644", content: "x" },
        { path: "secrets/key", mode: "0600", content: "x" },
      ),
    );
    expect(
      ["", "prometheus", "prometheus/rules", "secrets"].map((path) => mode(join(host.root, path))),
    ).toEqual(["700", "755", "755", "700"]);
  });

  test("a file that cannot be written leaves the old one whole", async () => {
    await host.run("write-files", files({ path: "kept", mode: "0644", content: "old" }));
    mkdirSync(join(host.root, "folder"));
    // A folder stands where the file should be: the rename fails as it would on a broken disk.
    mkdirSync(join(host.root, "blocked"));
    writeFileSync(join(host.root, "blocked", "x"), "");
    const result = await host.run(
      "write-files",
      files(
        { path: "blocked/x/y", mode: "0644", content: "new" },
        { path: "kept", mode: "0644", content: "new" },
      ),
    );
    expect(result.code).toBe(12);
    expect(readFileSync(join(host.root, "kept"), "utf8")).toBe("old");
  });

  test("compose reads the result; its refusal is shown without secrets", async () => {
    host.remove();
    host = stepHost(
      'if [ "$call" = "compose config --quiet" ]; then echo "bad value in-the-password-1 for x" >&2; exit 15; fi',
    );
    const result = await host.run("write-files", {
      ...files({ path: "compose.yaml", mode: "0600", content: "services: {}" }),
      check: "compose",
      redact: "in-the-password-1",
    });
    expect(result.code).toBe(20);
    expect(result.stderr).toContain("compose cannot use the files");
    expect(result.stderr).toContain("bad value [secret] for x");
    expect(result.stderr).not.toContain("in-the-password-1");
  });

  test("a secret that is a part of what stands in its place is taken out as any other", async () => {
    host.remove();
    host = stepHost('echo "no secret, no secrets, no password-1" >&2; exit 15');
    const result = await host.run("write-files", {
      ...files({ path: "compose.yaml", mode: "0600", content: "services: {}" }),
      check: "compose",
      redact: "secret\npassword-1",
    });
    expect(result.code).toBe(20);
    expect(result.stderr).toContain("no [secret], no [secret]s, no [secret]\n");
  });
});

describe("swarm-proxy-config", () => {
  test.each([
    ["whose reload failed", "exit 1", 20],
    ["that was killed before the reload", "kill -9 $PPID", -1],
  ])(
    "one %s is gone on with: the next one reloads, the one after has nothing to do",
    async (_, fate, code) => {
      host = stepHost(`case $call in
      "run "*) cat >/dev/null; [ -f "$HOME/put" ] && echo same || echo changed; touch "$HOME/put" ;;
      "ps "*) echo a-container ;;
      "exec "*) [ -f "$HOME/tried" ] || { touch "$HOME/tried"; ${fate}; } ;;
    esac`);
      const run = () => host.run("swarm-proxy-config", { caddyfile: ":80", image: "caddy:2" });
      const reloads = () => host.calls().filter((call) => call.startsWith("exec ")).length;
      expect(await run()).toMatchObject({ code, stdout: "" });
      expect(json((await run()).stdout)).toMatchObject({ changed: true });
      expect(reloads()).toBe(2);
      expect(json((await run()).stdout)).toMatchObject({ changed: false });
      expect(reloads()).toBe(2);
    },
  );

  test("a configuration that Caddy does not take asks for no reload afterwards", async () => {
    host = stepHost(
      'case $call in "run "*) cat >/dev/null; [ -f "$HOME/put" ] && echo same || { touch "$HOME/put"; exit 1; } ;; esac',
    );
    const run = () => host.run("swarm-proxy-config", { caddyfile: ":80", image: "caddy:2" });
    expect(await run()).toMatchObject({ code: 20 });
    expect(json((await run()).stdout)).toMatchObject({ changed: false });
  });
});

describe("registry-login", () => {
  test("gives the password by standard input only", async () => {
    host = stepHost('cat >"$HOME/received"; echo "Login Succeeded"');
    const password = "hunter2 ' \" $x";
    const result = await host.run(
      "registry-login",
      listFrames("registries", "registry", [{ server: "ghcr.io", username: "me", password }]),
    );
    expect(result).toMatchObject({ code: 0, stderr: "" });
    expect(host.calls()).toEqual(["login --username me --password-stdin ghcr.io"]);
    expect(readFileSync(join(host.home, "received"), "utf8")).toBe(password);
  });

  test("a refusal is told with the registry's name", async () => {
    host = stepHost('cat >/dev/null; echo "denied: password1234 is wrong" >&2; exit 1');
    const result = await host.run("registry-login", {
      ...listFrames("registries", "registry", [
        { server: "ghcr.io", username: "me", password: "password1234" },
      ]),
      redact: "password1234",
    });
    expect(result.code).toBe(20);
    expect(result.stderr).toContain("ghcr.io refused the login");
    expect(result.stderr).not.toContain("password1234");
  });
});

describe("database-healthy", () => {
  test("starts the services and waits", async () => {
    host = stepHost();
    const result = await host.run("database-healthy", { services: "db\ncache", timeout: 42 });
    expect(json(result.stdout)).toMatchObject({ services: 2 });
    expect(host.calls()).toEqual([
      "compose up --detach --wait --wait-timeout 42 db cache",
      "compose ps --all --format json db cache",
    ]);
  });

  test("a wait that Compose ends with success although the time was over is no success", async () => {
    host = stepHost(
      'case $call in *" ps "*) echo \'{"Service":"db","State":"running","Health":"starting"}\' ;; esac',
    );
    expect((await host.run("database-healthy", { services: "db" })).code).toBe(20);
  });

  test("shows the database's log when it does not become healthy", async () => {
    host = stepHost('case $call in *" up "*) exit 1 ;; *" logs "*) echo "FATAL: no space left" ;; esac');
    const result = await host.run("database-healthy", { services: "db" });
    expect(result.code).toBe(20);
    expect(result.stderr).toContain("FATAL: no space left");
  });
});

describe("postgres-roles", () => {
  const frames = {
    service: "db",
    admin_user: "postgres",
    database: "app",
    statements: "SELECT 'x';",
    timeout: 0,
  };

  test("makes the database when it is missing, then runs the statements in one transaction", async () => {
    host = stepHost('case $call in *"-f -"*) cat >>"$HOME/sql" ;; esac');
    const result = await host.run("postgres-roles", frames);
    expect(json(result.stdout)).toMatchObject({ database: "app", created: true });
    expect(host.calls()).toEqual([
      "compose exec -T db pg_isready -q -h 127.0.0.1",
      "compose exec -T db psql -X -w -v ON_ERROR_STOP=1 -U postgres -d postgres -t -A -c SELECT 1 FROM pg_database WHERE datname = 'app'",
      'compose exec -T db psql -X -w -v ON_ERROR_STOP=1 -U postgres -d postgres -q -c CREATE DATABASE "app"',
      "compose exec -T db psql -X -w -v ON_ERROR_STOP=1 -U postgres -d app -q --single-transaction -f -",
      "compose exec -T db psql -X -w -v ON_ERROR_STOP=1 -U postgres -d app -q -t -A -f -",
    ]);
    expect(readFileSync(join(host.home, "sql"), "utf8")).toMatch(
      /^SELECT 'x';SELECT pg_terminate_backend\(.*WHERE NOT r\.rolcanlogin/s,
    );
  });

  test("leaves a database that is there alone", async () => {
    host = stepHost('case $call in *"SELECT 1"*) echo 1 ;; esac');
    const result = await host.run("postgres-roles", frames);
    expect(json(result.stdout)).toMatchObject({ created: false });
    expect(host.calls().join("\n")).not.toContain("CREATE DATABASE");
  });

  test("gives up on a server that does not answer", async () => {
    host = stepHost("case $call in *pg_isready*) exit 2 ;; esac");
    expect(await host.run("postgres-roles", frames)).toMatchObject({ code: 20, stdout: "" });
  });

  test("refuses names that are not plain", async () => {
    host = stepHost();
    expect(await host.run("postgres-roles", { ...frames, database: 'a"b' })).toMatchObject({ code: 10 });
    expect(host.calls()).toEqual([]);
  });
});

describe("migrate", () => {
  test("runs once in a container of its own; variables never become arguments", async () => {
    host = stepHost('printf %s "$DATABASE_URL" >"$HOME/received"');
    const url = "postgresql://m:p%40ss'\"$x\n@db/app\n";
    const result = await host.run("migrate", {
      service: "api",
      arguments: 2,
      argument_1: "sh",
      argument_2: "echo 'two words'",
      ...listFrames("variables", "variable", [{ name: "DATABASE_URL", value: url }]),
    });
    expect(result).toMatchObject({ code: 0, stderr: "" });
    expect(host.calls()).toEqual([
      expect.stringMatching(
        /^compose --env-file \S+ run --rm --name sample-migrate-\d+ -T --no-deps --pull missing --env DATABASE_URL api sh echo 'two words'$/,
      ),
    ]);
    expect(readFileSync(join(host.home, "received"), "utf8")).toBe(url);
  });

  // As sudo does: `--env NAME` takes what Compose then finds in its env files, the application's first among them.
  test("words before docker that clear its environment keep no variable from it; nothing of it is left", async () => {
    host = stepHost(`PATH=/usr/bin:/bin HOME=\${0%/bin/docker}
      case $call in *" run "*) ;; *) exit ;; esac
      case $call in *pg_advisory_lock*) name=session; echo held ;; *) name=migrations ;; esac
      for word; do [ "\${before-}" != --env-file ] || file=$word; before=$word; done
      { stat -c %a "$file"; cat "$file"; } >"$HOME/$name"`);
    const variables = { DATABASE_URL: "postgresql://m:p%40ss'\"$x\\y\n@db/app\n", NONE: "", PLAIN: "a $b\n" };
    const result = await host.run("migrate", {
      service: "api",
      docker_prefix: `env -i PATH=${join(host.home, "bin")}`,
      ...listFrames(
        "variables",
        "variable",
        Object.entries(variables).map(([name, value]) => ({ name, value })),
      ),
      ...listFrames("locks", "lock", [
        { host: "elsewhere", user: "m", database: "shop", password: "pass $word" },
      ]),
    });
    expect(result).toMatchObject({ code: 0, stderr: "" });
    expect(readFileSync(join(host.home, "migrations"), "utf8")).toBe(`600\n${envFile(variables)}`);
    const session = readFileSync(join(host.home, "session"), "utf8");
    expect(session).toContain("PGHOST='elsewhere'\n");
    expect(session).toContain("PGPASSWORD='pass $word'\n");
    expect(host.calls().join("\n")).not.toMatch(/p%40ss|pass /);
    expect(readdirSync(host.root).filter((name) => name.startsWith(".groundwork."))).toEqual([
      ".groundwork.migrate.held",
      ".groundwork.migrate.pipe",
    ]);
  });

  test("a failure is told, with the end of what it printed, without passwords in addresses", async () => {
    host = stepHost(
      'case $call in *" run "*) echo "cannot reach postgresql://m:swordfish@db/app"; exit 3 ;; esac',
    );
    const result = await host.run("migrate", { service: "api" });
    expect(result.code).toBe(20);
    expect(result.stderr).toContain("the migrations failed with exit code 3");
    expect(result.stderr).toContain("postgresql://m:[secret]@db/app");
    expect(result.stdout).toBe("");
  });

  test("runs the image of the release that comes, and tells the schema's version", async () => {
    host = stepHost(
      'case $call in *" run "*) sed -n \'s/.*"image":"\\([^"]*\\).*/ran \\1/p\' "$HOME/groundwork/sample/migrate.release.json"; [ "${call%current}" = "$call" ] || echo " 0042 " ;; esac',
    );
    const result = await host.run("migrate", {
      service: "api",
      release: "r2",
      ...listFrames("images", "image", [{ service: "api", reference: "ghcr.io/x/api@sha256:0123" }]),
      version_arguments: 2,
      version_argument_1: "alembic",
      version_argument_2: "current",
    });
    expect(result).toMatchObject({ code: 0, stderr: "" });
    expect(json(result.stdout)).toMatchObject({ step: "migrate", schema: "0042" });
    expect(readFileSync(join(host.root, "logs", "migrate.log"), "utf8")).toContain(
      "ran ghcr.io/x/api@sha256:0123",
    );
    expect(host.calls().map((call) => call.replace(/.* --name \S+/, ""))).toEqual([
      " -T --no-deps --pull missing api",
      " -T --no-deps --pull never api alembic current",
    ]);
  });

  const slow = (rm: string) =>
    `case $call in *" run "*) exec sleep 30 ;; "rm "*) ${rm} ;; "ps "*) [ -f "$HOME/gone" ] || echo 0123 ;; esac`;
  test("ends migrations that take too long, by their container, as docker's own end would not", async () => {
    host = stepHost(slow('touch "$HOME/gone"'));
    const result = await host.run("migrate", { service: "api", timeout: 1 });
    expect(result.code).toBe(20);
    expect(result.stderr).toContain("took longer than 1 s and were ended");
    const name = /--name (sample-migrate-\d+) /.exec(host.calls()[0] ?? "")?.[1];
    expect(host.calls()[1]).toBe(`rm --force ${name ?? "nobody"}`);
  });

  test("ends them by their container too where docker itself has ended, as when its daemon restarts", async () => {
    host = stepHost(
      'case $call in *" run "*) echo "unexpected EOF"; exit 1 ;; "rm "*) touch "$HOME/gone" ;; "ps "*) [ -f "$HOME/gone" ] || echo 0123 ;; esac',
    );
    const result = await host.run("migrate", { service: "api" });
    expect(result.code).toBe(20);
    expect(result.stderr).toContain("the migrations failed with exit code 1; what served before");
    expect(existsSync(join(host.home, "gone"))).toBe(true);
  });

  test("ends those that take too long where timeout ends as what it has ended, as busybox's does", async () => {
    host = stepHost(slow('touch "$HOME/gone"'));
    // As busybox's: a child watches, and the command is in the place of its parent.
    const timeout =
      '#!/bin/sh\nshift 2\nlimit=$1\nshift\n(sleep "$limit"; kill $$) >/dev/null 2>&1 &\nexec "$@"\n';
    writeFileSync(join(host.home, "bin", "timeout"), timeout, { mode: 0o755 });
    const result = await host.run("migrate", { service: "api", timeout: 1 });
    expect(result.code).toBe(20);
    expect(result.stderr).toContain("took longer than 1 s and were ended");
    expect(existsSync(join(host.home, "gone"))).toBe(true);
  });

  test("says that migrations which take too long may go on where their container does not go", async () => {
    host = stepHost(slow("exit 1"));
    const result = await host.run("migrate", { service: "api", timeout: 1 });
    expect(result.code).toBe(20);
    expect(result.stderr).toMatch(/they may go on, look at it: docker rm --force sample-migrate-\d+/);
    expect(result.stderr).not.toContain("were ended");
  }, 30_000);

  test.each(["PATH", "COMPOSE_FILE", "A B", "1A"])("refuses the variable %p", async (name) => {
    host = stepHost();
    const result = await host.run("migrate", {
      service: "api",
      ...listFrames("variables", "variable", [{ name, value: "x" }]),
    });
    expect(result.code).toBe(10);
  });
});

describe("rollout of an origin without a proxy", () => {
  const image = (id: string) => `case $call in "image inspect"*) echo sha256:${id} ;; esac`;
  const compose: Frames = {
    ...listFrames("files", "file", [{ path: "compose.yaml", mode: "0600", content: "services: {}" }]),
    check: "none",
  };
  const release = {
    release: "r1",
    timeout: 60,
    ...listFrames("images", "image", [{ service: "api", reference: "app:1" }]),
  };

  test("brings everything up with the release's images and waits; keeps what it was made of", async () => {
    host = stepHost(image("1"));
    await host.run("write-files", compose);
    const result = await host.run("rollout", release);
    expect(result.stderr).toBe("");
    expect(result.code).toBe(0);
    const lines = result.stdout.trim().split("\n").map(json) as Record<string, unknown>[];
    expect(lines.map(({ event }) => event)).toEqual(["started", "starting", "healthy", "done", undefined]);
    expect(lines.at(-1)).toMatchObject({ step: "rollout", project: "sample", release: "r1", changed: true });
    const folder = join(host.root, "releases", "r1");
    expect(json(readFileSync(join(folder, "compose.release.json"), "utf8"))).toEqual({
      services: { api: { image: "app:1", environment: { RELEASE_ID: "r1" } } },
    });
    expect(readFileSync(join(folder, "files", "compose.yaml"), "utf8")).toBe("services: {}");
    expect(host.calls()).toContain(
      `compose --file ${folder}/compose.release.json up --detach --wait --wait-timeout 60 --pull missing --no-build --remove-orphans`,
    );
  });

  test("goes back with the time that the release had to become healthy, unless another is given", async () => {
    host = stepHost(image("1"));
    await host.run("write-files", compose);
    for (const id of ["r1", "r2"])
      expect(await host.run("rollout", { ...release, release: id, timeout: 400 })).toMatchObject({ code: 0 });
    const waits = () => host.calls().flatMap((call) => / --wait-timeout (\d+) /.exec(call)?.[1] ?? []);
    expect(await host.run("rollout", { to: "r1" })).toMatchObject({ code: 0, stderr: "" });
    expect(await host.run("rollout", { to: "r2", timeout: 15 })).toMatchObject({ code: 0, stderr: "" });
    expect(waits()).toEqual(["400", "400", "400", "15"]);
  });

  test.each(["starting", "unhealthy"])(
    "compose's success is not believed while a container is %s",
    async (health) => {
      host = stepHost(
        `${image("1")}; case $call in *" ps "*json*) echo '{"Service":"api","Health":"${health}"}' ;; esac`,
      );
      await host.run("write-files", compose);
      const result = await host.run("rollout", release);
      expect(result.code).toBe(21);
      expect(result.stderr).toContain("did not become healthy");
    },
  );

  test("shows what runs and the end of the logs when a container is not healthy", async () => {
    host = stepHost(
      `${image("1")}; case $call in *" up "*) exit 1 ;; *" logs "*) echo "boom: 8-letter-secret" ;; esac`,
    );
    const list = { path: ".redact", mode: "0600", content: "8-letter-secret" };
    await host.run("write-files", { ...listFrames("files", "file", [list]), check: "none" });
    writeFileSync(join(host.root, "compose.yaml"), "services: {}");
    const result = await host.run("rollout", release);
    expect(result.code).toBe(21);
    expect(result.stderr).toContain("boom: [secret]");
    expect(existsSync(join(host.root, "releases", "r1"))).toBe(false);
  });
});

describe("verify", () => {
  const check = { service: "api", port: 4000, path: "/health", scheme: "http", hostname: "api.example.com" };
  let server: Server;
  let asked: { host: string | undefined; url: string | undefined }[];
  let status: () => number;

  beforeEach(async () => {
    asked = [];
    server = createServer((request, response) => {
      asked.push({ host: request.headers.host, url: request.url });
      response.writeHead(status()).end();
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as AddressInfo;
    host = stepHost(`case $call in "compose port "*) echo "0.0.0.0:${port}" ;; esac`);
  });
  afterEach(() => new Promise((resolve) => server.close(resolve)));

  test("asks the published port under the public name, until it answers well", async () => {
    const codes = [503, 500, 200];
    status = () => codes.shift() ?? 200;
    const result = await host.run("verify", listFrames("checks", "check", [{ ...check, path: "/health" }]));
    expect(result.stderr).toBe("");
    expect(json(result.stdout)).toEqual({ step: "verify", project: "sample", answered: { "api:4000": 200 } });
    expect(asked).toHaveLength(3);
    expect(asked[0]?.url).toBe("/health");
    expect(asked[0]?.host).toMatch(/^api\.example\.com(:\d+)?$/);
    expect(host.calls()).toEqual(["compose port api 4000"]);
  });

  test("gives up after its time, with the status and the service's log", async () => {
    status = () => 502;
    const result = await host.run("verify", {
      ...listFrames("checks", "check", [{ ...check, path: "/health" }]),
      timeout: 1,
    });
    expect(result.code).toBe(20);
    expect(result.stderr).toContain("api answers 502 to /health instead of 2xx or 3xx");
    expect(host.calls()).toContain("compose logs --no-color --tail 20 api");
  });

  test("a port that is not published is told", async () => {
    host.remove();
    host = stepHost();
    const result = await host.run("verify", listFrames("checks", "check", [{ ...check, path: "/" }]));
    expect(result.code).toBe(20);
    expect(result.stderr).toContain("port 4000 of api is not published");
  });

  test.each([[{ scheme: "file" }], [{ hostname: "-x" }], [{ path: "health" }], [{ service: "$(id)" }]])(
    "refuses %p",
    async (changes) => {
      const result = await host.run(
        "verify",
        listFrames("checks", "check", [{ ...check, path: "/", ...changes }]),
      );
      expect(result.code).toBe(10);
      expect(asked).toEqual([]);
    },
  );
});

describe("the origin's certificate", () => {
  beforeEach(() => {
    host = stepHost();
  });
  const names = { hostnames: "api.example.com\nexample.com" };
  const path = (name: string) => join(host.root, "certificates", name);

  test("a key that stays, a request that is the same while the names are", async () => {
    const first = await host.run("origin-csr", names);
    expect(first.stderr).toBe("");
    const { csr } = json(first.stdout) as { csr: string };
    const read = execFileSync("openssl", ["req", "-noout", "-text", "-verify"], {
      input: csr,
      encoding: "utf8",
    });
    expect(read).toContain("DNS:api.example.com, DNS:example.com");
    expect(read).toContain("id-ecPublicKey");
    expect(mode(path("origin.key"))).toBe("600");
    expect(first.stdout).not.toContain("PRIVATE KEY");
    const key = readFileSync(path("origin.key"), "utf8");

    expect(json((await host.run("origin-csr", names)).stdout)).toMatchObject({ csr });
    const other = json(
      (await host.run("origin-csr", { hostnames: "other.example.com", key_mode: "0644" })).stdout,
    );
    expect(other).not.toMatchObject({ csr });
    expect(readFileSync(path("origin.key"), "utf8")).toBe(key);
    expect(mode(path("origin.key"))).toBe("644");
  });

  test("the signed certificate is installed beside its key; another one is refused", async () => {
    await host.run("origin-csr", names);
    const own = execFileSync(
      "openssl",
      ["x509", "-req", "-days", "7", "-in", path("origin.csr"), "-signkey", path("origin.key")],
      { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] },
    );
    const installed = await host.run("origin-certificate", { certificate: own });
    expect(json(installed.stdout)).toMatchObject({ changed: true });
    expect(readFileSync(path("origin.pem"), "utf8")).toBe(own);
    expect(json((await host.run("origin-certificate", { certificate: own })).stdout)).toMatchObject({
      changed: false,
    });

    const foreign = execFileSync(
      "openssl",
      [
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:prime256v1",
        "-nodes",
        "-subj",
        "/CN=x",
        "-days",
        "7",
        "-keyout",
        "/dev/null",
      ],
      { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] },
    );
    const refused = await host.run("origin-certificate", { certificate: foreign });
    expect(refused.code).toBe(20);
    expect(refused.stderr).toContain("for another key");
    expect(readFileSync(path("origin.pem"), "utf8")).toBe(own);
    expect(await host.run("origin-certificate", { certificate: "no PEM" })).toMatchObject({ code: 20 });
  });

  test("a damaged key is told, not replaced", async () => {
    await host.run("origin-csr", names);
    writeFileSync(path("origin.key"), "damaged");
    const result = await host.run("origin-csr", names);
    expect(result.code).toBe(20);
    expect(result.stderr).toContain("is damaged");
    expect(readFileSync(path("origin.key"), "utf8")).toBe("damaged");
  });
});

describe("a rollout that fails after the switch", () => {
  /** What the end of the worker does, with stand-ins for what gives the traffic back and takes the new colour away. */
  const ends = (fence: number, failure: string) => {
    host = stepHost();
    const script = `root=$0 run=$0 fence=1 active=blue new=green release=r folder=$0/x switching=1
      now_ms() { echo 0; }; fail() { exit "$1"; }; point_all() { echo "traffic to $1"; }; undo() { echo undo; }
      . ./rollout-journal.sh
      trap 'ended "$?"' EXIT
      echo ${fence} >"$root/fence"; : >"$run/errors"
      ${failure}`;
    const cwd = join(projectRoot(), "remote");
    const { status, stdout } = spawnSync("sh", ["-c", script, host.home], { cwd, encoding: "utf8" });
    return { status, stdout };
  };

  test("gives the traffic back and takes its colour away", () => {
    expect(ends(1, "guard watch; exit 20")).toEqual({ status: 20, stdout: "traffic to blue\nundo\n" });
  });

  test.each([
    ["guard watch", 75],
    ["exit 20", 20],
  ])("leaves all as it is where another rollout has taken over (%s)", (failure, status) => {
    expect(ends(2, failure)).toEqual({ status, stdout: "" });
  });
});

describe("the lock", () => {
  test("a second step waits and says for whom; in the end it gives up without doing anything", async () => {
    host = stepHost('case $call in *" up "*) touch "$HOME/started"; sleep 3 ;; esac');
    const first = host.run("database-healthy", { services: "db" });
    while (!existsSync(join(host.home, "started"))) await new Promise((resolve) => setTimeout(resolve, 20));
    const second = await host.run("write-files", { files: 0, check: "none", lock_wait: 1 });
    expect(second.code).toBe(75);
    expect(second.stderr).toMatch(/write-files: waiting for database-healthy \(process \d+ since .*\)/);
    expect(second.stderr).toContain("nothing was done");
    expect(await first).toMatchObject({ code: 0 });
    expect(await host.run("write-files", { files: 0, check: "none", lock_wait: 1 })).toMatchObject({
      code: 0,
    });
  });

  describe("on a host whose flock knows no -w, as busybox's does not", () => {
    const withoutWait = (docker: string) => {
      host = stepHost(docker);
      const flock = `case $* in *-w*) echo "flock: invalid option -- 'w'" >&2; exit 1 ;; esac\nPATH=\${PATH#*:} exec flock "$@"\n`;
      writeFileSync(join(host.home, "bin", "flock"), `#!/bin/sh\n${flock}`, { mode: 0o755 });
    };

    test("is waited for", async () => {
      withoutWait('case $call in *" up "*) touch "$HOME/started"; sleep 1 ;; esac');
      const first = host.run("database-healthy", { services: "db" });
      while (!existsSync(join(host.home, "started"))) await new Promise((resolve) => setTimeout(resolve, 20));
      const second = await host.run("write-files", { files: 0, check: "none", lock_wait: 60 });
      expect(second).toMatchObject({ code: 0 });
      expect(second.stderr).toMatch(/^write-files: waiting for database-healthy .*\n$/);
      expect(await first).toMatchObject({ code: 0 });
    });

    test.each(["rollout", "swarm-rollout"] as const)("%s takes that of rollouts as well", async (step) => {
      withoutWait(":");
      const result = await host.run(step, { release: "1" });
      // What the stand-in for Docker cannot do ends it.
      expect(result.stderr).toMatch(/there is no compose\.yaml|does not manage a swarm/);
    });
  });

  test("is free again after its holder was killed, though what it started lives on", async () => {
    host = stepHost(
      'case $call in *" up "*) sleep 20 & echo $! >"$HOME/left" ; touch "$HOME/started"; wait ;; esac',
    );
    const env = { PATH: `${join(host.home, "bin")}:${process.env["PATH"] ?? ""}`, HOME: host.home };
    const child = spawn("sh", ["-c", stepCommand("database-healthy")], {
      env,
      detached: true,
      stdio: ["pipe", "ignore", "ignore"],
    });
    child.stdin.end(stepInput("database-healthy", encodeFrames({ project: "sample", services: "db" })));
    while (!existsSync(join(host.home, "started"))) await new Promise((resolve) => setTimeout(resolve, 20));
    child.kill("SIGKILL");
    const next = await host.run("write-files", { files: 0, check: "none", lock_wait: 2 });
    expect(next).toMatchObject({ code: 0 });
    process.kill(-(child.pid ?? 0), "SIGKILL");
  });

  test("a step runs to its end when nobody listens any more", async () => {
    host = stepHost('case $call in *" up "*) sleep 0.3; echo "still printing"; touch "$HOME/done" ;; esac');
    const env = { PATH: `${join(host.home, "bin")}:${process.env["PATH"] ?? ""}`, HOME: host.home };
    const child = spawn("sh", ["-c", stepCommand("database-healthy")], { env, stdio: "pipe" });
    child.stdin.end(stepInput("database-healthy", encodeFrames({ project: "sample", services: "db" })));
    child.stdout.destroy();
    child.stderr.destroy();
    const code = await new Promise((resolve) => child.on("close", resolve));
    expect(existsSync(join(host.home, "done"))).toBe(true);
    expect(code).toBe(0);
  });
});
