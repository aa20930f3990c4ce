import { Client } from "pg";
import { channel } from "./messages";

export interface ListenerOptions {
  readonly databaseUrl: string;
  /** Called for each id announced by any copy of the API. */
  readonly onMessage: (id: number) => void;
  /** Called when listening has begun again after a break: something may have been missed. */
  readonly onResume: () => void;
  readonly onError: (error: unknown) => void;
}

/** Holds one connection that LISTENs, and gets it back with growing pauses when it breaks. */
export class Listener {
  private client: Client | undefined;
  private timer: NodeJS.Timeout | undefined;
  private failures = 0;
  private stopped = false;
  private started = false;

  constructor(private readonly options: ListenerOptions) {}

  /** Resolves when it listens, or when the first attempt has failed; it goes on trying then. */
  start(): Promise<void> {
    return this.connect();
  }

  async stop(): Promise<void> {
    this.stopped = true;
    clearTimeout(this.timer);
    await this.client?.end().catch(() => undefined);
  }

  private async connect(): Promise<void> {
    const client = new Client({
      connectionString: this.options.databaseUrl,
      application_name: "streampai-api-listen",
      connectionTimeoutMillis: 3000,
      keepAlive: true,
    });
    this.client = client;
    let broken = false;
    const retry = (error: unknown) => {
      if (broken || this.stopped) return;
      broken = true;
      this.options.onError(error);
      void client.end().catch(() => undefined);
      this.failures += 1;
      const wait = Math.min(250 * 2 ** this.failures, 10_000) * (0.5 + Math.random() / 2);
      this.timer = setTimeout(() => void this.connect(), wait);
    };
    client.on("error", retry);
    client.on("end", () => retry(new Error("the listening connection ended")));
    client.on("notification", ({ payload }) => this.options.onMessage(Number(payload)));
    try {
      await client.connect();
      await client.query(`listen ${channel}`);
      this.failures = 0;
      if (this.started) this.options.onResume();
      this.started = true;
    } catch (error) {
      retry(error);
    }
  }
}
