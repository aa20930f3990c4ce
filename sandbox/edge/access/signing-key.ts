import "reflect-metadata"; // @peculiar/x509 needs it loaded first
import { X509CertificateGenerator } from "@peculiar/x509";
import {
  createHash,
  createPrivateKey,
  createPublicKey,
  type KeyObject,
  sign,
  verify,
  webcrypto,
} from "node:crypto";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { keptJson, writeKept } from "../../kept-files";

/** Claims of a token of Access; the times are seconds since 1970. */
export interface AccessClaims {
  /** `app`: for one application. `org`: the login at the team's domain. */
  readonly type: "app" | "org";
  readonly aud: readonly string[];
  readonly iss: string;
  readonly sub: string;
  readonly iat: number;
  readonly nbf: number;
  readonly exp: number;
  readonly email?: string;
  /** Of a service token: its client id. */
  readonly common_name?: string;
  readonly identity_nonce?: string;
  readonly country?: string;
}

const days = 20 * 365;
const rsa = { name: "RSASSA-PKCS1-v1_5", hash: "SHA-256" } as const;

/** The key pair that tokens of Access are signed with, kept in a folder; its public half is published at the team's domain. */
export class SigningKey {
  readonly kid: string;
  private readonly publicKey: KeyObject;

  private constructor(
    private readonly privateKey: KeyObject,
    private readonly certificate: string,
  ) {
    this.publicKey = createPublicKey(privateKey);
    this.kid = createHash("sha256")
      .update(this.publicKey.export({ type: "spki", format: "der" }))
      .digest("hex");
  }

  /** The key of a folder; made there if there is none. @throws UserError where its file is damaged */
  static async open(directory: string): Promise<SigningKey> {
    await mkdir(directory, { recursive: true, mode: 0o700 });
    const file = join(directory, "signing-key.json");
    let kept = await keptJson<{ key: string; certificate: string } | undefined>(file, undefined);
    if (kept === undefined) {
      kept = await makeKey();
      await writeKept(file, JSON.stringify(kept));
    }
    return new SigningKey(createPrivateKey(kept.key), kept.certificate);
  }

  /** A JSON Web Token, RS256. */
  sign(claims: AccessClaims): string {
    const text = `${encode({ alg: "RS256", kid: this.kid, typ: "JWT" })}.${encode(claims)}`;
    return `${text}.${sign("RSA-SHA256", Buffer.from(text), this.privateKey).toString("base64url")}`;
  }

  /** The claims of a token that this key signed and that is good at a moment; undefined for any other. */
  read(token: string, now: number): AccessClaims | undefined {
    const [head = "", body = "", signature = "", ...more] = token.split(".");
    if (more.length > 0) return undefined;
    const text = Buffer.from(`${head}.${body}`);
    if (!verify("RSA-SHA256", text, this.publicKey, Buffer.from(signature, "base64url"))) return undefined;
    const { alg } = decode<{ alg?: unknown }>(head) ?? {};
    const claims = decode<AccessClaims>(body);
    if (alg !== "RS256" || claims === undefined) return undefined;
    return claims.nbf * 1000 <= now && now < claims.exp * 1000 ? claims : undefined;
  }

  /** What `/cdn-cgi/access/certs` answers. */
  published(): object {
    const jwk = this.publicKey.export({ format: "jwk" });
    const certificate = { kid: this.kid, cert: this.certificate };
    return {
      keys: [{ kid: this.kid, kty: jwk.kty, alg: "RS256", use: "sig", e: jwk.e, n: jwk.n }],
      public_cert: certificate,
      public_certs: [certificate],
    };
  }
}

async function makeKey(): Promise<{ key: string; certificate: string }> {
  const algorithm = { ...rsa, modulusLength: 2048, publicExponent: new Uint8Array([1, 0, 1]) };
  const keys = await webcrypto.subtle.generateKey(algorithm, true, ["sign", "verify"]);
  const certificate = await X509CertificateGenerator.createSelfSigned(
    {
      name: "CN=cloudflareaccess.com",
      notAfter: new Date(Date.now() + days * 86_400_000),
      signingAlgorithm: rsa,
      keys,
    },
    webcrypto,
  );
  const der = Buffer.from(await webcrypto.subtle.exportKey("pkcs8", keys.privateKey));
  const key = createPrivateKey({ key: der, format: "der", type: "pkcs8" });
  return {
    key: key.export({ type: "pkcs8", format: "pem" }).toString(),
    certificate: certificate.toString("pem"),
  };
}

function encode(part: object): string {
  return Buffer.from(JSON.stringify(part)).toString("base64url");
}

function decode<T>(part: string): T | undefined {
  try {
    return JSON.parse(Buffer.from(part, "base64url").toString()) as T;
  } catch {
    return undefined;
  }
}
