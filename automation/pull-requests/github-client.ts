import { Octokit } from "@octokit/core";
import { paginateRest } from "@octokit/plugin-paginate-rest";
import { retry } from "@octokit/plugin-retry";
import { throttling } from "@octokit/plugin-throttling";
import type { Log } from "../../common/log";
import type { GitHubPlace } from "./place";

/** How patient the client is. */
export interface Patience {
  /** Milliseconds that a second of waiting takes; tests make it short. @default 1000 */
  readonly second?: number;
  /** A wait that the host asks for is refused above so many seconds. @default 60 */
  readonly longestWait?: number;
}

const Client = Octokit.plugin(paginateRest, retry, throttling);
export type GitHubClient = InstanceType<typeof Client>;

/** A client that waits as the host asks, and asks again after a failure of the host's own. */
export function gitHubClient(
  { api, token }: GitHubPlace,
  say: Log,
  { second = 1_000, longestWait = 60 }: Patience = {},
): GitHubClient {
  const again = (after: number, _options: unknown, _client: unknown, tries: number): boolean => {
    const waits = tries < 2 && after <= longestWait;
    say(
      `GitHub's rate limit is reached${waits ? `: asking again in ${after} s` : `, for another ${after} s`}`,
    );
    return waits;
  };
  return new Client({
    auth: token,
    baseUrl: api,
    userAgent: "groundwork",
    // No `retries` here: the plugin would then repeat every refusal as well.
    request: {
      fetch: (address: string, init: RequestInit) =>
        fetch(address, { ...init, signal: AbortSignal.timeout(30_000) }),
    },
    retry: { retryAfterBaseValue: second },
    throttle: { retryAfterBaseValue: second, onRateLimit: again, onSecondaryRateLimit: again },
    log: { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} },
  });
}

/** Who the token belongs to. */
export async function loginOf(client: GitHubClient): Promise<string> {
  const { viewer } = await client.graphql<{ viewer: { login: string } }>("query { viewer { login } }");
  return viewer.login;
}

/** REST and GraphQL differ in whether an app's login ends in `[bot]`. */
export function sameLogin(one: string, other: string): boolean {
  const plain = (login: string): string => login.replace(/\[bot\]$/, "").toLowerCase();
  return plain(one) === plain(other);
}
