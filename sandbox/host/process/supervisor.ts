/**
 * Runs one service as a plain process: starts it, starts it again by its restart policy, checks its health, writes
 * its log, leads its published ports to it. Started detached with the service's folder as its only argument; SIGTERM
 * ends the service and then the supervisor.
 */
import { spawn } from "node:child_process";
import { appendFileSync, renameSync, statSync } from "node:fs";
import { createConnection, createServer, type Server } from "node:net";
import { join } from "node:path";
import { readJson, writeJson } from "../files";
import { identify, signalProcess, sleep } from "../../../common/processes";
import { checkHealth } from "./health";
import { startResolver } from "./resolver";
import { initialState, stopFile, type ServiceSpec, type ServiceState, type StopRequest } from "./spec";

const logLimit = 20 * 1024 * 1024;

class Supervisor {
  private state: ServiceState = initialState;
  private stopping = false;
  private readonly forwarders: Server[] = [];

  constructor(
    private readonly folder: string,
    private readonly spec: ServiceSpec,
  ) {}

  async run(): Promise<void> {
    const supervisor = identify(process.pid);
    this.update({ ...initialState, ...(supervisor && { supervisor }), status: "created" });
    process.on("SIGTERM", () => this.stop(true));
    // The machine goes down: the service comes back with it.
    process.on("SIGINT", () => this.stop(false));
    try {
      await this.openPorts();
      await this.answerNames();
    } catch (error) {
      this.update({ status: "exited", exitCode: 128, error: (error as Error).message });
      return;
    }
    let delay = 100;
    for (;;) {
      const started = Date.now();
      const code = await this.runOnce();
      const again = !this.isStopping() && this.restarts(code);
      this.update({
        status: again ? "restarting" : "exited",
        exitCode: code,
        health: "",
        finishedAt: new Date().toISOString(),
        restarts: this.state.restarts + (again ? 1 : 0),
      });
      if (!again) break;
      if (Date.now() - started > 10_000) delay = 100;
      for (let waited = 0; waited < delay && !this.isStopping(); waited += 50) await sleep(50);
      delay = Math.min(delay * 2, 5000);
      if (this.isStopping()) {
        this.update({ status: "exited" });
        break;
      }
    }
    for (const server of this.forwarders) server.close();
  }

  /** Asked anew: signals change it in between. */
  private isStopping(): boolean {
    return this.stopping;
  }

  private restarts(code: number): boolean {
    const [policy, most] = this.spec.restart.split(":");
    if (policy === "always" || policy === "unless-stopped") return true;
    return (
      policy === "on-failure" && code !== 0 && (most === undefined || this.state.restarts < Number(most))
    );
  }

  private runOnce(): Promise<number> {
    return new Promise((resolve) => {
      const [program = "", ...args] = this.spec.argv;
      const child = spawn(program, args, {
        cwd: this.spec.cwd,
        env: this.spec.environment,
        detached: true,
        stdio: ["ignore", "pipe", "pipe"],
      });
      const writeLog = (stream: "o" | "e") => lines((line) => this.log(stream, line));
      child.stdout.setEncoding("utf8").on("data", writeLog("o"));
      child.stderr.setEncoding("utf8").on("data", writeLog("e"));
      child.once("error", (error) => {
        this.log("e", `cannot start ${program}: ${error.message}`);
        this.update({ error: error.message });
        resolve(127);
      });
      if (child.pid === undefined) return;
      const identity = identify(child.pid);
      const health = this.spec.healthcheck === undefined ? "" : "starting";
      this.update({
        status: "running",
        health,
        ...(identity && { child: identity }),
        startedAt: new Date().toISOString(),
      });
      const checks = new AbortController();
      void this.watchHealth(checks.signal);
      child.once("exit", (code, signal) => {
        checks.abort();
        // What it left behind in its group ends with it, as a container's processes do.
        try {
          process.kill(-(child.pid ?? 0), "SIGKILL");
        } catch {
          // Nothing was left.
        }
        resolve(code ?? 128 + (signal === "SIGKILL" ? 9 : signal === "SIGINT" ? 2 : 15));
      });
    });
  }

  private async watchHealth(signal: AbortSignal): Promise<void> {
    const check = this.spec.healthcheck;
    if (check === undefined) return;
    const begun = Date.now();
    let failures = 0;
    while (!signal.aborted) {
      const starting = this.state.health === "starting" && Date.now() - begun < check.startPeriod;
      await sleep(
        this.state.health === "starting"
          ? Math.min(check.interval, check.startInterval, 500)
          : check.interval,
      );
      if (signal.aborted) return;
      const result = await checkHealth(this.spec, check, signal);
      if (signal.aborted) return;
      if (result.healthy) {
        failures = 0;
        this.update({ health: "healthy", healthOutput: result.output });
      } else if (!starting && ++failures >= check.retries) {
        this.update({ health: "unhealthy", healthOutput: result.output });
      } else this.update({ healthOutput: result.output });
    }
  }

  private stop(byUser: boolean): void {
    this.stopping = true;
    this.update({ stoppedByUser: byUser });
    const identity = this.state.child;
    signalProcess(identity, this.spec.stopSignal as NodeJS.Signals);
    const { graceMs } = readJson<StopRequest>(join(this.folder, stopFile)) ?? {
      graceMs: this.spec.stopGraceMs,
    };
    setTimeout(() => signalProcess(identity, "SIGKILL", { group: true }), graceMs).unref();
  }

  private async openPorts(): Promise<void> {
    for (const port of this.spec.published) {
      if (port.protocol !== "tcp") continue;
      const server = createServer({ allowHalfOpen: true }, (socket) => {
        const target = createConnection({
          host: this.spec.address,
          port: this.spec.listens?.[port.containerPort] ?? port.containerPort,
          allowHalfOpen: true,
        });
        const end = (): void => {
          socket.destroy();
          target.destroy();
        };
        socket.on("error", end).on("close", end);
        target.on("error", end).on("close", end);
        socket.pipe(target);
        target.pipe(socket);
      });
      await new Promise<void>((resolve, reject) => {
        server.once("error", (error: NodeJS.ErrnoException) =>
          reject(
            new Error(
              error.code === "EADDRINUSE"
                ? `driver failed programming external connectivity: 127.0.0.1:${port.local} (for ${port.hostPort}): address already in use`
                : error.message,
            ),
          ),
        );
        server.listen(port.local, "127.0.0.1", resolve);
      });
      server.unref();
      this.forwarders.push(server);
    }
  }

  /** For a program that asks a name server of its own. */
  private async answerNames(): Promise<void> {
    const { resolverPort: port, address, networks, environment } = this.spec;
    if (port === undefined) return;
    const namesFile = environment["GROUNDWORK_NAMES_FILE"] ?? "";
    const socket = await startResolver({ address, port, namesFile, networks });
    socket.unref();
  }

  private update(change: Partial<ServiceState>): void {
    this.state = { ...this.state, ...change };
    try {
      writeJson(join(this.folder, "state.json"), this.state);
    } catch {
      // The disk is full or the folder is gone: the service goes on; the next change is written again.
    }
  }

  private log(stream: "o" | "e", line: string): void {
    const file = join(this.folder, "log");
    try {
      appendFileSync(file, `${new Date().toISOString()} ${stream} ${line}\n`, { mode: 0o600 });
      if (statSync(file).size > logLimit) renameSync(file, `${file}.old`);
    } catch {
      // As above: no log is no reason to end the service.
    }
  }
}

/** Cuts a stream of chunks into lines. */
function lines(take: (line: string) => void): (chunk: string) => void {
  let rest = "";
  return (chunk) => {
    const parts = (rest + chunk).split("\n");
    rest = parts.pop() ?? "";
    for (const part of parts) take(part);
  };
}

const folder = process.argv[2] ?? "";
const spec = readJson<ServiceSpec>(join(folder, "spec.json"));
if (spec === undefined) throw new Error(`no service in ${folder}`);
void new Supervisor(folder, spec).run().then(() => process.exit(0));
