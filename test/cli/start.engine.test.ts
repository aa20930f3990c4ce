import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import type { SandboxRecord } from "../../sandbox/record";
import { launchBrowser, openPage } from "../support/browser";
import { SandboxHome, dockerServes, exportedVariables, runProgram } from "../support/command";

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
    afterAll(() => home.remove(["dev"]), 120_000);

    test("brings everything up, and each address answers", async () => {
      const { code, stdout, stderr } = await home.run(["start", flag]);
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

    test("again: there is nothing to change", async () => {
      const { code, stderr } = await home.run(["start"]);
      expect(stderr).toMatch(/dev: nothing to change: \d+ resources are as described/);
      expect(code).toBe(0);
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

    test("no secret stands in plain state, in the log, or in what the containers were given on their command lines", async () => {
      const { stdout } = await home.run(["sandbox", "env", "-s", "dev"]);
      const exported = await runProgram(
        "/bin/sh",
        ["-c", "exec pulumi stack export --show-secrets -s dev --non-interactive"],
        exportedVariables(stdout),
      );
      // Not the seed of salts, which its provider gives as an id too, and not the address that Pages' variables hold.
      const secrets = [...exported.stdout.matchAll(/"plaintext": "\\"([^"\\]{20,})\\""/g)]
        .map(([, text = ""]) => text)
        .filter((text) => !text.startsWith("https://") && !exported.stdout.includes(`"id": "${text}"`));
      expect(secrets.length).toBeGreaterThan(8);
      const places = [
        ...filesBelow(join(folder, "state")),
        join(folder, "daemon.log"),
        join(folder, "Pulumi.dev.yaml"),
      ];
      const commandLines = spawnSync("ps", ["-eo", "args"], { encoding: "utf8" }).stdout;
      const found = secrets.filter(
        (secret) =>
          commandLines.includes(secret) || places.some((file) => readFileSync(file, "utf8").includes(secret)),
      );
      expect(found).toHaveLength(0);
    }, 120_000);

    test("the environment is drawn with its parts in a browser", async () => {
      const browser = await launchBrowser();
      try {
        const page = await browser.newPage();
        const problems: string[] = [];
        page.on("pageerror", (error) => problems.push(error.message));
        await openPage(page, record().page.url);
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
        expect(problems).toEqual([]);
      } finally {
        await browser.close();
      }
    }, 60_000);

    test("destroy leaves nothing behind: no folder, no process, no container", async () => {
      const { pid } = record();
      const { code, stderr } = await home.run(["start", "--destroy"]);
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

function filesBelow(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const full = join(folder, entry.name);
    return entry.isDirectory() ? filesBelow(full) : [full];
  });
}
