import { Pool } from "pg";

/** What a {@link QueryLoad} has seen. */
export interface QueryReport {
  readonly queries: number;
  readonly failures: readonly string[];
  /** Queries by the role that answered. */
  readonly roles: Readonly<Record<string, number>>;
  /** Milliseconds. */
  readonly p99: number;
  /** The longest time without an answer, milliseconds. */
  readonly longestGap: number;
}

/**
 * Queries at a fixed rate by the pool of an application whose releases are exchanged. Connections live for a short time
 * only: a login that stops working is noticed at once.
 */
export class QueryLoad {
  private pool: Pool;
  private readonly timer: NodeJS.Timeout;
  private readonly pending = new Set<Promise<void>>();
  private readonly failures: string[] = [];
  private readonly latencies: number[] = [];
  private readonly answers: number[] = [];
  private readonly roles: Record<string, number> = {};
  private readonly started = performance.now();
  private sent = 0;

  constructor(
    url: string,
    private readonly perSecond = 200,
  ) {
    this.pool = this.opened(url);
    this.timer = setInterval(() => {
      const due = ((performance.now() - this.started) / 1000) * this.perSecond;
      for (; this.sent < due; this.sent++) this.send(this.sent);
    }, 5);
  }

  /** Replaces the release as a rolling one does: the new one has the traffic, the old one ends what is in flight. */
  async release(url: string): Promise<void> {
    const old = this.pool;
    const next = this.opened(url);
    // Healthy before it takes over.
    await next.query("SELECT 1");
    this.pool = next;
    // A pool that is ended forgets what waits for a connection: that is drained first, as an application does.
    await Promise.all(this.pending);
    await old.end();
  }

  async stop(): Promise<QueryReport> {
    clearInterval(this.timer);
    await Promise.all(this.pending);
    await this.pool.end();
    const sorted = [...this.latencies].sort((one, other) => one - other);
    return {
      queries: this.sent,
      failures: this.failures,
      roles: this.roles,
      p99: Math.round(sorted[Math.floor(sorted.length * 0.99)] ?? 0),
      longestGap: Math.round(
        Math.max(0, ...this.answers.slice(1).map((at, index) => at - (this.answers[index] ?? at))),
      ),
    };
  }

  private opened(url: string): Pool {
    const pool = new Pool({ connectionString: url, max: 10, maxUses: 20 });
    pool.on("error", (error) => this.failures.push(`an idle connection: ${error.message}`));
    return pool;
  }

  private send(number: number): void {
    const began = performance.now();
    const work = this.pool
      .query<{ me: string }>("INSERT INTO load (n) VALUES ($1) RETURNING current_user AS me", [number])
      .then(({ rows }) => {
        const me = rows[0]?.me ?? "";
        this.roles[me] = (this.roles[me] ?? 0) + 1;
        this.latencies.push(performance.now() - began);
        this.answers.push(performance.now());
      })
      .catch((error: unknown) => void this.failures.push(String(error)));
    this.pending.add(work);
    void work.finally(() => this.pending.delete(work));
  }
}
