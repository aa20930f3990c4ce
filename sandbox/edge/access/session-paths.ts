import type { Exchange, Outcome } from "../exchange";
import { userId } from "./logins";
import { page } from "./pages";
import { type AccessParts, country, json } from "./parts";
import { anySession } from "./tokens";

/** `/cdn-cgi/access/get-identity`: who the request's token belongs to. */
export function answerIdentity(parts: AccessParts, exchange: Exchange): Outcome {
  const session = anySession(parts, exchange);
  if (session === undefined) return json(401, { err: "no login", success: false });
  const { identity, address, startedAt } = session;
  return json(200, {
    email: identity.email,
    idp: identity.idp,
    geo: { country },
    groups: identity.organizations,
    user_uuid: userId(identity.email),
    account_id: parts.view.accountId,
    iat: Math.floor(startedAt / 1000),
    ip: address,
    auth_status: "NONE",
    common_name: "",
    service_token_id: "",
    service_token_status: false,
    is_warp: false,
    is_gateway: false,
    version: 2,
  });
}

/** `/cdn-cgi/access/logout`: every token of this person is void from now on. */
export function endSession(parts: AccessParts, exchange: Exchange, taken: string): Outcome {
  const session = anySession(parts, exchange);
  if (session !== undefined) parts.logins.end(session);
  const outcome = page(200, "You are logged out", "<p>Of every application of this team.</p>");
  if (outcome.kind === "reply") outcome.reply.headers["set-cookie"] = taken;
  return outcome;
}
