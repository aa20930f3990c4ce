/** One HTTP request by Node's own modules: they are loaded anyway, and starting counts at every preview. */
import http from "node:http";
import https from "node:https";

export interface HttpRequest {
  readonly method: string;
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
  readonly signal?: AbortSignal;
}

export interface HttpAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | undefined>>;
  readonly body: string;
}

/** A request that hangs longer than this, in milliseconds, counts as not answered. */
const timeout = 120_000;

const plain = new http.Agent({ keepAlive: true });
const encrypted = new https.Agent({ keepAlive: true });

/** One request, one answer. Goes through HTTP_PROXY or HTTPS_PROXY when they are set and NO_PROXY does not say otherwise. */
export function sendHttp(request: HttpRequest): Promise<HttpAnswer> {
  return usesProxy(request.url) ? sendThroughProxy(request) : sendDirectly(request);
}

function sendDirectly({ method, url, headers, body, signal }: HttpRequest): Promise<HttpAnswer> {
  return new Promise((resolve, reject) => {
    const isPlain = url.protocol === "http:";
    const length = body === undefined ? {} : { "content-length": String(Buffer.byteLength(body)) };
    const request = (isPlain ? http : https).request(
      url,
      { method, headers: { ...headers, ...length }, agent: isPlain ? plain : encrypted, signal, timeout },
      (response) => {
        const chunks: Buffer[] = [];
        response.on("data", (chunk: Buffer) => chunks.push(chunk));
        response.on("error", reject);
        response.on("end", () => {
          const flat = Object.entries(response.headers).map(([name, value]) => [name, String(value)]);
          resolve({
            status: response.statusCode ?? 0,
            headers: Object.fromEntries(flat) as HttpAnswer["headers"],
            body: Buffer.concat(chunks).toString("utf8"),
          });
        });
      },
    );
    request.on("timeout", () => request.destroy(new Error("no answer in time")));
    request.on("error", reject);
    request.end(body);
  });
}

async function sendThroughProxy({ method, url, headers, body, signal }: HttpRequest): Promise<HttpAnswer> {
  // Loaded only here: few machines need it.
  const { EnvHttpProxyAgent, fetch } = await import("undici");
  const dispatcher = new EnvHttpProxyAgent();
  const response = await fetch(url, { method, headers, body, signal, dispatcher });
  return {
    status: response.status,
    headers: Object.fromEntries(response.headers.entries()),
    body: await response.text(),
  };
}

const isLocal = /^(localhost|127\.|\[::1\])/;

function usesProxy({ protocol, hostname }: URL): boolean {
  if (isLocal.test(hostname)) return false;
  const scheme = protocol.slice(0, -1);
  const { env } = process;
  return Boolean(env[`${scheme}_proxy`] ?? env[`${scheme.toUpperCase()}_PROXY`]);
}
