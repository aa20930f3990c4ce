import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { once } from "node:events";
import { connect } from "node:net";
import { join } from "node:path";
import type { Answering } from "../../cli/json/schemas";
import type { SandboxRecord } from "../../sandbox/record";
import { launchBrowser, openPage } from "../support/browser";
import {
  type CommandResult,
  SandboxHome,
  dockerServes,
  exportedVariables,
  runProgram,
} from "../support/command";
import { InterruptibleCommand } from "../support/interruptible";
import { parsedAnswer } from "../support/json-answer";
import { CommandLineWatch } from "../support/leaks/command-lines";
import { dockerAt, scanContainers } from "../support/leaks/containers";
import { LeakScan } from "../support/leaks/leak-scan";
import { mayHoldSecrets, ofTheApi, sandboxSecrets } from "../support/leaks/sandbox-places";
import { type Secret, uniqueSecrets } from "../support/leaks/secret";
import { stackSecrets } from "../support/leaks/stack-secrets";

// What `npm start` does, on real parts: the engine, SSH, PostgreSQL, containers or processes, curl, a browser. The tests
// of one way follow each other on one sandbox: bringing it up is most of the time.
const ways = [
  { way: "plain processes", flag: "--without-docker", mode: "process" },
  { way: "Docker", flag: "--with-docker", mode: "docker" },
] as const;

if (!dockerServes()) console.log("skipped: `start` with Docker (no daemon answers, and CI is not true)");

describe.each(ways.filter(({ mode }) => mode === "process" || dockerServes()))(
  "start with $way",
  ({ flag, mode }) => {
    const home = new SandboxHome();
    const folder = join(home.folder, "sandbox", "dev");
    const record = (): SandboxRecord =>
      JSON.parse(readFileSync(join(folder, "sandbox.json"), "utf8")) as SandboxRecord;
    const curl = (path: string, ...args: string[]): string =>
      execFileSync(
        "curl",
        [
          "--silent",
          "--show-error",
          ...["--cacert", record().edge.caFile],
          ...args,
          `https://${path.replace("/", `:${record().edge.httpsPort}/`)}`,
        ],
        { encoding: "utf8" },
      );
    /** What the commands printed and which command lines there were meanwhile, for the search for secrets. */
    const said: string[] = [];
    const watchedLines: string[] = [];
    /** As {@link SandboxHome.run}, with all temporary files in the home, and looked at from outside. */
    const watched = async (args: readonly string[]): Promise<CommandResult> => {
      const temporary = join(home.folder, "tmp");
      mkdirSync(temporary, { recursive: true });
      const watch = new CommandLineWatch();
      try {
        const result = await home.run(args, { TMPDIR: temporary });
        said.push(result.all);
        return result;
      } finally {
        watch.end();
        watchedLines.push(watch.text());
      }
    };
    afterAll(() => home.remove(["dev"]), 120_000);

    test("brings everything up, and each address answers", async () => {
      const { code, stdout, stderr } = await watched(["start", flag]);
      expect(stderr).toMatch(/dev: \d+ created, 0 unchanged/);
      expect(stdout).toMatch(/https:\/\/streampai\.localhost:\d+\s+│ 200/);
      expect(stdout).toMatch(/https:\/\/api\.streampai\.localhost:\d+\/api\/health\s+│ 200/);
      expect(stdout).toMatch(/streampai_app\s+│ select, insert, update, delete; nothing else/);
      expect(code).toBe(0);
      expect(record().host.mode).toBe(mode);
    }, 300_000);

    test("a visitor gets the site over HTTP/2, and the API behind it writes to the database", () => {
      expect(curl("streampai.localhost/any/path", "--write-out", "%{http_version} %{http_code}")).toMatch(
        /<title>.*2 200$/s,
      );
      const message = JSON.stringify({ author: "tester", body: "written through the edge" });
      curl("api.streampai.localhost/api/messages", "--json", message, "--fail");
      expect(curl("api.streampai.localhost/api/messages")).toContain("written through the edge");
    });

    test("psql opens as the application, and the database's size, disk and connections are told", async () => {
      const words = ["-X", "-t", "-A", "-c", "select current_user, count(*) > 0 from messages"];
      const psql = await home.run(["db", "psql", "-s", "dev", "--", ...words]);
      expect(psql.stdout.trim()).toBe("streampai_app_a|t");
      const status = await home.run(["db", "status", "-s", "dev"]);
      expect(status.stdout).toMatch(/^streampai: PostgreSQL [\d.]+, .* free on its disk$/m);
      expect(status.stdout).toMatch(/│ streampai_app_a +│/);
      expect([psql.code, status.code]).toEqual([0, 0]);
    }, 120_000);

    test("again: there is nothing to change", async () => {
      const { code, stderr, stdout } = await home.run(["start", "--json"]);
      expect(stderr).toMatch(/dev: nothing to change: \d+ resources are as described/);
      const { addresses, changed, drawing } = parsedAnswer("start", stdout);
      expect(addresses.map(({ status }) => status)).toEqual(addresses.map(() => 200));
      expect([changed, drawing]).toEqual([false, record().page.url]);
      expect(code).toBe(0);
    }, 120_000);

    test("where no login is chosen, a command finds it where it stands, and says so", async () => {
      const loggedOut = { PULUMI_HOME: join(home.folder, "logged-out"), PULUMI_BACKEND_URL: "" };
      const preview = await home.run(["preview", "-s", "dev"], loggedOut);
      expect(preview.stderr).toContain(
        "in the sandbox of dev on this machine, as no state backend is chosen",
      );
      expect(preview.stderr).toMatch(/dev: nothing to change: \d+ resources are as described/);
      const other = await home.run(["preview", "-s", "staging"], loggedOut);
      expect(other.stderr).toContain("no state backend is chosen\n");
      expect([preview.code === 0, other.code === 0]).toEqual([true, false]);
    }, 120_000);

    test("a plain pulumi works on the same stack and finds nothing to change either", async () => {
      const { stdout } = await home.run(["sandbox", "env", "-s", "dev"]);
      const variables = exportedVariables(stdout);
      expect(Object.keys(variables)).toContain("PULUMI_BACKEND_URL");
      const args = ["preview", "-s", "dev", "--non-interactive", "--expect-no-changes"];
      const preview = await runProgram("/bin/sh", ["-c", `exec pulumi ${args.join(" ")}`], variables);
      expect(preview.all).toMatch(/\d+ unchanged/);
      expect(preview.code).toBe(0);
    }, 120_000);

    test("its database is backed up, restored as a proof, and its migrations are rehearsed, as it is", async () => {
      const backup = await watched(["db", "backup", "-s", "dev"]);
      expect(backup.stdout).toMatch(/^backup [0-9a-f]{8}: 3 tables, \d+ rows/m);
      const drill = await watched(["db", "drill", "-s", "dev"]);
      expect(drill.stdout).toMatch(
        /restored into a server of its own\n3 tables .*: each as it was recorded$/m,
      );
      const rehearsal = await watched(["db", "rehearse", "-s", "dev"]);
      expect(rehearsal.stdout).toMatch(/api health: well \(\/api\/health answers 200\)$/m);
      expect(rehearsal.stdout).toMatch(/^passed: a rollback is possible$/m);
      expect([backup.code, drill.code, rehearsal.code]).toEqual([0, 0, 0]);
      const { code, stdout } = await home.run(["doctor", "-s", "dev"]);
      expect(stdout).toMatch(/^ok +backups of main: the newest is of /m);
      expect(stdout).toMatch(/^ok +restore of main: the last proved restore of main is of /m);
      expect(code).toBe(0);
    }, 600_000);

    test("a rotation that is killed with its engine on the way leaves the application at work", async () => {
      const cut = await home.killedAt(["db", "rotate", "-s", "dev"], /updated Command main-roles /);
      expect(cut).toMatch(/from streampai_app_a to streampai_app_b/);
      const message = JSON.stringify({ author: "tester", body: "written after a rotation was cut" });
      curl("api.streampai.localhost/api/messages", "--json", message, "--fail");
      expect(curl("api.streampai.localhost/api/messages")).toContain("written after a rotation was cut");
    }, 300_000);

    test("no secret leaks by all that, nor by the rotation, which goes on where it was cut", async () => {
      const { stdout } = await home.run(["sandbox", "env", "-s", "dev"]);
      const variables = exportedVariables(stdout);
      const secrets = async (): Promise<Secret[]> => {
        const args = "stack export --show-secrets -s dev --non-interactive";
        const exported = await runProgram("/bin/sh", ["-c", `exec pulumi ${args}`], variables);
        return stackSecrets(exported.stdout);
      };
      const docker = dockerAt(join(folder, "host", "bin", "docker"));
      const logEverything = ["-c", "ALTER SYSTEM SET log_statement = 'all'", "-c", "SELECT pg_reload_conf()"];
      const psql = ["exec", "-T", "db", "psql", "-X", "-w", "-U", "postgres", ...logEverything];
      docker(["compose", "--project-name", "streampai", ...psql]);
      const before = await secrets();
      const rotated = await watched(["db", "rotate", "-s", "dev"]);
      expect(rotated.stderr).toMatch(/going on with a rotation that was cut short \(password 1 to 2\)/);
      expect(rotated.stderr + rotated.stdout).toMatch(/the application is streampai_app_b now/);
      const after = await secrets();
      const all = uniqueSecrets([...before, ...after, ...sandboxSecrets(folder)]);
      for (const name of [
        "main-app-a-password.result",
        "main-app-b-password.result",
        "main-migrator-password.result",
        "main-repository-password.result",
        "main-drill-key.result",
        "buckets.credentials.api.secretAccessKey",
        "cloudflare.apiToken",
        "passphrase",
      ]) {
        expect(all.map((secret) => secret.name)).toContain(name);
      }

      const scan = new LeakScan(all);
      said.forEach((text, index) => scan.text(`what command ${index + 1} printed`, text));
      expect(watchedLines.length).toBe(5);
      scan.text("command lines", watchedLines.join("\n"));
      scan.files(home.folder, mayHoldSecrets);
      const containers = scanContainers(scan, docker, (name) => (/api/.test(name) ? ofTheApi : undefined));
      // Each place was looked at, and held what it is about.
      expect(watchedLines.join("\n")).toContain(join(folder, "host", "tools"));
      expect(scan.filesRead).toBeGreaterThan(100);
      expect(containers.length).toBeGreaterThanOrEqual(2);
      expect(docker(["logs", containers.find((name) => name.includes("db")) ?? ""])).toMatch(
        /ALTER ROLE "?streampai_app_b"?.*PASSWORD 'SCRAM-SHA-256/s,
      );
      expect(scan.leaks).toEqual([]);
    }, 600_000);

    // After all that looks at what is in the database: it is emptied here.
    test("what programs ask of it is answered as the schemas say", async () => {
      const ask = async <Command extends Answering>(command: Command, ...args: string[]) => {
        const { all, code, stdout } = await home.run([...command.split(" "), ...args, "-s", "dev", "--json"]);
        if (code !== 0) throw new Error(`${command}: exit ${String(code)}: ${all.slice(-5000)}`);
        return parsedAnswer(command, stdout);
      };
      const { sandbox } = await ask("sandbox status");
      expect(sandbox).toMatchObject({ pid: record().pid, host: { mode } });
      const { secretFiles, variables } = await ask("sandbox env");
      expect([variables["CLOUDFLARE_API_TOKEN"], secretFiles]).toEqual([
        "[secret]",
        { CLOUDFLARE_API_TOKEN: join(folder, "api-token") },
      ]);
      expect((await ask("doctor")).map(({ subject }) => subject)).toContain("backups of main");
      expect(await ask("db attack")).toMatchObject({ user: "streampai_app_b", surprises: 0 });
      const status = await ask("db status");
      expect(status).toMatchObject({ database: "streampai", slots: [] });
      expect(status.tables.map(({ table }) => table)).toContain("messages");
      expect(await ask("db slots")).toEqual([]);
      const { backup } = await ask("db backup");
      const { backups, restore } = await ask("db backups");
      expect([backups[0]?.backup, backups.length, restore.proof?.passed]).toEqual([backup, 2, true]);
      expect(await ask("db drill")).toMatchObject({ backup, passed: true, differences: [] });
      const { kept = "", ...restored } = await ask("db restore", "--yes");
      expect(restored).toMatchObject({ backup, database: "streampai", tables: 3 });
      expect(await ask("db restore --drop-kept", kept)).toEqual({ dropped: kept });
      expect(await ask("db rotate", "--finish")).toMatchObject({ did: "finished", overlap: false });
      expect(await ask("db reset", "--yes")).toEqual({ stack: "dev", database: "main" });
      const words = ["-X", "-t", "-A", "-c", "select count(*) from messages"];
      expect((await home.run(["db", "psql", "-s", "dev", "--", ...words])).stdout.trim()).toBe("0");
    }, 600_000);

    test("a tunnel to its database is told in one line once it is open, and stays open until Ctrl-C", async () => {
      const command = new InterruptibleCommand(["db", "tunnel", "-s", "dev", "--as", "app", "--json"], {
        GROUNDWORK_HOME: home.folder,
      });
      try {
        await command.until(/^\{[^]*\}$/m);
        const [answer = ""] = /^\{[^]*\}$/m.exec(command.printed) ?? [];
        expect(answer.split("\n")).toHaveLength(1);
        const { host, port, ...who } = parsedAnswer("db tunnel", answer);
        expect(who).toEqual({ database: "streampai", user: "streampai_app_b" });
        const socket = connect(port, host);
        await once(socket, "connect");
        socket.destroy();
        expect(command.runs()).toBe(true);
      } finally {
        command.signal("SIGINT");
        await command.ended;
      }
    }, 60_000);

    test("the environment is drawn with its parts in a browser", async () => {
      const browser = await launchBrowser();
      try {
        const { page, thrown } = await openPage(browser, record().page.url);
        await page.getByRole("heading", { name: "dev", exact: true }).waitFor();
        const text = await page.locator("body").innerText();
        for (const part of [
          "api.streampai.localhost",
          "streampai-media-dev",
          "streampai_app",
          "api-rollout",
        ]) {
          expect(text).toContain(part);
        }
        expect(thrown).toEqual([]);
      } finally {
        await browser.close();
      }
    }, 60_000);

    test("destroy leaves nothing behind: no folder, no process, no container", async () => {
      const { pid } = record();
      const { code, stderr, stdout } = await home.run(["start", "--destroy", "--json"]);
      expect(parsedAnswer("start --destroy", stdout)).toEqual({ stack: "dev", removed: true });
      expect(stderr).toContain("nothing of dev is left on this machine");
      expect(code).toBe(0);
      expect(existsSync(folder)).toBe(false);
      // A process that has ended may wait to be reaped by whatever is the parent of all here.
      expect(spawnSync("ps", ["-o", "stat=", "-p", String(pid)], { encoding: "utf8" }).stdout).toMatch(
        /^(Z.*)?\s*$/,
      );
      expect(spawnSync("ps", ["-eo", "args"], { encoding: "utf8" }).stdout).not.toContain(home.folder);
      if (mode === "docker") {
        const left = spawnSync("docker", ["ps", "--all", "--format", "{{.Names}}"], {
          encoding: "utf8",
        }).stdout;
        expect(left).not.toMatch(/groundwork-dev/);
      }
    }, 180_000);
  },
);
