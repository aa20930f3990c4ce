import { connect as connectHttp2, constants } from "node:http2";
import { request as httpRequest } from "node:http";
import { request as httpsRequest } from "node:https";
import { connect } from "node:net";
import { connect as connectTls } from "node:tls";
import { resolvePlace, type ResolveOverride } from "../../remote/access";
import type { PublicCheck, VerifyPublicInput } from "./rollout-input";

/** One attempt at one answer. */
const attemptMs = 10_000;
/** A port that does not answer for so long is closed to us. */
const closedMs = 3_000;
/** Of an answer's body so much is read to find a text in it. */
const bodyLimit = 4 * 1024 * 1024;

/** What a public address gave. */
export interface PublicAnswer {
  readonly status: number;
  /** `1.1`, `2`. */
  readonly version: string;
  readonly body: string;
}

/** What came of all checks. */
export interface PublicResult {
  readonly answers: readonly { readonly url: string; readonly status: number; readonly version: string }[];
  readonly closed: readonly string[];
  /** What did not come true; one line each, the reason and what to look at. Empty: all is well. */
  readonly problems: readonly string[];
}

/**
 * Asks through the public names what must answer, and tries the ports that must not. A check is repeated until it comes
 * true or the time is over: a record that has just been made takes its time. An open port is a problem at once.
 *
 * @example
 * const { problems } = await verifyPublic({ checks: [{ url: "https://example.com/", status: 200 }] });
 */
export async function verifyPublic(input: VerifyPublicInput): Promise<PublicResult> {
  const deadline = Date.now() + (input.timeoutSeconds ?? 60) * 1_000;
  const checks = Promise.all(input.checks.map((check) => untilTrue(check, input.resolve, deadline)));
  const { addresses = [], ports = [] } = input.closed ?? {};
  const places = addresses.flatMap((address) => ports.map((port) => ({ address, port })));
  const tried = await Promise.all(
    places.map(async ({ address, port }) => ({
      place: address.includes(":") ? `[${address}]:${port}` : `${address}:${port}`,
      open: await isOpen(address, port, input.resolve),
    })),
  );
  const done = await checks;
  return {
    answers: done.flatMap(({ url, answer }) =>
      answer === undefined ? [] : [{ url, status: answer.status, version: answer.version }],
    ),
    closed: tried.filter(({ open }) => !open).map(({ place }) => place),
    problems: [
      ...done.flatMap(({ problem }) => problem ?? []),
      ...tried
        .filter(({ open }) => open)
        .map(
          ({ place }) =>
            `${place} answers from outside: take it out of \`ports\` of the compose file, or close it in the firewall`,
        ),
    ],
  };
}

interface Done {
  readonly url: string;
  readonly answer?: PublicAnswer;
  readonly problem?: string;
}

async function untilTrue(
  check: PublicCheck,
  resolve: readonly ResolveOverride[] | undefined,
  deadline: number,
): Promise<Done> {
  for (let wait = 250; ; wait = Math.min(wait * 2, 4_000)) {
    let problem: string;
    try {
      const left = Math.max(500, Math.min(attemptMs, deadline - Date.now()));
      const answer = await askPublic(check, resolve, left);
      const wrong = whatIsWrong(check, answer);
      if (wrong === undefined) return { url: check.url, answer };
      problem = wrong;
    } catch (error) {
      problem = explainTransport(error);
    }
    if (Date.now() + wait >= deadline) return { url: check.url, problem: `${check.url} ${problem}` };
    await new Promise((again) => setTimeout(again, wait));
  }
}

/** Why an answer is not the wanted one; undefined where it is. */
export function whatIsWrong(
  { status, contains, http2 }: Pick<PublicCheck, "status" | "contains" | "http2">,
  answer: PublicAnswer,
): string | undefined {
  const wanted = status === undefined ? "200 to 399" : String(status);
  const isStatus =
    status === undefined ? answer.status >= 200 && answer.status < 400 : answer.status === status;
  if (!isStatus) return `answers ${answer.status}, not ${wanted}${hintOf(answer.status)}`;
  if (http2 === true && answer.version !== "2") return `answers over HTTP/${answer.version}, not HTTP/2`;
  if (contains !== undefined && !answer.body.includes(contains)) {
    return `answers ${answer.status}, and its answer does not hold ${JSON.stringify(contains)}`;
  }
  return undefined;
}

/** What Cloudflare's own statuses say about the origin. */
function hintOf(status: number): string {
  const hints: Readonly<Record<number, string>> = {
    520: " (the origin answered nothing that is HTTP)",
    521: " (the origin refuses the connection: is its port open to Cloudflare?)",
    522: " (the origin does not answer: is its port open to Cloudflare?)",
    523: " (the origin's address cannot be reached: look at the records)",
    525: " (no TLS with the origin: has it a certificate?)",
    526: " (the origin's certificate is not valid, which ssl: strict demands)",
    530: " (Cloudflare has no origin for it: does the tunnel's connector run?)",
  };
  return hints[status] ?? "";
}

function explainTransport(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException;
  if (code === "ENOTFOUND") return "has no DNS record that is known here (ENOTFOUND)";
  if (code === "ECONNREFUSED") return "refuses the connection (ECONNREFUSED)";
  return `does not answer: ${code === undefined ? message : `${message} (${code})`}`;
}

/** One question, at the place where the overrides say that the name is. */
export async function askPublic(
  { url, http2, headers }: PublicCheck,
  resolve: readonly ResolveOverride[] | undefined,
  timeoutMs: number,
): Promise<PublicAnswer> {
  const target = new URL(url);
  const secure = target.protocol === "https:";
  const hostname = target.hostname.replace(/^\[(.*)\]$/, "$1");
  const port = target.port === "" ? (secure ? 443 : 80) : Number(target.port);
  const place = resolvePlace(hostname, port, resolve);
  if (http2 === true && secure) {
    const overTwo = await askHttp2(target, place, headers, timeoutMs);
    if (overTwo !== undefined) return overTwo;
  }
  return new Promise((done, reject) => {
    const asked = (secure ? httpsRequest : httpRequest)(
      {
        host: place.address,
        port: place.port,
        servername: hostname,
        path: `${target.pathname}${target.search}`,
        headers: { ...headers, host: target.host, accept: "*/*", "user-agent": "groundwork-verify" },
        agent: false,
      },
      (answer) => {
        let body = "";
        answer.setEncoding("utf8").on("data", (text: string) => {
          if (body.length < bodyLimit) body += text;
        });
        answer.on("error", reject);
        answer.on("end", () =>
          done({ status: answer.statusCode ?? 0, version: answer.httpVersion.replace(/\.0$/, ""), body }),
        );
      },
    );
    const timer = setTimeout(() => asked.destroy(new Error(`no answer within ${timeoutMs} ms`)), timeoutMs);
    asked.on("error", reject);
    asked.on("close", () => clearTimeout(timer));
    asked.end();
  });
}

/** Undefined where the server does not speak it. */
function askHttp2(
  target: URL,
  place: { readonly address: string; readonly port: number },
  headers: Readonly<Record<string, string>> | undefined,
  timeoutMs: number,
): Promise<PublicAnswer | undefined> {
  return new Promise((done, reject) => {
    const socket = connectTls({
      host: place.address,
      port: place.port,
      servername: target.hostname,
      ALPNProtocols: ["h2", "http/1.1"],
    });
    const timer = setTimeout(() => socket.destroy(new Error(`no answer within ${timeoutMs} ms`)), timeoutMs);
    const end = (act: () => void) => {
      clearTimeout(timer);
      socket.destroy();
      act();
    };
    socket.once("error", (error: Error) => end(() => reject(error)));
    socket.once("secureConnect", () => {
      if (socket.alpnProtocol !== "h2") return end(() => done(undefined));
      const session = connectHttp2(target.origin, { createConnection: () => socket });
      session.once("error", (error: Error) => end(() => reject(error)));
      const stream = session.request({
        ...headers,
        [constants.HTTP2_HEADER_PATH]: `${target.pathname}${target.search}`,
        "user-agent": "groundwork-verify",
        accept: "*/*",
      });
      let status = 0;
      let body = "";
      stream.once("response", (answer) => (status = answer[":status"] ?? 0));
      stream.setEncoding("utf8").on("data", (text: string) => {
        if (body.length < bodyLimit) body += text;
      });
      stream.once("error", (error: Error) => end(() => reject(error)));
      stream.once("end", () => {
        session.close();
        end(() => done({ status, version: "2", body }));
      });
      stream.end();
    });
  });
}

/** Whether a TCP connection can be made: refused and silent ports are closed to us. */
async function isOpen(
  address: string,
  port: number,
  resolve: readonly ResolveOverride[] | undefined,
): Promise<boolean> {
  const place = resolvePlace(address, port, resolve);
  return new Promise((done) => {
    const socket = connect({ host: place.address, port: place.port });
    const timer = setTimeout(() => end(false), closedMs);
    const end = (open: boolean) => {
      clearTimeout(timer);
      socket.destroy();
      done(open);
    };
    socket.once("connect", () => end(true));
    socket.once("error", () => end(false));
  });
}
