import { timingSafeEqual } from "node:crypto";
import { isIP, BlockList } from "node:net";
import { refuse } from "./envelope";
import { sha256 } from "./ids";
import type { ApiTokenRow } from "./model";
import { allows, type Target } from "./permissions";
import type { Store } from "./store";

/** Who asks. `token` is undefined for the sandbox's own token, which may do everything. */
export interface Identity {
  readonly token?: ApiTokenRow;
  may(groups: readonly string[], target: Target): boolean;
}

export interface Credentials {
  readonly authorization: string | undefined;
  readonly address: string;
  /** The path below /client/v4: it decides how a refusal is worded. */
  readonly path: string;
}

export type TokenStatus = "active" | "disabled" | "expired";

/** What a token is worth at a moment. */
export function tokenStatus(token: ApiTokenRow, now: Date): TokenStatus {
  if (token.expiresOn !== undefined && Date.parse(token.expiresOn) <= now.getTime()) return "expired";
  return token.status;
}

/**
 * @throws ApiError 9106 without a header, 6003 for a malformed one, 1000 / 9109 / 10000 for a token that is not valid.
 */
export function authenticate(
  { authorization, address, path }: Credentials,
  bootstrapHash: string,
  store: Store,
  now: Date,
): Identity {
  if (authorization === undefined) {
    throw refuse(400, 9106, "Missing X-Auth-Key, X-Auth-Email or Authorization headers");
  }
  const value = /^Bearer ([0-9A-Za-z\-_]{8,200})$/.exec(authorization)?.[1];
  if (value === undefined) {
    throw refuse(400, 6003, "Invalid request headers", [
      { code: 6111, message: "Invalid format for Authorization header" },
    ]);
  }
  const hash = sha256(value);
  if (sameHash(hash, bootstrapHash)) return { may: () => true };
  const token = store.find("tokens", (row) => sameHash(row.valueHash, hash));
  const verifying = path.endsWith("/tokens/verify");
  if (token === undefined) throw invalid(path);
  if (!verifying && tokenStatus(token, now) !== "active") throw invalid(path);
  if (token.notBefore !== undefined && Date.parse(token.notBefore) > now.getTime()) throw invalid(path);
  if (!addressAllowed(token, address)) {
    throw refuse(403, 9109, `Cannot use the access token from location: ${address}`);
  }
  return { token, may: (groups, target) => allows(token, groups, target) };
}

function sameHash(left: string, right: string): boolean {
  return left.length === right.length && timingSafeEqual(Buffer.from(left), Buffer.from(right));
}

function invalid(path: string): Error {
  if (path.endsWith("/tokens/verify")) return refuse(401, 1000, "Invalid API Token");
  if (path.startsWith("/accounts/")) return refuse(401, 10000, "Authentication error");
  return refuse(403, 9109, "Invalid access token");
}

/** Whether a token may be used from an address. */
export function addressAllowed(token: ApiTokenRow, address: string): boolean {
  const condition = token.condition?.["request_ip"] ?? token.condition?.["request.ip"];
  if (typeof condition !== "object" || condition === null) return true;
  const { in: inside, not_in: outside } = condition as { in?: readonly string[]; not_in?: readonly string[] };
  if (outside !== undefined && inRanges(address, outside)) return false;
  return inside === undefined || inside.length === 0 || inRanges(address, inside);
}

/** Whether an address lies in one of the CIDR ranges; what is no range contains nothing. */
export function inRanges(address: string, ranges: readonly string[]): boolean {
  const list = new BlockList();
  for (const range of ranges) {
    const [network = "", bits] = range.split("/");
    const family = isIP(network);
    if (family === 0) continue;
    list.addSubnet(network, Number(bits ?? (family === 4 ? 32 : 128)), family === 4 ? "ipv4" : "ipv6");
  }
  const family = isIP(address);
  return family !== 0 && list.check(address, family === 4 ? "ipv4" : "ipv6");
}
