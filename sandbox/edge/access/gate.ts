import type { Exchange, Outcome } from "../exchange";
import { headerText } from "../exchange";
import type { Step } from "../pipeline";
import type { AccessApplication, CorsHeaders, ServiceToken } from "./model";
import { forbiddenPage, page } from "./pages";
import {
  type AccessParts,
  accessPath,
  addressAt,
  cookie,
  country,
  json,
  redirect,
  reply,
  teamHost,
  tokenCookie,
} from "./parts";
import { normalizedPath } from "./path";
import { judge, type PolicyContext, type Visitor } from "./policies";
import { answerIdentity, endSession } from "./session-paths";
import { applicationSession, machineToken } from "./tokens";

/** What only Access may tell an origin. */
const claimHeaders = ["cf-access-jwt-assertion", "cf-access-authenticated-user-email"];

/** Stands in front of every host of a zone: lets a request pass, sends it to the login, or refuses it. */
export function gateStep(parts: AccessParts): Step {
  return (exchange) => {
    for (const name of claimHeaders) exchange.originHeaders.set(name, undefined);
    if (exchange.zone === undefined) return undefined;
    const path = normalizedPath(exchange.path);
    if (path.startsWith(accessPath)) return ownPath(parts, exchange, path.slice(accessPath.length));
    const application = parts.view.application(exchange.host, path);
    if (application === undefined) return undefined;
    if (exchange.method === "OPTIONS" && application.preflightBypass) return undefined;
    return preflight(exchange, application) ?? enter(parts, exchange, application);
  };
}

function enter(parts: AccessParts, exchange: Exchange, application: AccessApplication): Outcome | undefined {
  const presented = credentials(parts, exchange, application);
  // Who shows a token of a machine is treated as one: no login of a person is looked at.
  const known = presented === undefined ? applicationSession(parts, exchange, application) : undefined;
  const visitor: Visitor = {
    address: exchange.clientAddress,
    country,
    token: presented?.token,
    identity: known?.session.identity,
  };
  const verdict = judge(application, visitor, context(parts, exchange));
  if (verdict.kind === "bypass") return undefined;
  if (verdict.kind === "machine") {
    tell(exchange, machineToken(parts, application, verdict.policy, visitor.token));
    return undefined;
  }
  if (presented !== undefined)
    return refuse(exchange, application, presented.token === undefined ? 401 : 403);
  if (verdict.kind === "allow" && known !== undefined) {
    tell(exchange, known.token, known.session.identity.email);
    return undefined;
  }
  if (verdict.kind === "login") return askForLogin(parts, exchange, application);
  if (known !== undefined) return deny(exchange, application);
  return refuse(exchange, application, application.serviceAuth401 ? 401 : 403);
}

/** What policies refer to; an answer says which selectors the sandbox could not evaluate. */
export function context({ view }: AccessParts, { notes }: Pick<Exchange, "notes">): PolicyContext {
  return {
    group: (id) => view.group(id),
    unknown(selector) {
      const note = `access-selector-not-evaluated: ${selector}`;
      if (!notes.includes(note)) notes.push(note);
    },
  };
}

function tell({ originHeaders }: Exchange, token: string, email?: string): void {
  originHeaders.set("cf-access-jwt-assertion", token);
  if (email !== undefined) originHeaders.set("cf-access-authenticated-user-email", email);
  // The origin needs to know who it is, not how to be it.
  originHeaders.set("cf-access-client-secret", undefined);
}

/** OPTIONS without cookies, as browsers ask before a request of another origin. */
function preflight(exchange: Exchange, { cors }: AccessApplication): Outcome | undefined {
  if (exchange.method !== "OPTIONS" || cors === undefined) return undefined;
  const { origin, "access-control-request-method": method } = exchange.headers;
  if (origin === undefined || method === undefined) return undefined;
  return reply(200, "", {
    vary: "Origin, Access-Control-Request-Method, Access-Control-Request-Headers",
    ...corsAnswer(cors, origin, method, headerText(exchange.headers["access-control-request-headers"]) ?? ""),
  });
}

/** The headers that allow a request of another origin; none where it is not allowed. */
function corsAnswer(
  cors: CorsHeaders,
  origin: string,
  method: string,
  headers: string,
): Record<string, string> {
  const originFits = cors.allow_all_origins === true || cors.allowed_origins?.includes(origin) === true;
  const methodFits =
    cors.allow_all_methods === true ||
    cors.allowed_methods?.some((allowed) => allowed.toUpperCase() === method.toUpperCase()) === true;
  const asked = headers.split(",").flatMap((name) => (name.trim() === "" ? [] : [name.trim()]));
  const headersFit =
    cors.allow_all_headers === true ||
    asked.every((name) => cors.allowed_headers?.some((one) => one.toLowerCase() === name.toLowerCase()));
  if (!originFits || !methodFits || !headersFit) return {};
  return {
    "access-control-allow-origin":
      cors.allow_all_origins === true && cors.allow_credentials !== true ? "*" : origin,
    "access-control-allow-methods": method.toUpperCase(),
    ...(asked.length === 0 ? {} : { "access-control-allow-headers": asked.join(", ") }),
    ...(cors.allow_credentials === true ? { "access-control-allow-credentials": "true" } : {}),
    ...(cors.max_age === undefined ? {} : { "access-control-max-age": String(cors.max_age) }),
  };
}

/** The service token that a request shows: undefined where it shows none, without `token` where it is not good. */
function credentials(
  { view }: AccessParts,
  { headers }: Exchange,
  { tokenHeader }: AccessApplication,
): { readonly token?: ServiceToken | undefined } | undefined {
  const [id, secret] = ["cf-access-client-id", "cf-access-client-secret"].map((name) =>
    headerText(headers[name]),
  );
  const single =
    tokenHeader === undefined ? undefined : inOneHeader(headerText(headers[tokenHeader.toLowerCase()]));
  const pair = id !== undefined || secret !== undefined;
  if (!pair && single === undefined) return undefined;
  if (pair && single !== undefined) return {};
  const [clientId, clientSecret] = single ?? [id, secret];
  if (clientId === undefined || clientSecret === undefined) return {};
  return { token: view.serviceToken(clientId, clientSecret) };
}

/** Both parts as JSON in one header; anything else there is none of ours. */
function inOneHeader(
  text: string | undefined,
): readonly [string | undefined, string | undefined] | undefined {
  if (text?.startsWith("{") !== true) return undefined;
  try {
    const parts = JSON.parse(text) as Record<string, unknown>;
    const part = (name: string) => (typeof parts[name] === "string" ? parts[name] : undefined);
    return [part("cf-access-client-id"), part("cf-access-client-secret")];
  } catch {
    return undefined;
  }
}

/** By these a client knows an answer of Access from one of the origin. */
function marks({ host }: Exchange, { aud }: AccessApplication): Record<string, string> {
  return { "cf-access-domain": host, "cf-access-aud": aud, "www-authenticate": "Cloudflare-Access" };
}

function askForLogin(parts: AccessParts, exchange: Exchange, application: AccessApplication): Outcome {
  const { host, path, query, headers, method } = exchange;
  // A preflight has no cookies and follows no redirect; a script's request follows one to where it may not read.
  if (method === "OPTIONS") return refuse(exchange, application, 403);
  if (headerText(headers["x-requested-with"]) === "XMLHttpRequest") return refuse(exchange, application, 401);
  const asked = new URLSearchParams({ kid: application.aud, redirect_url: `${path}${query}` });
  const login = `${accessPath}login/${host}?${asked.toString()}`;
  return redirect(addressAt(exchange, teamHost(parts.view, host), login), marks(exchange, application));
}

function refuse(exchange: Exchange, application: AccessApplication, status: 401 | 403): Outcome {
  const body = `${status === 401 ? "Unauthorized" : "Forbidden"}: Cloudflare Access does not let this request in.\n`;
  return reply(status, body, { "content-type": "text/plain", ...marks(exchange, application) });
}

function deny(exchange: Exchange, application: AccessApplication): Outcome {
  if (application.denyUrl !== undefined) return redirect(application.denyUrl);
  const outcome = forbiddenPage(application.name, "no policy lets you in.", `${accessPath}logout`);
  if (outcome.kind === "reply") Object.assign(outcome.reply.headers, marks(exchange, application));
  return outcome;
}

/** `/cdn-cgi/access/…` at an application's host. */
function ownPath(parts: AccessParts, exchange: Exchange, name: string): Outcome {
  if (name === "authorized") {
    const code = new URLSearchParams(exchange.query).get("code") ?? "";
    const handover = parts.logins.takeOver(code, exchange.host);
    if (handover !== undefined) return redirect(handover.next, { "set-cookie": handover.cookie });
    return page(400, "This login is over", "<p>Go to the address that you wanted and log in again.</p>");
  }
  if (name === "certs") return json(200, parts.key.published());
  if (name === "get-identity") return answerIdentity(parts, exchange);
  if (name === "logout") return endSession(parts, exchange, cookie(tokenCookie, "", { expires: 0 }));
  return page(404, "Not found", "<p>Access has nothing here.</p>");
}
