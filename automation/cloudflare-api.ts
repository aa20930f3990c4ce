import { setTimeout as sleep } from "node:timers/promises";
import { UserError } from "../common/user-error";

/** Where Cloudflare's API is, unless somebody says otherwise. */
export const cloudflareApiUrl = "https://api.cloudflare.com/client/v4";

/** Where and as whom the API is asked. */
export interface CloudflareApiOptions {
  /** @default {@link cloudflareApiUrl} */
  readonly apiUrl?: string | undefined;
  readonly apiToken: string;
  /** The first wait before another try, in milliseconds; doubled each time. @default 500 */
  readonly retryMs?: number;
}

/** The API refused a request. No text of it holds a secret. */
export class CloudflareRefusal extends Error {
  constructor(
    readonly status: number,
    readonly path: string,
    readonly errors: readonly { readonly code: number; readonly message: string }[],
  ) {
    const said = errors.map(({ code, message }) => `${message} (code ${code})`).join("; ");
    super(`GET ${path} was refused with status ${status}${said === "" ? "" : `: ${said}`}`);
  }

  /** The token is not valid, or may not do this. */
  get isOfToken(): boolean {
    return this.status === 401 || this.status === 403 || this.errors.some(({ code }) => code === 10000);
  }
}

const tries = 5;
const requestMs = 60_000;
const longestWaitMs = 60_000;

interface Envelope {
  readonly success?: boolean;
  readonly result?: unknown;
  readonly result_info?: { readonly total_pages?: number; readonly cursor?: string };
  readonly errors?: { readonly code: number; readonly message: string }[];
}

/**
 * Reads from Cloudflare's API. Rate limits are waited out as the API asks for it, failures of its own are tried again.
 *
 * @example
 * const [zone] = await new CloudflareApi({ apiToken }).list<Zone>("/zones?name=example.com");
 */
export class CloudflareApi {
  /** How many requests were made. */
  requests = 0;

  constructor(private readonly options: CloudflareApiOptions) {}

  /** @throws CloudflareRefusal, or UserError where nobody answers */
  async get<T>(path: string, headers: Readonly<Record<string, string>> = {}): Promise<T> {
    return (await this.ask(path, headers)).result as T;
  }

  /** The same, undefined where there is no such thing. */
  async find<T>(path: string, headers: Readonly<Record<string, string>> = {}): Promise<T | undefined> {
    try {
      return await this.get<T>(path, headers);
    } catch (error) {
      if (error instanceof CloudflareRefusal && error.status === 404) return undefined;
      throw error;
    }
  }

  /** Every element of a list, page by page. */
  async list<T>(path: string): Promise<T[]> {
    const items: T[] = [];
    for (let page = 1; ; page++) {
      const at = page === 1 ? path : `${path}${path.includes("?") ? "&" : "?"}page=${page}`;
      const { result, result_info: info } = await this.ask(at, {});
      const found = Array.isArray(result) ? (result as T[]) : [];
      items.push(...found);
      if (found.length === 0 || page >= (info?.total_pages ?? 1)) return items;
    }
  }

  /** Every element of a list that is read by cursors, below a member of the result. */
  async listByCursor<T>(
    path: string,
    member: string,
    headers: Readonly<Record<string, string>>,
  ): Promise<T[]> {
    const items: T[] = [];
    for (let cursor = ""; ;) {
      const mark = path.includes("?") ? "&" : "?";
      const at = cursor === "" ? path : `${path}${mark}cursor=${encodeURIComponent(cursor)}`;
      const { result, result_info: info } = await this.ask(at, headers);
      items.push(...((result as Record<string, T[] | undefined> | null)?.[member] ?? []));
      const next = info?.cursor ?? "";
      if (next === "" || next === cursor) return items;
      cursor = next;
    }
  }

  private async ask(path: string, headers: Readonly<Record<string, string>>): Promise<Envelope> {
    for (let attempt = 1; ; attempt++) {
      const { answer, failure } = await this.once(path, headers);
      if (answer === undefined && attempt >= tries) throw this.unreachable(failure);
      if (answer !== undefined && (!isPassing(answer.status) || attempt >= tries))
        return unwrapped(path, answer);
      const wait = (this.options.retryMs ?? 500) * 2 ** (attempt - 1) * (0.75 + Math.random() / 2);
      await sleep(Math.min(answer?.retryAfterMs ?? wait, longestWaitMs));
    }
  }

  private async once(path: string, headers: Readonly<Record<string, string>>) {
    this.requests += 1;
    try {
      const response = await fetch(`${this.address}${path}`, {
        headers: { accept: "application/json", authorization: `Bearer ${this.options.apiToken}`, ...headers },
        signal: AbortSignal.timeout(requestMs),
      });
      const { status } = response;
      const retryAfterMs = retryAfter(response.headers.get("retry-after"));
      return { answer: { status, retryAfterMs, text: await response.text() } };
    } catch (failure) {
      return { failure };
    }
  }

  private get address(): string {
    return (this.options.apiUrl ?? cloudflareApiUrl).replace(/\/$/, "");
  }

  private unreachable(cause: unknown): UserError {
    return new UserError({
      what: "Cloudflare's API cannot be reached",
      value: this.address,
      next: "look at the network, a proxy, and the address; then run the same command again",
      cause,
    });
  }
}

function isPassing(status: number): boolean {
  return status === 408 || status === 429 || status >= 500;
}

function unwrapped(path: string, { status, text }: { status: number; text: string }): Envelope {
  let envelope: Envelope = {};
  try {
    envelope = JSON.parse(text) as Envelope;
  } catch {
    // What is no JSON is told by its status.
  }
  if (status < 300 && envelope.success === true) return envelope;
  throw new CloudflareRefusal(status, path.replace(/\?.*$/s, ""), envelope.errors ?? []);
}

/** Reads `Retry-After`: seconds or a date. @returns milliseconds, undefined where it says neither */
export function retryAfter(header: string | null, now = Date.now()): number | undefined {
  if (header === null || header.trim() === "") return undefined;
  const seconds = Number(header);
  if (Number.isFinite(seconds)) return Math.max(0, seconds * 1000);
  const date = Date.parse(header);
  return Number.isNaN(date) ? undefined : Math.max(0, date - now);
}
