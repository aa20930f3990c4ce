import { spawn } from "node:child_process";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { type AddressInfo, createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { projectRoot } from "../../../common/project-root";
import { installProviders, type InstallOptions, sdkVersion } from "../../../sandbox/providers/install";

let directory: string;
let home: string;
let bin: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "gw-install-"));
  home = join(directory, "home with 'quotes'");
  bin = join(directory, "bin");
  mkdirSync(bin);
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

const version = sdkVersion("random");
const folder = () => join(home, "plugins", `resource-random-v${version}`);
const executable = () => join(folder(), "pulumi-resource-random");

function realPlugin(file: string): void {
  mkdirSync(join(file, ".."), { recursive: true });
  writeFileSync(file, "\x7fELF a real plugin");
  chmodSync(file, 0o755);
}

async function install(policy: InstallOptions["policy"]) {
  const lines: string[] = [];
  const [installed] = await installProviders({
    pulumiHome: home,
    policy,
    packages: ["random"],
    path: bin,
    log: (line) => lines.push(line),
  });
  return { installed, line: lines.join("\n") };
}

describe("installing the sandbox's providers", () => {
  it("puts ours where the engine looks, at the SDK's version, and says why", async () => {
    const { installed, line } = await install("missing");
    expect(installed).toEqual({
      name: "random",
      version: "4.21.2",
      used: "sandbox",
      executable: executable(),
    });
    expect(line).toBe("provider random 4.21.2: the sandbox's own provider (no plugin on PATH or installed)");
    expect(readFileSync(executable(), "utf8")).toMatch(
      /^#!\/bin\/sh\n# Groundwork.*\nexec '.*' '.*load-bundle\.js' 'providers\/random' "\$@"\n$/,
    );
    expect(readdirSync(join(home, "plugins"))).toEqual([`resource-random-v${version}`]);
  });

  it("changes nothing the second time, and mends a script that is another's", async () => {
    await install("missing");
    const before = readFileSync(executable(), "utf8");
    await install("missing");
    expect(readFileSync(executable(), "utf8")).toBe(before);
    writeFileSync(executable(), before.replace("exec", "# old\nexec"));
    await install("missing");
    expect(readFileSync(executable(), "utf8")).toBe(before);
  });

  it("lets a plugin on PATH win", async () => {
    realPlugin(join(bin, "pulumi-resource-random"));
    const { installed, line } = await install("missing");
    expect(installed).toMatchObject({ used: "path", executable: join(bin, "pulumi-resource-random") });
    expect(line).toContain("(a plugin on PATH wins)");
    expect(existsSync(folder())).toBe(false);
  });

  it("lets a real plugin that is installed win, unless ours is asked for", async () => {
    realPlugin(executable());
    expect(await install("missing")).toMatchObject({
      installed: { used: "home" },
      line: expect.stringContaining("(already installed, so it wins)") as string,
    });
    expect(readFileSync(executable(), "utf8")).toContain("ELF");
    expect(await install("always")).toMatchObject({ installed: { used: "sandbox" } });
    expect(readFileSync(executable(), "utf8")).toContain("Groundwork");
  });

  it("takes an interrupted download for none", async () => {
    realPlugin(executable());
    writeFileSync(`${folder()}.partial`, "");
    expect((await install("missing")).installed?.used).toBe("sandbox");
    expect(existsSync(`${folder()}.partial`)).toBe(false);
  });

  it("leaves everything to the engine by `never`, and takes ours away", async () => {
    await install("missing");
    const { installed, line } = await install("never");
    expect(installed).toEqual({ name: "random", version, used: "engine" });
    expect(line).toContain("left to the engine to download");
    expect(existsSync(folder())).toBe(false);
    realPlugin(executable());
    expect((await install("never")).installed?.used).toBe("home");
    expect(existsSync(executable())).toBe(true);
  });

  it("is harmless when two install at once", async () => {
    await Promise.all(Array.from({ length: 5 }, () => install("missing")));
    expect(readdirSync(folder())).toEqual(["pulumi-resource-random"]);
  });

  describe("as a process", () => {
    /** What listens as the engine does. */
    let listening: Server;

    beforeAll(
      () => new Promise<void>((resolve) => (listening = createServer().listen(0, "127.0.0.1", resolve))),
    );
    afterAll(() => new Promise((resolve) => listening.close(resolve)));

    const engineAddress = (): string => `127.0.0.1:${(listening.address() as AddressInfo).port}`;

    it.each([
      ["as ever", {}],
      ["also where colours are forced", { FORCE_COLOR: "1" }],
    ])(
      "starts: prints the port as its first line, and ends by a signal, %s",
      async (_where, variables) => {
        // eslint-disable-next-line @typescript-eslint/no-require-imports -- the build is plain JavaScript
        (require("../../../bin/build.js") as { ensureBuilt(name: string): void }).ensureBuilt("providers");
        await install("missing");
        const { FORCE_COLOR: _forced, ...rest } = process.env;
        const started = spawn(executable(), [engineAddress()], {
          env: { ...rest, ...variables },
          stdio: ["ignore", "pipe", "inherit"],
        });
        const ended = new Promise((resolve) => started.once("exit", (_code, signal) => resolve(signal)));
        const first = await new Promise<string>((resolve) =>
          started.stdout.once("data", (chunk: Buffer) => resolve(chunk.toString())),
        );
        started.kill("SIGTERM");
        expect(first).toMatch(/^\d{4,5}\n$/);
        expect(await ended).toBe("SIGTERM");
      },
      20_000,
    );

    it("leaves its compiled form for the next start, also where it is killed", async () => {
      await install("missing");
      const bundles = join(projectRoot(), "dist", "providers");
      const compiled = (): string[] =>
        readdirSync(bundles).filter((name) => /^random\.js\.\d+\.compiled$/.test(name));
      for (const name of compiled()) rmSync(join(bundles, name));
      const started = spawn(executable(), [engineAddress()], { stdio: "ignore" });
      const ended = new Promise((resolve) => started.once("exit", resolve));
      while (compiled().length === 0) await sleep(50);
      started.kill("SIGKILL");
      await ended;
    }, 20_000);

    it("goes when the engine was killed", async () => {
      await install("missing");
      const starts = '"$0" "$1" & echo "pid $!"; wait';
      const engine = spawn("/bin/sh", ["-c", starts, executable(), engineAddress()], {
        stdio: ["ignore", "pipe", "inherit"],
      });
      let printed = "";
      engine.stdout.on("data", (chunk: Buffer) => (printed += chunk.toString()));
      while (!/pid \d+\n/.test(printed) || !/^\d+\n/m.test(printed)) await sleep(20);
      const pid = Number(/pid (\d+)/.exec(printed)![1]);
      const isAlive = () => {
        try {
          return process.kill(pid, 0) && !readFileSync(`/proc/${pid}/stat`, "utf8").includes(") Z ");
        } catch {
          return false;
        }
      };
      expect(isAlive()).toBe(true);
      engine.kill("SIGKILL");
      // It looks every two seconds.
      for (let tries = 0; tries < 200 && isAlive(); tries++) await sleep(50);
      expect(isAlive()).toBe(false);
    }, 20_000);

    it("goes by itself where the engine was killed before it came to look", async () => {
      await install("missing");
      const late = spawn(executable(), ["127.0.0.1:1"], { stdio: ["ignore", "ignore", "inherit"] });
      try {
        expect(await new Promise((resolve) => late.once("exit", resolve))).toBe(1);
      } finally {
        late.kill("SIGKILL");
      }
    }, 20_000);
  });
});
