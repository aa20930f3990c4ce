/** The HTTP side: one request of the v4 API, tried up to three times, and errors a person can act on. */
import type { Value } from "../values";
import { type HttpAnswer, sendHttp } from "./http";

export interface Credentials {
  readonly apiToken?: string;
  readonly apiKey?: string;
  readonly email?: string;
  readonly apiUserServiceKey?: string;
}

export interface ClientOptions extends Credentials {
  /** With the path of the API, such as `https://api.cloudflare.com/client/v4/`. */
  readonly baseUrl: string;
  /** Sent along with every request. @default none */
  readonly headers?: Readonly<Record<string, string>>;
  readonly userAgent?: string;
  /** Waits between two tries. @default real time */
  readonly sleep?: (milliseconds: number, signal?: AbortSignal) => Promise<void>;
}

export interface Call {
  readonly method: string;
  /** Relative to the base URL, without a leading slash of the base, such as `/zones/abc`. */
  readonly path: string;
  readonly body?: Value;
  readonly headers?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal;
}

/** What the API answered, unwrapped. */
export interface Answer {
  readonly result: Value;
  readonly resultInfo: Value;
}

const tries = 3;
/** Answered to everybody. */
const publicPaths = new Set(["/ips"]);
const retriedStatus = new Set([408, 409, 429]);

/** A refusal by the API: status, method and path, and the codes it gave. Never a secret. */
export class ApiError extends Error {
  constructor(
    readonly status: number,
    readonly method: string,
    readonly path: string,
    readonly errors: readonly { readonly code: number; readonly message: string }[],
    hint?: string,
  ) {
    const said = errors.map(({ code, message }) => `${code}: ${message}`).join("; ") || "no reason given";
    super(`${method} ${path} was refused with status ${status} (${said})${hint ? `. ${hint}` : ""}`);
  }

  /** The thing exists already, and belongs to somebody else or to another program. */
  get isExisting(): boolean {
    return this.errors.some(
      ({ code, message }) =>
        existingCodes.has(code) || /already[ _](exists?|have|in use|own|taken)/i.test(message),
    );
  }
}

const existingCodes = new Set([81053, 81057, 81058, 1061, 20217]);

export class Client {
  /** So much the API's clock is ahead of this machine's, by its latest answer. Milliseconds, good to half a second. */
  ahead = 0;

  constructor(private readonly options: ClientOptions) {}

  /** @throws ApiError when the API refuses, Error when it cannot be reached */
  async call(call: Call): Promise<Answer> {
    const url = new URL(call.path.replace(/^\/+/, ""), withSlash(this.options.baseUrl));
    const headers: Record<string, string> = {
      accept: "application/json",
      "user-agent": this.options.userAgent ?? "groundwork-provider-cloudflare",
      ...this.authentication(),
      ...this.options.headers,
      ...call.headers,
    };
    if (!this.hasCredentials && !publicPaths.has(call.path.split("?")[0]!)) {
      throw new Error(
        "no Cloudflare credentials: set cloudflare:apiToken (pulumi config set --secret cloudflare:apiToken) or CLOUDFLARE_API_TOKEN",
      );
    }
    const body = call.body === undefined ? undefined : JSON.stringify(call.body);
    if (body !== undefined) headers["content-type"] = "application/json";
    const request = { method: call.method, url, headers, body, signal: call.signal };
    for (let attempt = 1; ; attempt++) {
      let answer: HttpAnswer | undefined;
      let failure: unknown;
      try {
        answer = await sendHttp(request);
        // It tells whole seconds.
        const now = Date.parse(answer.headers["date"] ?? "") + 500;
        if (!Number.isNaN(now)) this.ahead = now - Date.now();
      } catch (error) {
        failure = error;
      }
      call.signal?.throwIfAborted();
      const again = answer ? shouldRetry(answer) : true;
      if (!again || attempt === tries) {
        if (answer) return unwrap(call, answer);
        throw unreachable(call, this.options.baseUrl, failure);
      }
      await (this.options.sleep ?? sleep)(waitBefore(attempt, answer), call.signal);
    }
  }

  /** Every element of a list, page by page; at most `maxItems`. */
  async list(call: Call, maxItems = 1000): Promise<Value[]> {
    const items: Value[] = [];
    for (let page = 1; ; page++) {
      const mark = call.path.includes("?") ? "&" : "?";
      const path = page === 1 ? call.path : `${call.path}${mark}page=${page}`;
      const { result, resultInfo } = await this.call({ ...call, path });
      if (!Array.isArray(result)) return items;
      items.push(...result);
      const pages = (resultInfo as { total_pages?: number } | undefined)?.total_pages ?? 1;
      if (items.length >= maxItems || page >= pages || result.length === 0) return items.slice(0, maxItems);
    }
  }

  private get hasCredentials(): boolean {
    const { apiToken, apiKey, apiUserServiceKey, headers } = this.options;
    return Boolean(apiToken ?? apiKey ?? apiUserServiceKey ?? headers?.["authorization"]);
  }

  private authentication(): Record<string, string> {
    const { apiToken, apiKey, email, apiUserServiceKey } = this.options;
    const headers: Record<string, string> = {};
    if (apiToken) headers["authorization"] = `Bearer ${apiToken}`;
    if (apiKey) headers["x-auth-key"] = apiKey;
    if (email) headers["x-auth-email"] = email;
    if (apiUserServiceKey) headers["x-auth-user-service-key"] = apiUserServiceKey;
    return headers;
  }
}

function shouldRetry({ status, headers }: HttpAnswer): boolean {
  const said = headers["x-should-retry"];
  if (said === "true") return true;
  if (said === "false") return false;
  return retriedStatus.has(status) || status >= 500;
}

/** Milliseconds: what the API asks for when it is at most a minute, else half a second doubled, up to 8 s. */
export function waitBefore(attempt: number, answer: HttpAnswer | undefined): number {
  const asked = askedWait(answer?.headers ?? {});
  if (asked !== undefined && asked >= 0 && asked <= 60_000) return asked;
  const base = Math.min(8_000, 500 * 2 ** (attempt - 1));
  return base * (1 - 0.25 * Math.random());
}

function askedWait(headers: Readonly<Record<string, string | undefined>>): number | undefined {
  const milliseconds = Number.parseFloat(headers["retry-after-ms"] ?? "");
  if (!Number.isNaN(milliseconds)) return milliseconds;
  const after = headers["retry-after"];
  if (after === undefined) return undefined;
  const seconds = Number.parseFloat(after);
  const wait = Number.isNaN(seconds) ? Date.parse(after) - Date.now() : seconds * 1000;
  return Number.isNaN(wait) ? undefined : wait;
}

function unwrap(call: Call, { status, body }: HttpAnswer): Answer {
  const path = call.path.split("?")[0]!;
  let envelope: { result?: Value; result_info?: Value; success?: boolean; errors?: unknown } = {};
  if (body.trim() !== "") {
    try {
      envelope = JSON.parse(body) as typeof envelope;
    } catch {
      throw new ApiError(status, call.method, path, [], "The answer was not JSON: is baseUrl right?");
    }
  }
  if (status >= 200 && status < 300 && envelope.success !== false) {
    return { result: envelope.result, resultInfo: envelope.result_info };
  }
  throw new ApiError(status, call.method, path, errorsOf(envelope.errors), hintFor(status));
}

function errorsOf(errors: unknown): { code: number; message: string }[] {
  if (!Array.isArray(errors)) return [];
  return (errors as { code?: number; message?: string; error_chain?: unknown }[]).flatMap((one) => [
    { code: one.code ?? 0, message: one.message ?? "no message" },
    ...errorsOf(one.error_chain),
  ]);
}

function hintFor(status: number): string | undefined {
  if (status === 401 || status === 403) {
    return "Check the API token (cloudflare:apiToken or CLOUDFLARE_API_TOKEN) and its permissions";
  }
  if (status === 429) return "The API limits requests (1,200 in 5 minutes): try again later";
  return undefined;
}

function unreachable(call: Call, baseUrl: string, failure: unknown): Error {
  const reason = failure instanceof Error ? failure.message || failure.name : String(failure);
  return new Error(
    `${call.method} ${call.path} got no answer after ${tries} tries: ${reason}. ` +
      `Is ${new URL(baseUrl).origin} (cloudflare:baseUrl or CLOUDFLARE_BASE_URL) reachable?`,
  );
}

function withSlash(url: string): string {
  return url.endsWith("/") ? url : `${url}/`;
}

function sleep(milliseconds: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, milliseconds);
    signal?.addEventListener("abort", () => {
      clearTimeout(timer);
      reject(signal.reason instanceof Error ? signal.reason : new Error("cancelled"));
    });
  });
}
