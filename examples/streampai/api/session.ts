import { createHmac, randomBytes, timingSafeEqual } from "node:crypto";

export const sessionCookie = "streampai_session";
const thirtyDays = 30 * 24 * 3600;

/** Anonymous sessions: a random id and its signature in a cookie that root and api hosts share. */
export class Sessions {
  constructor(
    private readonly secretKeyBase: string,
    private readonly cookieDomain: string | undefined,
  ) {}

  /** The session id of a `Cookie` header; undefined when there is none or its signature is wrong. */
  read(cookieHeader: string | undefined): string | undefined {
    for (const part of (cookieHeader ?? "").split(";")) {
      const [name, value] = part.trim().split("=", 2);
      if (name !== sessionCookie || value === undefined) continue;
      const [id, signature] = value.split(".", 2);
      if (id !== undefined && signature !== undefined && this.matches(id, signature)) return id;
    }
    return undefined;
  }

  /** A new session and the `Set-Cookie` value that carries it. */
  create(): { id: string; setCookie: string } {
    const id = randomBytes(18).toString("base64url");
    const domain = this.cookieDomain === undefined ? "" : ` Domain=${this.cookieDomain};`;
    return {
      id,
      setCookie: `${sessionCookie}=${id}.${this.sign(id)};${domain} Path=/; Max-Age=${thirtyDays}; HttpOnly; Secure; SameSite=None`,
    };
  }

  /** A name for the session that others may see: it does not give the cookie away. */
  publicId(id: string): string {
    return createHmac("sha256", this.secretKeyBase).update(`public:${id}`).digest("base64url").slice(0, 12);
  }

  private sign(id: string): string {
    return createHmac("sha256", this.secretKeyBase).update(`session:${id}`).digest("base64url");
  }

  private matches(id: string, signature: string): boolean {
    const expected = Buffer.from(this.sign(id));
    const given = Buffer.from(signature);
    return expected.length === given.length && timingSafeEqual(expected, given);
  }
}
