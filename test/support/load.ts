import { Agent, request } from "node:http";
import WebSocket from "ws";

/** What a {@link Load} has seen. */
export interface LoadReport {
  readonly requests: number;
  /** Answers that were not 200, and requests that broke; what and when. */
  readonly failures: readonly string[];
  /** Answers by the release that gave them. */
  readonly releases: Readonly<Record<string, number>>;
  /** When (ms since 1970) each release answered first. */
  readonly firstAnswer: Readonly<Record<string, number>>;
  readonly p50: number;
  readonly p99: number;
  /** The longest time without an answer, milliseconds. */
  readonly longestGap: number;
  readonly sockets: readonly SocketReport[];
}

export interface SocketReport {
  readonly release: string;
  readonly openedAt: number;
  /** 0: still open. */
  readonly closedAt: number;
  /** 1006 when it was cut without a close frame. */
  readonly code: number;
}

/** Requests at a fixed rate, half of them POST with a body, over kept-alive connections, and WebSockets that reconnect. */
export class Load {
  private readonly agent = new Agent({ keepAlive: true, maxSockets: 64 });
  private readonly failures: string[] = [];
  private readonly latencies: number[] = [];
  private readonly answers: number[] = [];
  private readonly releases: Record<string, number> = {};
  private readonly firstAnswer: Record<string, number> = {};
  private readonly pending = new Set<Promise<void>>();
  private readonly closed: SocketReport[] = [];
  private readonly open = new Set<{ socket: WebSocket; report: SocketReport }>();
  private readonly timer: NodeJS.Timeout;
  private sent = 0;
  private readonly started = performance.now();
  private stopped = false;

  /**
   * @param perSecond requests a second.
   * @param sockets how many WebSockets are kept.
   */
  constructor(
    private readonly url: string,
    { perSecond = 200, sockets = 0 }: { perSecond?: number; sockets?: number } = {},
  ) {
    this.timer = setInterval(() => {
      const due = ((performance.now() - this.started) / 1000) * perSecond;
      for (; this.sent < due; this.sent++) this.send(this.sent % 2 === 1);
    }, 5);
    for (let count = 0; count < sockets; count++) this.connect();
  }

  /** Waits until a release has answered. */
  async until(release: string, timeoutMs = 30_000): Promise<void> {
    for (const end = Date.now() + timeoutMs; this.firstAnswer[release] === undefined;) {
      if (Date.now() > end)
        throw new Error(`no answer of release ${release}: ${this.failures.slice(-3).join("; ")}`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  async stop(): Promise<LoadReport> {
    this.stopped = true;
    clearInterval(this.timer);
    await Promise.all(this.pending);
    this.agent.destroy();
    const open = [...this.open];
    for (const { socket } of open) socket.terminate();
    const sorted = [...this.latencies].sort((one, other) => one - other);
    const gaps = this.answers.map((at, index) => at - (this.answers[index - 1] ?? at));
    return {
      requests: this.sent,
      failures: this.failures,
      releases: this.releases,
      firstAnswer: this.firstAnswer,
      p50: Math.round(sorted[Math.floor(sorted.length * 0.5)] ?? 0),
      p99: Math.round(sorted[Math.floor(sorted.length * 0.99)] ?? 0),
      longestGap: Math.round(Math.max(0, ...gaps)),
      sockets: [...this.closed, ...open.map(({ report }) => report)],
    };
  }

  private send(post: boolean): void {
    const at = performance.now();
    const promise = new Promise<void>((resolve) => {
      const failed = (why: string) => {
        this.failures.push(`${Date.now()} ${post ? "POST" : "GET"} ${why}`);
        resolve();
      };
      const sent = request(
        this.url,
        { agent: this.agent, method: post ? "POST" : "GET", timeout: 20_000 },
        (response) => {
          let text = "";
          response.on("data", (chunk: Buffer) => (text += chunk.toString()));
          response.on("error", (error) => failed(error.message));
          response.on("end", () => {
            if (response.statusCode !== 200) return failed(`status ${response.statusCode ?? 0}`);
            const release = String(response.headers["x-release"]);
            this.releases[release] = (this.releases[release] ?? 0) + 1;
            this.firstAnswer[release] ??= Date.now();
            if (post && !text.includes('"length":1000')) return failed(`body lost: ${text}`);
            this.latencies.push(performance.now() - at);
            this.answers.push(performance.now());
            resolve();
          });
        },
      );
      sent.on("timeout", () => sent.destroy(new Error("timeout")));
      sent.on("error", (error) => failed(error.message));
      sent.end(post ? "x".repeat(1000) : undefined);
    });
    this.pending.add(promise);
    void promise.then(() => this.pending.delete(promise));
  }

  private connect(): void {
    const socket = new WebSocket(`${this.url.replace(/^http/, "ws").replace(/\/$/, "")}/socket`);
    let entry: { socket: WebSocket; report: SocketReport } | undefined;
    socket.on("message", (data) => {
      entry ??= {
        socket,
        report: { release: (data as Buffer).toString(), openedAt: Date.now(), closedAt: 0, code: 0 },
      };
      this.open.add(entry);
    });
    socket.on("error", () => undefined);
    socket.on("close", (code) => {
      if (this.stopped) return;
      if (entry !== undefined) {
        this.open.delete(entry);
        this.closed.push({ ...entry.report, closedAt: Date.now(), code });
      }
      setTimeout(() => this.stopped || this.connect(), 100);
    });
  }
}
