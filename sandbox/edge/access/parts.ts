import { randomBytes } from "node:crypto";
import type { Log } from "../../../common/log";
import type { Exchange, Outcome, Reply } from "../exchange";
import { headerText, portOf } from "../exchange";
import type { Logins } from "./logins";
import type { AccessView } from "./model";
import type { SigningKey } from "./signing-key";

/** What the steps of Access share. */
export interface AccessParts {
  readonly view: AccessView;
  readonly key: SigningKey;
  readonly logins: Logins;
  /** Says where PINs can be read, for the login page. */
  readonly pinHint: string;
  readonly log: Log;
  /** Milliseconds since 1970. */
  readonly now: () => number;
}

/** Everything that Access answers itself lies below it, at the team's domain and at each application's host. */
export const accessPath = "/cdn-cgi/access/";

/** The cookie that tokens are in, at the team's domain and at applications' hosts alike. */
export const tokenCookie = "CF_Authorization";

/** Ties a login to the browser that began it. */
export const sessionCookie = "CF_Session";

/** In the sandbox the country of everybody is unknown. */
export const country = "XX";

/**
 * The host of the team's domain for a visitor of a host. Names under `.localhost` need no entry in any resolver, so for
 * them the team has one there, too.
 */
export function teamHost(view: AccessView, host: string): string {
  const team = view.teamDomain();
  return host.endsWith(".localhost") ? team.replace(/\.com$/, ".localhost") : team;
}

export function isTeamHost(view: AccessView, host: string): boolean {
  return host === view.teamDomain() || host === teamHost(view, ".localhost");
}

/** An address at a host as this visitor reaches it: with a port where they use one. */
export function addressAt(
  exchange: Pick<Exchange, "authority" | "ports">,
  host: string,
  rest: string,
): string {
  const port = portOf(exchange.authority) === undefined ? "" : `:${exchange.ports.https}`;
  return `https://${host}${port}${rest}`;
}

/** Every value of a cookie: a browser sends those of several paths under one name. */
export function cookies({ headers }: Pick<Exchange, "headers">, name: string): string[] {
  return (headerText(headers.cookie) ?? "").split(";").flatMap((pair) => {
    const cut = pair.indexOf("=");
    return cut !== -1 && pair.slice(0, cut).trim() === name ? [pair.slice(cut + 1).trim()] : [];
  });
}

export interface CookieOptions {
  /** Milliseconds since 1970; in the past it takes the cookie away. @default until the browser ends */
  readonly expires?: number;
  readonly httpOnly?: boolean;
  readonly sameSite?: string;
  readonly path?: string;
}

export function cookie(
  name: string,
  value: string,
  { expires, httpOnly = true, sameSite = "None", path = "/" }: CookieOptions = {},
): string {
  const attributes = [
    `Path=${path}`,
    ...(expires === undefined ? [] : [`Expires=${new Date(expires).toUTCString()}`]),
    "Secure",
    ...(httpOnly ? ["HttpOnly"] : []),
    `SameSite=${sameSite}`,
  ];
  return [`${name}=${value}`, ...attributes].join("; ");
}

export function redirect(location: string, headers: Reply["headers"] = {}): Outcome {
  return reply(302, "", { location, ...headers });
}

export function json(status: number, body: object, headers: Reply["headers"] = {}): Outcome {
  return reply(status, JSON.stringify(body), { "content-type": "application/json", ...headers });
}

export function reply(status: number, body: string, headers: Reply["headers"] = {}): Outcome {
  return {
    kind: "reply",
    reply: {
      status,
      headers: {
        "cache-control": "private, max-age=0, no-store, no-cache, must-revalidate",
        "referrer-policy": "no-referrer",
        "content-length": Buffer.byteLength(body),
        ...headers,
      },
      body,
    },
  };
}

export function randomName(): string {
  return randomBytes(24).toString("base64url");
}
