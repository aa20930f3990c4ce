import { setTimeout as wait } from "node:timers/promises";
import type { Log } from "../../common/log";
import type { Patience } from "./github-client";
import type { GitLabPlace } from "./gitlab-place";

/** An answer that GitLab gave instead of what was asked for. */
export class GitLabRefusal extends Error {
  constructor(
    readonly status: number,
    message: string,
  ) {
    super(message);
  }
}

const tries = 4;

/** GitLab's REST API: waits as it asks to, and asks again after a failure of its own what can be asked twice. */
export class GitLabClient {
  private readonly second: number;
  private readonly longestWait: number;

  constructor(
    private readonly place: Pick<GitLabPlace, "api" | "token">,
    private readonly say: Log,
    { second = 1_000, longestWait = 60 }: Patience = {},
  ) {
    this.second = second;
    this.longestWait = longestWait;
  }

  async get<T>(path: string): Promise<T> {
    return (await this.request("GET", path)).body as T;
  }

  /** All entries of a list, page by page, as they are asked for. */
  async *pages<T>(path: string): AsyncGenerator<T> {
    const joined = path.includes("?") ? "&" : "?";
    for (let page = "1"; page !== "";) {
      const { body, headers } = await this.request("GET", `${path}${joined}per_page=100&page=${page}`);
      yield* body as T[];
      page = headers.get("x-next-page") ?? "";
    }
  }

  async put<T>(path: string, body: object): Promise<T> {
    return (await this.request("PUT", path, body)).body as T;
  }

  /** Not asked again after a failure that leaves open whether it was done: whoever calls looks first. */
  async post<T>(path: string, body: object): Promise<T> {
    return (await this.request("POST", path, body)).body as T;
  }

  private async request(method: string, path: string, body?: object): Promise<Answer> {
    for (let attempt = 1; ; attempt += 1) {
      const answer = await this.once(method, path, body);
      if (answer.status < 400) return answer;
      const limited = answer.status === 429;
      const failed = answer.status >= 500 && method !== "POST";
      const after = limited ? waitAskedFor(answer.headers) : 2 ** (attempt - 1);
      if (limited) {
        const waits = attempt < 3 && after <= this.longestWait;
        this.say(
          `GitLab's rate limit is reached${waits ? `: asking again in ${after} s` : `, for another ${after} s`}`,
        );
        if (!waits) throw refusalOf(answer);
      } else if (!failed || attempt >= tries) throw refusalOf(answer);
      await wait(after * this.second);
    }
  }

  private async once(method: string, path: string, body: object | undefined): Promise<Answer> {
    const { api, token } = this.place;
    const response = await fetch(`${api}${path}`, {
      method,
      headers: {
        ...(token === undefined ? {} : { "private-token": token }),
        ...(body === undefined ? {} : { "content-type": "application/json" }),
        "user-agent": "groundwork",
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      // A token must not follow to another host.
      redirect: "error",
      signal: AbortSignal.timeout(30_000),
    });
    const { status, headers } = response;
    const text = await response.text();
    return { status, headers, body: parsed(text) };
  }
}

interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: unknown;
}

/** Seconds until a limit is over, by the header for it; else by the moment at which it is set back. */
function waitAskedFor(headers: Headers): number {
  const after = Number(headers.get("retry-after") ?? Number.NaN);
  if (after >= 0) return Math.ceil(after);
  const reset = Number(headers.get("ratelimit-reset") ?? Number.NaN);
  return reset > 0 ? Math.max(1, Math.ceil(reset - Date.now() / 1_000)) : 1;
}

/** GitLab's own words: `message` is a text or says what is wrong by field, `error` stands beside 403s of scopes. */
function refusalOf({ status, body }: Answer): GitLabRefusal {
  const { message, error } = (typeof body === "object" ? body : { message: body }) as {
    readonly message?: unknown;
    readonly error?: unknown;
  };
  const said = message ?? error ?? "no reason given";
  const text = typeof said === "string" ? said : JSON.stringify(said);
  return new GitLabRefusal(status, (text.split("\n")[0] ?? "").slice(0, 300));
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return text;
  }
}
