import { readFile } from "node:fs/promises";
import { request } from "node:https";
import type { SandboxRecord } from "./record";

/** What a visitor of an address got. */
export interface Visit {
  readonly url: string;
  /** HTTP status; undefined where nothing answered. */
  readonly status: number | undefined;
  readonly milliseconds: number;
  /** The local port that was asked. */
  readonly port?: number;
  /** Whether Access asks for a login. */
  readonly login?: boolean;
  /** Why nothing answered. */
  readonly problem?: string;
}

export interface VisitOptions {
  readonly port?: number;
  readonly headers?: Readonly<Record<string, string>>;
}

/**
 * Asks for an address as a visitor would, through the sandbox's edge: the host name is resolved to it, as curl's
 * `--connect-to` does, and its certificate is verified against the sandbox's authority.
 *
 * @param port a local port to ask instead of the edge's
 * @param headers such as those of a service token of Access
 */
export async function visit(
  url: string,
  { edge }: Pick<SandboxRecord, "edge">,
  { port = edge.httpsPort, headers = {} }: VisitOptions = {},
): Promise<Visit> {
  const { hostname, pathname, search } = new URL(url);
  const ca = await readFile(edge.caFile);
  const started = performance.now();
  const elapsed = (): number => Math.round(performance.now() - started);
  return new Promise((resolve) => {
    const asked = request(
      {
        host: "127.0.0.1",
        port,
        servername: hostname,
        headers: { ...headers, host: hostname, accept: "*/*" },
        path: `${pathname}${search}`,
        ca,
        timeout: 10_000,
        agent: false,
      },
      (answer) => {
        answer.resume();
        const login = isLogin(answer.headers.location);
        answer.once("end", () =>
          resolve({
            url,
            status: answer.statusCode,
            milliseconds: elapsed(),
            port,
            ...(login ? { login } : {}),
          }),
        );
      },
    );
    asked.once("timeout", () => asked.destroy(new Error("no answer within 10 s")));
    asked.once("error", (error) => {
      resolve({ url, status: undefined, milliseconds: elapsed(), port, problem: error.message });
    });
    asked.end();
  });
}

function isLogin(location: string | undefined): boolean {
  return location?.includes("/cdn-cgi/access/login/") === true;
}

/** The same address as somebody can type it here: names under `.localhost` need the edge's port and nothing else. */
export function typedAddress(url: string, { edge }: Pick<SandboxRecord, "edge">): string {
  const { hostname, pathname } = new URL(url);
  if (!hostname.endsWith(".localhost")) return url;
  return `https://${hostname}:${edge.httpsPort}${pathname === "/" ? "" : pathname}`;
}
