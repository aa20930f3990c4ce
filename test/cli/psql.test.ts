/** `groundwork db psql` at a real terminal, with real psql and PostgreSQL; which database it is of is told instead of asked for. */
import { type ChildProcess, execFileSync, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { chmodSync, chownSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { build } from "esbuild";
import { identify, sleep } from "../../common/processes";
import { projectRoot } from "../../common/project-root";
import { hasPsql } from "../support/hosted-database";
import { startPostgres, type TestPostgres } from "../support/postgres";
import { childrenOf, killIfThere } from "../support/processes";

jest.setTimeout(60_000);

/** util-linux's `script` gives a program a terminal, and types there what it reads itself. */
const hasTerminal = spawnSync("script", ["-qec", "true", "/dev/null"]).status === 0;
const missing = [hasPsql ? "" : "psql", hasTerminal ? "" : "script"].filter(Boolean);
const atTerminal = missing.length === 0 ? test : test.skip;
if (missing.length > 0) console.log(`not tried: psql at a terminal (needs ${missing.join(" and ")})`);

const folder = mkdtempSync(join(tmpdir(), "gw-psql-"));
const program = join(folder, "run.js");
const certificate = join(folder, "server.pem");
const key = join(folder, "server.key");
/** Where the command puts what it needs to put somewhere. */
const temporary = join(folder, "temporary");

const source = `
import { readFileSync } from "node:fs";
import { runPsql } from "./automation/database/psql";
import type { EnvironmentDatabase } from "./automation/database/database";
import { listenForInterrupts } from "./cli/interrupts";
const [, , port, authority = "", ...args] = process.argv;
const password = process.env["TEST_PASSWORD"] ?? "";
delete process.env["TEST_PASSWORD"];
const database = {
  settings: { kind: "external", database: "postgres" },
  login: () => ({ user: "postgres", password }),
  place: () =>
    Promise.resolve({
      ...{ host: "127.0.0.1", port: Number(port), ssl: {}, serverName: "db.example.com" },
      authorities: readFileSync(authority, "utf8"),
    }),
} as unknown as EnvironmentDatabase;
const surroundings = { print: console.log, ...listenForInterrupts(console.error) };
void runPsql(database, "app", args, surroundings).then(
  () => console.log("the command has ended"),
  (error: Error) => console.log(error.message),
);
`;

let server: TestPostgres;
const terminals: ChildProcess[] = [];

beforeAll(async () => {
  mkdirSync(temporary);
  await build({
    stdin: { contents: source, resolveDir: projectRoot(), loader: "ts" },
    ...{ bundle: true, platform: "node", outfile: program, logLevel: "error" },
  });
  const subject = ["-subj", "/CN=db.example.com", "-addext", "subjectAltName=DNS:db.example.com"];
  const curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "7"];
  execFileSync("openssl", ["req", "-x509", ...curve, ...subject, "-keyout", key, "-out", certificate], {
    stdio: "ignore",
  });
  chmodSync(folder, 0o755);
  chmodSync(key, 0o600);
  if (process.getuid?.() === 0) chownSync(key, 65534, 65534);
  server = await startPostgres({ ssl: "on", ssl_cert_file: certificate, ssl_key_file: key });
});
afterEach(() => terminals.splice(0).forEach((terminal) => terminal.kill("SIGKILL")));
afterAll(async () => {
  await server.remove();
  rmSync(folder, { recursive: true, force: true });
});

/** A terminal in which the command runs. */
class Terminal {
  private text = "";
  readonly process: ChildProcess;

  constructor(...args: readonly string[]) {
    const words = [process.execPath, program, String(server.port), certificate, "-X", ...args];
    const line = words.map((word) => `'${word}'`).join(" ");
    this.process = spawn("script", ["-qefc", `exec ${line}`, "/dev/null"], {
      env: { ...process.env, TEST_PASSWORD: server.password, TMPDIR: temporary, TERM: "dumb", PAGER: "cat" },
      stdio: ["pipe", "pipe", "inherit"],
    });
    terminals.push(this.process);
    this.process.stdout?.on("data", (chunk: Buffer) => (this.text += chunk.toString()));
  }

  type(keys: string): void {
    this.process.stdin?.write(keys);
  }

  /** Waits until it shows that, after all that was waited for before. */
  async shows(what: RegExp): Promise<void> {
    const deadline = Date.now() + 20_000;
    for (let found; ; await sleep(20)) {
      found = what.exec(this.text);
      if (found !== null) {
        this.text = this.text.slice(found.index + found[0].length);
        return;
      }
      if (Date.now() > deadline) throw new Error(`${String(what)} was not shown:\n${this.text}`);
    }
  }

  /** The processes in it: the command, and the psql that it has started. */
  get inside(): { readonly command: number; readonly psql: number } {
    const [command = 0] = childrenOf(this.process.pid ?? 0);
    const [psql = 0] = childrenOf(command);
    return { command, psql };
  }
}

/** Opens it and waits for psql's prompt. */
async function open(): Promise<Terminal> {
  const terminal = new Terminal();
  await terminal.shows(/postgres=# $/);
  return terminal;
}

async function gone(pid: number): Promise<boolean> {
  for (const deadline = Date.now() + 15_000; Date.now() < deadline; await sleep(20)) {
    if (identify(pid) === undefined) return true;
  }
  killIfThere(pid);
  return false;
}

atTerminal("Ctrl-C cancels a query, however often it is pressed; the command ends with psql", async () => {
  const terminal = await open();
  terminal.type("select pg_sleep(60);\n");
  await terminal.shows(/pg_sleep\(60\);\r?\n/);
  await sleep(300);
  terminal.type("\x03");
  await terminal.shows(/canceling statement due to user request/);
  for (let times = 0; times < 4; times++) {
    terminal.type("\x03");
    await sleep(150);
  }
  terminal.type("select 41 + 1 as answer;\n");
  await terminal.shows(/answer[\s\S]*42/);
  terminal.type("\\q\n");
  await terminal.shows(/the command has ended/);
});

atTerminal(
  "no file of the command's can be left, and the password is told to nobody beside psql",
  async () => {
    const terminal = await open();
    const { command, psql } = terminal.inside;
    expect(readdirSync(temporary)).toEqual([]);
    for (const file of ["environ", "cmdline"]) {
      expect(readFileSync(`/proc/${psql}/${file}`, "utf8")).not.toContain(server.password);
    }
    terminal.type("\\conninfo\n");
    await terminal.shows(/SSL|TLS/);
    // A second connection reads them again.
    terminal.type("\\c template1\n");
    await terminal.shows(/connected to database "template1"/);
    process.kill(command, "SIGKILL");
    terminal.process.kill("SIGKILL");
    expect(await gone(psql)).toBe(true);
    expect(readdirSync(temporary)).toEqual([]);
  },
);

atTerminal.each(["SIGTERM", "SIGHUP"] as const)("%s to the command ends psql with it", async (signal) => {
  const terminal = await open();
  const { command, psql } = terminal.inside;
  const ended = once(terminal.process, "exit");
  process.kill(command, signal);
  expect([await gone(psql), await gone(command)]).toEqual([true, true]);
  // As `script` tells it: the signal's number, and 128.
  expect((await ended)[0]).toBe(signal === "SIGTERM" ? 143 : 129);
  expect(readdirSync(temporary)).toEqual([]);
});

atTerminal("a terminal that is closed ends both", async () => {
  const terminal = await open();
  const { command, psql } = terminal.inside;
  terminal.process.kill("SIGKILL");
  expect([await gone(psql), await gone(command)]).toEqual([true, true]);
  expect(readdirSync(temporary)).toEqual([]);
});
