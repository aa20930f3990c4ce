import { createHash } from "node:crypto";
import { createServer, type ServerResponse } from "node:http";
import type { Log } from "../../common/log";
import { listenAtLastPort } from "../listen";
import type { EnvironmentModel } from "./model";
import { renderContent, renderEnvironmentPage } from "./page";

export interface EnvironmentPageServer {
  /** `http://127.0.0.1:PORT/` */
  readonly url: string;
  readonly port: number;
  close(): Promise<void>;
}

export interface ServeOptions {
  /** Asked anew for each request, at most once at a time. */
  readonly model: () => Promise<EnvironmentModel>;
  /** The one of last time; another where somebody else has it. @default a free one */
  readonly port?: number;
  readonly log?: Log;
}

/**
 * Serves the drawing of an environment on loopback: `/` is the page, `/model.json` the model, `/content` what the page
 * puts in place of its own content when the model has changed.
 */
export async function serveEnvironmentPage(options: ServeOptions): Promise<EnvironmentPageServer> {
  let asked: Promise<EnvironmentModel> | undefined;
  // Several open pages ask twice a second each; one answer serves all that wait for it.
  const ask = (): Promise<EnvironmentModel> => {
    asked ??= options.model().finally(() => (asked = undefined));
    return asked;
  };
  const server = createServer((request, response) => {
    const path = (request.url ?? "/").split("?", 1)[0]!;
    const host = request.headers.host ?? "";
    // A page of elsewhere whose name was made to point to this machine gets nothing.
    if (!/^(127\.0\.0\.1|localhost|\[::1\])(:\d+)?$/.test(host))
      return send(response, 421, "text/plain", "not here\n");
    if (request.method !== "GET" && request.method !== "HEAD")
      return send(response, 405, "text/plain", "GET only\n");
    const renderers: Record<string, ((current: EnvironmentModel) => [string, string]) | undefined> = {
      "/": (current) => ["text/html", renderEnvironmentPage(current, { live: true })],
      "/content": (current) => ["text/html", renderContent(current)],
      "/model.json": (current) => ["application/json", JSON.stringify(current)],
    };
    const renderer = Object.hasOwn(renderers, path) ? renderers[path] : undefined;
    if (renderer === undefined) return send(response, 404, "text/plain", "there is nothing here\n");
    ask().then(
      (current) => {
        const [type, body] = renderer(current);
        const etag = `"${createHash("sha256").update(body).digest("base64url").slice(0, 22)}"`;
        response.setHeader("etag", etag);
        if (request.headers["if-none-match"] === etag) return response.writeHead(304).end();
        send(response, 200, type, body);
      },
      (error: unknown) => {
        send(
          response,
          503,
          "text/plain",
          `${error instanceof Error ? error.message : "it cannot be read"}\n`,
        );
      },
    );
  });
  const port = await listenAtLastPort(server, options.port, options.log);
  return {
    url: `http://127.0.0.1:${port}/`,
    port,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function send(response: ServerResponse, status: number, type: string, body: string): void {
  response.writeHead(status, {
    "content-type": `${type}; charset=utf-8`,
    "cache-control": "no-cache",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
  });
  response.end(body);
}
