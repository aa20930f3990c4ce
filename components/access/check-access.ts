import type { IncomingHttpHeaders } from "node:http";
import { Agent, request } from "node:https";
import { createSecureContext } from "node:tls";
import { resolvePlace, type ResolveOverride } from "../../remote/access";
import type { AccessCheckInput } from "./check-input";
import { accessQuestions, type Question } from "./questions";

/** For one answer. The first attempt at each question has all of it, however little time is left. */
const attemptMs = 15_000;
/** Requests at a time. */
const atOnce = 8;
/** Of a body so much is read: Access's own pages are short. */
const bodyLimit = 64 * 1024;

export interface AccessAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

export interface AccessCheckResult {
  /** Questions whose answer was as wanted. */
  readonly closed: number;
  readonly open: number;
  /** What is not as it must be, one line each; without secrets. Empty: all is well. */
  readonly problems: readonly string[];
}

/**
 * Walks every protected and every public path from outside, without a login and with a service token. What is not as it
 * must be is asked again until the time is over.
 *
 * @param options.authorities PEM of the certificate authorities to trust. @default everybody's
 * @example
 * const { problems } = await checkAccess({ hostnames: ["stg.example.com"], publicPaths: ["stg.example.com/health"] });
 */
export async function checkAccess(
  input: AccessCheckInput,
  { authorities }: { readonly authorities?: string | undefined } = {},
): Promise<AccessCheckResult> {
  // One for all: reading every authority's certificate anew for each request would take longer than the answers.
  const secureContext = authorities === undefined ? undefined : createSecureContext({ ca: authorities });
  const agent = new Agent({ keepAlive: true, maxSockets: atOnce, ...(secureContext && { secureContext }) });
  const deadline = Date.now() + (input.timeoutSeconds ?? 30) * 1_000;
  const questions = accessQuestions(input);
  const problems: (string | undefined)[] = [];
  let next = 0;
  const work = async (): Promise<void> => {
    for (let index = next++; index < questions.length; index = next++) {
      problems[index] = await untilTrue(questions[index]!, { resolve: input.resolve, agent, deadline });
    }
  };
  await Promise.all(Array.from({ length: Math.min(atOnce, questions.length) }, work));
  agent.destroy();
  const right = questions.filter((_question, index) => problems[index] === undefined);
  return {
    closed: right.filter(({ wanted }) => wanted === "closed").length,
    open: right.filter(({ wanted }) => wanted === "open").length,
    problems: problems.filter((problem) => problem !== undefined),
  };
}

async function untilTrue(
  question: Question,
  { deadline, ...place }: AskOptions & { readonly deadline: number },
): Promise<string | undefined> {
  const { method, host, path, as } = question;
  let left = attemptMs;
  for (let wait = 250; ; wait = Math.min(wait * 2, 4_000)) {
    let wrong: string | undefined;
    try {
      wrong = whatIsWrong(question, await ask(question, place, left));
      if (wrong === undefined) return undefined;
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException;
      wrong = `does not answer: ${code === undefined ? message : `${message} (${code})`}`;
    }
    if (Date.now() + wait >= deadline) {
      return `${method === "GET" ? "" : `${method} `}https://${host}${path} ${as} ${wrong}`;
    }
    await new Promise((again) => setTimeout(again, wait));
    left = Math.max(1_000, Math.min(attemptMs, deadline - Date.now()));
  }
}

/** Why an answer is not as wanted; undefined where it is. */
export function whatIsWrong(
  { wanted, page }: Pick<Question, "wanted" | "page">,
  answer: AccessAnswer,
): string | undefined {
  const own = isOfAccess(answer);
  if (wanted === "closed") {
    return own === undefined
      ? `is open: it answers ${answer.status}, and Access asked for nothing`
      : undefined;
  }
  if (own !== undefined) return `is closed: Access ${own}`;
  if (page === undefined) return undefined;
  const { "access-control-allow-origin": origin, "access-control-allow-credentials": credentials } =
    answer.headers;
  if (origin !== `https://${page}`) {
    return `may not be read: access-control-allow-origin is ${origin ?? "not there"}, not https://${page}`;
  }
  if (credentials !== "true") {
    return `may not be read with cookies: access-control-allow-credentials is ${credentials ?? "not there"}, not true`;
  }
  return undefined;
}

/** What Access did where the answer is its own; undefined where it comes from what is behind it. */
export function isOfAccess({ status, headers, body }: AccessAnswer): string | undefined {
  const login = /^https:\/\/[a-z0-9-]+\.cloudflareaccess\.(com|localhost)(:\d+)?\/cdn-cgi\/access\/login/;
  if (status === 302 && login.test(headers.location ?? "")) return "asks for a login";
  if (status !== 401 && status !== 403) return undefined;
  const marked =
    headers["cf-access-aud"] !== undefined ||
    headers["cf-access-domain"] !== undefined ||
    /cloudflare-access/i.test(headers["www-authenticate"] ?? "") ||
    body.includes("Cloudflare Access");
  return marked ? `refuses with ${status}` : undefined;
}

interface AskOptions {
  readonly resolve: readonly ResolveOverride[] | undefined;
  readonly agent: Agent;
}

function ask(
  { method, host, path, headers }: Question,
  { resolve, agent }: AskOptions,
  timeoutMs: number,
): Promise<AccessAnswer> {
  const place = resolvePlace(host, 443, resolve);
  return new Promise((done, reject) => {
    const asked = request(
      {
        host: place.address,
        port: place.port,
        servername: host,
        method,
        path,
        headers: { ...headers, host, accept: "*/*", "user-agent": "groundwork-check-access" },
        agent,
      },
      (answer) => {
        let body = "";
        answer.setEncoding("utf8").on("data", (text: string) => {
          if (body.length < bodyLimit) body += text;
        });
        answer.on("error", reject);
        answer.on("end", () => done({ status: answer.statusCode ?? 0, headers: answer.headers, body }));
      },
    );
    const timer = setTimeout(() => asked.destroy(new Error(`no answer within ${timeoutMs} ms`)), timeoutMs);
    asked.on("error", reject);
    asked.on("close", () => clearTimeout(timer));
    asked.end();
  });
}
