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
  /** Why nothing answered. */
  readonly problem?: string;
}

/**
 * Asks for an address as a visitor would, through the sandbox's edge: the host name is resolved to it, as curl's
 * `--connect-to` does, and its certificate is verified against the sandbox's authority.
 *
 * @param port a local port to ask instead of the edge's
 */
export async function visit(
  url: string,
  { edge }: Pick<SandboxRecord, "edge">,
  port: number = edge.httpsPort,
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
        headers: { host: hostname, accept: "*/*" },
        path: `${pathname}${search}`,
        ca,
        timeout: 10_000,
        agent: false,
      },
      (answer) => {
        answer.resume();
        answer.once("end", () => resolve({ url, status: answer.statusCode, milliseconds: elapsed(), port }));
      },
    );
    asked.once("timeout", () => asked.destroy(new Error("no answer within 10 s")));
    asked.once("error", (error) => {
      resolve({ url, status: undefined, milliseconds: elapsed(), port, problem: error.message });
    });
    asked.end();
  });
}

/** The same address as somebody can type it here: names under `.localhost` need the edge's port and nothing else. */
export function typedAddress(url: string, { edge }: Pick<SandboxRecord, "edge">): string {
  const { hostname, pathname } = new URL(url);
  if (!hostname.endsWith(".localhost")) return url;
  return `https://${hostname}:${edge.httpsPort}${pathname === "/" ? "" : pathname}`;
}
