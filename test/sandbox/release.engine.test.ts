import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { Agent, request } from "node:https";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { WebSocket } from "ws";
import { parseDocument } from "yaml";
import { projectRoot } from "../../common/project-root";
import { sandboxFolder } from "../../sandbox/folder";
import type { SandboxRecord } from "../../sandbox/record";
import { canStartDaemon } from "../support/docker-daemon";
import { type CommandResult, dockerServes, exportedVariables, SandboxHome } from "../support/command";
import { transcribe } from "../support/transcript";

// Streampai's API with two colours behind Caddy, brought up and released as a user does it: by the real command.

/** Seconds that the API keeps its sockets after it was told to end. */
const drainSeconds = 4;
const api = "api.streampai.localhost";

const modes = [
  { mode: "process", flag: "--without-docker", available: true },
  { mode: "docker", flag: "--with-docker", available: dockerServes() || canStartDaemon },
];

/** Writes a project of one stack: the checkout's own for development, with its API made to roll. */
function writeProject(directory: string, tag: string): void {
  const document = parseDocument(readFileSync(join(projectRoot(), "Pulumi.dev.yaml"), "utf8"));
  const origin = ["config", "groundwork:origins", "api"];
  document.setIn([...origin, "services", "api"], {
    image: `ghcr.io/nxy7/streampai-elixir:${tag}`,
    port: 4000,
    healthPath: "/api/health",
    strategy: "start-first",
    drainSeconds,
  });
  document.setIn([...origin, "proxy"], {});
  document.setIn([...origin, "probe"], { websocketPath: "/api/socket" });
  document.setIn([...origin, "environment", "DRAIN_SECONDS"], String(drainSeconds));
  for (const path of ["compose.yaml", "site"]) {
    const within = join("examples", "streampai", path);
    cpSync(join(projectRoot(), within), join(directory, within), { recursive: true });
  }
  writeFileSync(join(directory, "Pulumi.dev.yaml"), document.toString());
  writeFileSync(
    join(directory, "Pulumi.yaml"),
    "name: rolling\nruntime: { name: nodejs, options: { typescript: false } }\n",
  );
  writeFileSync(
    join(directory, "index.js"),
    'module.exports = require("groundwork/platform").deployFromConfig;\n',
  );
}

function expectSuccess({ code, all }: CommandResult): void {
  if (code !== 0) throw new Error(`exit ${String(code)}: ${all.slice(-5000)}`);
}

/** Visitors of the API by the edge: GET and POST in turn over kept connections, and WebSockets. */
class Visitors {
  readonly failures: string[] = [];
  readonly releases = new Set<string>();
  readonly sockets: { readonly code: number; readonly at: number }[] = [];
  requests = 0;
  private pending = 0;
  private readonly open: WebSocket[] = [];
  private readonly agent: Agent;
  private readonly timer: NodeJS.Timeout;

  constructor(
    private readonly port: number,
    private readonly ca: Buffer,
  ) {
    this.agent = new Agent({ keepAlive: true, maxSockets: 16 });
    this.timer = setInterval(() => this.ask(), 20);
  }

  async connect(count: number): Promise<void> {
    for (let index = 0; index < count; index++) {
      const socket = new WebSocket(`wss://${api}:${this.port}/api/socket`, {
        ca: this.ca,
        headers: { host: api, origin: "https://streampai.localhost" },
        lookup: (_name, _options, found) => found(null, [{ address: "127.0.0.1", family: 4 }]),
      });
      socket.on("error", () => undefined);
      socket.on("close", (code) => this.sockets.push({ code, at: Date.now() }));
      await new Promise((resolve, reject) => socket.once("message", resolve).once("error", reject));
      this.open.push(socket);
    }
  }

  async leave(): Promise<void> {
    clearInterval(this.timer);
    while (this.pending > 0) await sleep(10);
    for (const socket of this.open) socket.terminate();
    this.agent.destroy();
  }

  private ask(): void {
    const post = this.requests++ % 2 === 1;
    this.pending += 1;
    const done = (failure?: string): void => {
      this.pending -= 1;
      if (failure !== undefined) this.failures.push(`${post ? "POST" : "GET"} ${failure}`);
    };
    const asked = request(
      {
        host: "127.0.0.1",
        port: this.port,
        servername: api,
        ca: this.ca,
        agent: this.agent,
        method: post ? "POST" : "GET",
        path: post ? "/api/messages" : "/api/messages?limit=1",
        headers: { host: api, ...(post && { "content-type": "application/json" }) },
        timeout: 15_000,
      },
      (answer) => {
        answer.resume();
        answer.once("error", (error) => done(error.message));
        answer.once("end", () => {
          if (answer.statusCode !== (post ? 201 : 200)) return done(`status ${String(answer.statusCode)}`);
          this.releases.add(String(answer.headers["x-release"]));
          done();
        });
      },
    );
    asked.once("timeout", () => asked.destroy(new Error("no answer within 15 s")));
    asked.once("error", (error) => done(error.message));
    asked.end(post ? JSON.stringify({ author: "visitor", body: "hello" }) : undefined);
  }
}

describe.each(modes)("groundwork up with a changed image, in the sandbox by $mode", ({ flag, available }) => {
  const home = new SandboxHome();
  let directory: string;
  let visitors: Visitors | undefined;
  const tests = available ? test : test.skip;
  const named = (): string[] => ["-s", "dev", "--directory", directory];

  beforeAll(() => {
    // Within the checkout, where the library is found.
    mkdirSync(join(projectRoot(), "dist"), { recursive: true });
    directory = mkdtempSync(join(projectRoot(), "dist", "rolling-"));
  });
  afterAll(async () => {
    await visitors?.leave();
    await home.run(["sandbox", "destroy", ...named()]);
    await home.remove([]);
    rmSync(directory, { recursive: true, force: true });
  }, 120_000);

  /** A release while there are visitors, who notice nothing but that sockets are closed by the application after their drain. */
  const unnoticed = async (release: () => Promise<CommandResult>): Promise<void> => {
    const folder = sandboxFolder("dev", { GROUNDWORK_HOME: home.folder, GROUNDWORK_PROJECT: directory });
    const { edge } = JSON.parse(readFileSync(folder.recordFile, "utf8")) as SandboxRecord;
    visitors = new Visitors(edge.httpsPort, readFileSync(edge.caFile));
    await visitors.connect(5);
    await sleep(1000);
    const before = Date.now();
    expectSuccess(await release());
    await sleep(500);
    await visitors.leave();
    expect(visitors.failures).toEqual([]);
    expect(visitors.requests).toBeGreaterThan(200);
    expect(visitors.releases.size).toBe(2);
    // Near the end of its drain.
    expect(visitors.sockets.map(({ code }) => code)).toEqual(Array(5).fill(1012));
    for (const { at } of visitors.sockets) expect(at - before).toBeGreaterThan((drainSeconds - 2) * 1000);
  };

  /** A command by the sandbox's login, kept for the transcript without this test's own places. */
  const shown = async (command: string): Promise<CommandResult> => {
    const env = exportedVariables((await home.run(["sandbox", "env", ...named()])).stdout);
    const result = await home.run([command, ...named()], env);
    const all = result.all.replaceAll(/ --directory [^\s;)]+/g, "");
    transcribe(`$ npx groundwork ${command} -s dev`, { ...result, all });
    return result;
  };

  /** The image's tags in `groundwork releases`, each with whether it has the traffic. */
  const listed = ({ stdout }: CommandResult): string[] =>
    stdout
      .split("\n")
      .filter((line) => line.includes("elixir:"))
      .map((line) => `${/elixir:(\w+)/.exec(line)?.[1] ?? ""}${/│ active /.test(line) ? " active" : ""}`);

  tests(
    "loses no request through the edge, and no socket before its drain",
    async () => {
      writeProject(directory, "first");
      expectSuccess(await home.run(["sandbox", ...named(), flag]));
      process.env["GROUNDWORK_PROJECT"] = directory;
      writeProject(directory, "second");
      await unnoticed(() => home.run(["sandbox", ...named()]));
      const releases = await shown("releases");
      expectSuccess(releases);
      expect(listed(releases)).toEqual(["second active", "first"]);
    },
    300_000,
  );

  tests(
    "and none where it is taken back by `groundwork rollback`",
    async () => {
      await unnoticed(() => shown("rollback"));
      const releases = await shown("releases");
      expectSuccess(releases);
      expect(listed(releases).sort()).toEqual(["first active", "second"]);
    },
    300_000,
  );
});
