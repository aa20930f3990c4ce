import {
  Agent as HttpAgent,
  type ClientRequest,
  type IncomingMessage,
  request as httpRequest,
} from "node:http";
import { Agent as HttpsAgent, request as httpsRequest } from "node:https";
import { connect as connectPlain, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import { WebSocket } from "ws";
import { resolvePlace } from "../../remote/access";
import { type ProbeRecord, type ProbeSample, shouldAbort, type SocketSample } from "./ledger";
import type { ProbeInput } from "./rollout-input";

/** An answer that takes longer is a failure. */
const timeoutMs = 5_000;
/** Failures in a row after the switch that switch back. */
export const defaultAbortAfter = 5;
/** Good answers in a row before failures count. */
const goodToArm = 3;
/** Until then the address is asked this seldom. */
const unarmedIntervalMs = 500;
const socketCount = 2;
const reopenAfterMs = 500;

/** What a {@link Prober} tells. */
export interface ProberHooks {
  /** Once: the release that has been switched to fails. */
  readonly onFailing: () => void;
}

/**
 * Asks the public address of an origin again and again, as users do, over kept-alive connections, and holds two
 * WebSockets open. Ten small requests a second by default. Nothing counts until three good answers in a row have come.
 *
 * @example
 * const prober = new Prober({ url: "https://api.example.com/health" }, { onFailing: () => undefined });
 * prober.start();
 * prober.switched(Date.now());
 * const { samples } = await prober.stop("release-2");
 */
export class Prober {
  private readonly samples: ProbeSample[] = [];
  private readonly sockets: { openedAt: number; closedAt?: number; code?: number }[] = [];
  private readonly notes = new Set<string>();
  private readonly pending = new Map<ClientRequest, { readonly at: number; readonly since: number }>();
  /** Those that are still being opened among them. */
  private readonly websockets = new Set<WebSocket>();
  private readonly agent: HttpAgent;
  private readonly url: URL;
  private readonly place: { readonly address: string; readonly port: number };
  private readonly intervalMs: number;
  private startedAt = 0;
  private goodInARow = 0;
  private armedAt: number | undefined;
  private switchedAt: number | undefined;
  private lastFailure: string | undefined;
  private timer: NodeJS.Timeout | undefined;
  private stopped = false;
  private told = false;

  constructor(
    private readonly input: ProbeInput,
    private readonly hooks: ProberHooks,
  ) {
    this.url = new URL(input.url);
    const secure = this.url.protocol === "https:";
    const port = this.url.port === "" ? (secure ? 443 : 80) : Number(this.url.port);
    this.place = resolvePlace(this.url.hostname, port, input.resolve);
    this.intervalMs = input.intervalMs ?? 100;
    // Enough for answers that hang; in good times one or two are in use.
    const options = { keepAlive: true, maxSockets: 64, maxFreeSockets: 4 };
    this.agent = secure ? new HttpsAgent(options) : new HttpAgent(options);
  }

  /** Begins; the first call counts. Every request is sent at its time, whether or not those before it have been answered. */
  start(): void {
    if (this.startedAt !== 0) return;
    this.startedAt = Date.now();
    this.next();
    if (this.input.websocket !== undefined) {
      for (let count = 0; count < socketCount; count++) this.openSocket(this.input.websocket);
    }
  }

  /** Says that traffic has gone over to the new release. The first call counts. */
  switched(at: number): void {
    this.switchedAt ??= at;
  }

  /** True once three good answers in a row have come. */
  get isArmed(): boolean {
    return this.armedAt !== undefined;
  }

  /** Ends, after what is under way has got a second more, and gives what was seen. */
  async stop(release: string): Promise<ProbeRecord> {
    clearTimeout(this.timer);
    this.stopped = true;
    for (let waited = 0; this.pending.size > 0 && waited < 1_000; waited += 20) await sleep(20);
    const endedAt = Date.now();
    for (const [asked, { since, at }] of this.pending) {
      this.samples.push({ at, ms: performance.now() - since, failure: "no answer" });
      asked.destroy();
    }
    this.pending.clear();
    for (const socket of this.websockets) socket.terminate();
    this.agent.destroy();
    const notes = [...this.notes];
    if (this.armedAt === undefined) {
      notes.push(
        `the address did not answer before the release (${this.lastFailure ?? "no answer"}): nothing was counted`,
      );
    }
    return {
      release,
      url: this.input.url,
      intervalMs: this.intervalMs,
      startedAt: this.startedAt,
      endedAt,
      armedAt: this.armedAt,
      switchedAt: this.switchedAt,
      samples: [...this.samples].sort((one, other) => one.at - other.at),
      sockets: this.sockets.map((socket): SocketSample => ({ ...socket })),
      notes,
    };
  }

  private next(): void {
    if (this.stopped) return;
    this.ask();
    const silent = this.armedAt === undefined && this.goodInARow === 0 && this.lastFailure !== undefined;
    const wait = silent ? Math.max(unarmedIntervalMs, this.intervalMs) : this.intervalMs;
    this.timer = setTimeout(() => this.next(), wait);
  }

  private ask(): void {
    const at = Date.now();
    const since = performance.now();
    const send = this.url.protocol === "https:" ? httpsRequest : httpRequest;
    const asked = send({
      host: this.place.address,
      port: this.place.port,
      servername: this.url.hostname,
      path: `${this.url.pathname}${this.url.search}`,
      headers: { ...this.headers(), accept: "*/*" },
      agent: this.agent,
      timeout: timeoutMs,
    });
    this.pending.set(asked, { at, since });
    const done = (failure?: string) => {
      if (!this.pending.delete(asked)) return;
      this.note({ at, ms: performance.now() - since, ...(failure === undefined ? {} : { failure }) });
    };
    asked.on("response", (answer) => {
      answer.on("error", (error) => done(codeOf(error)));
      answer.on("end", () => done(problemOf(answer)));
      answer.on("close", () => done("answer cut short"));
      answer.resume();
    });
    asked.on("timeout", () => asked.destroy(Object.assign(new Error("timeout"), { code: "timeout" })));
    asked.on("error", (error) => done(codeOf(error)));
    asked.end();
  }

  private note(sample: ProbeSample): void {
    this.samples.push(sample);
    if (sample.failure === undefined) {
      this.goodInARow += 1;
      if (this.goodInARow >= goodToArm) this.armedAt ??= Date.now();
      return;
    }
    this.goodInARow = 0;
    this.lastFailure = sample.failure;
    if (
      this.told ||
      !shouldAbort({ ...this.question(), abortAfter: this.input.abortAfter ?? defaultAbortAfter })
    )
      return;
    this.told = true;
    this.hooks.onFailing();
  }

  private question() {
    return { armedAt: this.armedAt, switchedAt: this.switchedAt, samples: this.samples };
  }

  private openSocket(path: string): void {
    if (this.stopped) return;
    const scheme = this.url.protocol === "https:" ? "wss" : "ws";
    const socket = new WebSocket(`${scheme}://${this.url.host}${path}`, {
      createConnection: () => this.connect(),
      headers: this.headers(),
      handshakeTimeout: timeoutMs,
      perMessageDeflate: false,
    });
    const held: { openedAt: number; closedAt?: number; code?: number } = { openedAt: 0 };
    this.websockets.add(socket);
    socket.on("open", () => {
      held.openedAt = Date.now();
      this.sockets.push(held);
    });
    socket.on("error", (error) => {
      if (held.openedAt === 0 && !this.stopped)
        this.notes.add(`the WebSocket ${path} did not open (${error.message})`);
    });
    socket.on("close", (code) => {
      this.websockets.delete(socket);
      if (this.stopped) return;
      if (held.openedAt !== 0) {
        held.closedAt = Date.now();
        held.code = code;
      }
      setTimeout(() => this.openSocket(path), reopenAfterMs).unref();
    });
  }

  private connect(): Socket {
    const { address: host, port } = this.place;
    if (this.url.protocol !== "https:") return connectPlain({ host, port });
    return connectTls({ host, port, servername: this.url.hostname });
  }

  private headers(): Record<string, string> {
    return { ...this.input.headers, host: this.url.host, "user-agent": "groundwork-prober" };
  }
}

/** What is wrong with an answer; undefined for a good one. */
export function problemOf({
  statusCode = 0,
  headers,
}: Pick<IncomingMessage, "statusCode" | "headers">): string | undefined {
  if (
    statusCode >= 300 &&
    statusCode < 400 &&
    /cloudflareaccess\.com|\/cdn-cgi\/access\//.test(headers.location ?? "")
  ) {
    return "the login of Access";
  }
  return statusCode >= 200 && statusCode < 400 ? undefined : `HTTP ${statusCode}`;
}

function codeOf(error: Error): string {
  const { code } = error as NodeJS.ErrnoException;
  return code ?? error.message;
}

function sleep(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}
