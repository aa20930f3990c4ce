import type { Exchange } from "../exchange";
import { headerText } from "../exchange";
import type { Session } from "./logins";
import { userId } from "./logins";
import type { AccessApplication, AccessPolicy, ServiceToken } from "./model";
import { type AccessParts, cookies, country, tokenCookie } from "./parts";
import type { AccessClaims } from "./signing-key";

/** A token that ends at once would send a browser round for ever. */
const shortestMs = 30_000;

/** How long an application's token is good: the policy's own time before the application's. */
function lifetime(application: AccessApplication, policy: AccessPolicy): number {
  return Math.max(policy.sessionMs ?? application.sessionMs, shortestMs);
}

function times(parts: AccessParts, lifetimeMs: number): Pick<AccessClaims, "iat" | "nbf" | "exp"> {
  const now = Math.floor(parts.now() / 1000);
  return { iat: now, nbf: now, exp: now + Math.ceil(lifetimeMs / 1000) };
}

/** A token of an application for somebody who has logged in and may enter. */
export function applicationToken(
  parts: AccessParts,
  application: AccessApplication,
  policy: AccessPolicy,
  session: Session,
): { readonly token: string; readonly expires: number } {
  const { email } = session.identity;
  const span = times(parts, lifetime(application, policy));
  const expires = span.exp * 1000;
  parts.logins.extend(session, expires);
  const token = parts.key.sign({
    aud: [application.aud],
    email,
    ...span,
    iss: issuer(parts),
    type: "app",
    identity_nonce: session.nonce,
    sub: userId(email),
    country,
  });
  return { token, expires };
}

/** What an origin is shown for a machine. */
export function machineToken(
  parts: AccessParts,
  application: AccessApplication,
  policy: AccessPolicy,
  token: ServiceToken | undefined,
): string {
  return parts.key.sign({
    type: "app",
    aud: [application.aud],
    ...times(parts, lifetime(application, policy)),
    iss: issuer(parts),
    common_name: token?.clientId ?? "",
    sub: "",
  });
}

/** The token of a login at the team's domain. */
export function globalToken(parts: AccessParts, { nonce, identity }: Session, lifetimeMs: number): string {
  return parts.key.sign({
    aud: [issuer(parts)],
    email: identity.email,
    ...times(parts, lifetimeMs),
    iss: issuer(parts),
    type: "org",
    identity_nonce: nonce,
    sub: userId(identity.email),
    country,
  });
}

/** Whose token a browser shows at the team's domain. */
export function globalSession(parts: AccessParts, exchange: Exchange): Session | undefined {
  return sessionOf(parts, cookies(exchange, tokenCookie), (claims) => claims.type === "org")?.session;
}

/** Whose token a request shows to an application, and the token. */
export function applicationSession(
  parts: AccessParts,
  exchange: Exchange,
  { aud, revokedAt }: AccessApplication,
): { readonly session: Session; readonly token: string } | undefined {
  const given = headerText(exchange.headers["cf-access-token"]);
  const tokens = [...cookies(exchange, tokenCookie), ...(given === undefined ? [] : [given])];
  return sessionOf(
    parts,
    tokens,
    (claims) =>
      claims.type === "app" &&
      claims.aud.includes(aud) &&
      (revokedAt === undefined || claims.iat * 1000 > revokedAt),
  );
}

/** Whoever a request's tokens belong to, whatever they are for. */
export function anySession(parts: AccessParts, exchange: Exchange): Session | undefined {
  return sessionOf(parts, cookies(exchange, tokenCookie), () => true)?.session;
}

function sessionOf(
  { key, logins, now }: AccessParts,
  tokens: readonly string[],
  accepts: (claims: AccessClaims) => boolean,
): { readonly session: Session; readonly token: string } | undefined {
  for (const token of tokens) {
    const claims = key.read(token, now());
    if (claims === undefined || !accepts(claims)) continue;
    const session = logins.session(claims.identity_nonce);
    if (session !== undefined) return { session, token };
  }
  return undefined;
}

/** The team's domain as tokens name it, wherever it is reached. */
function issuer({ view }: AccessParts): string {
  return `https://${view.teamDomain()}`;
}
