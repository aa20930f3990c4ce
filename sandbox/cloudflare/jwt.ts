import { createHmac, timingSafeEqual } from "node:crypto";

/** A JSON Web Token signed by HMAC-SHA256. */
export function signJwt(claims: object, key: string): string {
  const head = encode({ alg: "HS256", typ: "JWT" });
  const body = `${head}.${encode(claims)}`;
  return `${body}.${signature(body, key)}`;
}

/** The claims of a token that this key signed; undefined for any other. Expiry is the caller's to check. */
export function readJwt(token: string, key: string): Readonly<Record<string, unknown>> | undefined {
  const [head = "", body = "", given = ""] = token.split(".");
  const wanted = signature(`${head}.${body}`, key);
  if (given.length !== wanted.length || !timingSafeEqual(Buffer.from(given), Buffer.from(wanted)))
    return undefined;
  return JSON.parse(Buffer.from(body, "base64url").toString()) as Record<string, unknown>;
}

function encode(part: object): string {
  return Buffer.from(JSON.stringify(part)).toString("base64url");
}

function signature(text: string, key: string): string {
  return createHmac("sha256", key).update(text).digest("base64url");
}
