import "reflect-metadata"; // @peculiar/x509 needs it loaded first
import {
  AuthorityKeyIdentifierExtension,
  BasicConstraintsExtension,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  KeyUsageFlags,
  KeyUsagesExtension,
  PemConverter,
  Pkcs10CertificateRequest,
  SubjectAlternativeNameExtension,
  SubjectKeyIdentifierExtension,
  X509Certificate,
  X509CertificateGenerator,
} from "@peculiar/x509";
import type { PublicKey } from "@peculiar/x509";
import { createPrivateKey, randomBytes, webcrypto, X509Certificate as NodeCertificate } from "node:crypto";
import { chmod, link, mkdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { isIP } from "node:net";
import { join } from "node:path";
import { UserError } from "../common/user-error";

/** A key and the certificate for it, both PEM. */
export interface IssuedCertificate {
  readonly certificatePem: string;
  readonly keyPem: string;
}

/** What a certificate is made for. */
export interface CertificateRequest {
  /** Host names (wildcards allowed) and IP addresses, at least one. The first one is the common name. */
  readonly hostnames: readonly string[];
  /**
   * Validity in days.
   * @default 90 for `issue`
   */
  readonly days?: number;
}

/** A certificate authority that is kept in a folder. */
export interface Authority {
  /** The authority's own certificate: what a client must trust. */
  readonly certificatePem: string;
  /** The file of that certificate, for `curl --cacert` and `NODE_EXTRA_CA_CERTS`. */
  readonly certificateFile: string;
  /** Its key, then the certificate: mode 0600. */
  readonly keyFile: string;
  /**
   * A new ECDSA P-256 key with its certificate. The same host names get the same answer again until a third of
   * the validity is left.
   */
  issue(request: CertificateRequest): Promise<IssuedCertificate>;
  /**
   * Signs somebody else's key: the host names are those given here, not those in the request.
   *
   * @param csrPem certificate signing request, PEM, RSA or ECDSA
   * @returns the certificate, PEM
   * @throws UserError where the request cannot be read or its signature is wrong
   */
  signRequest(csrPem: string, request: Required<CertificateRequest>): Promise<string>;
}

const day = 24 * 60 * 60 * 1000;
const authorityDays = 20 * 365;
/** Certificates start a little in the past: clocks of clients differ. */
const backdate = 60 * 60 * 1000;
const curve = { name: "ECDSA", namedCurve: "P-256" } as const;
const signing = { name: "ECDSA", hash: "SHA-256" } as const;
const crypto = webcrypto;

interface AuthorityKeys {
  readonly certificate: X509Certificate;
  readonly privateKey: webcrypto.CryptoKey;
}

/**
 * Opens the certificate authority of a folder, or makes it there: `authority.pem` (the certificate) and
 * `authority.key` (key and certificate, mode 0600). Several processes may do so at once: the first one wins.
 *
 * @param commonName subject of the authority, used only when it is made
 * @example
 * const authority = await createAuthority("/tmp/ca", "Groundwork sandbox");
 * const { certificatePem, keyPem } = await authority.issue({ hostnames: ["api.streampai.localhost"] });
 */
export async function createAuthority(directory: string, commonName: string): Promise<Authority> {
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const keyFile = join(directory, "authority.key");
  const certificateFile = join(directory, "authority.pem");

  const stored = (await readIfThere(keyFile)) ?? (await storeOnce(keyFile, await makeAuthority(commonName)));
  const keys = await parseAuthority(stored, keyFile);
  await chmod(keyFile, 0o600);

  const certificatePem = withNewline(keys.certificate.toString("pem"));
  if ((await readIfThere(certificateFile)) !== certificatePem) {
    const partial = `${certificateFile}.${process.pid}.${randomBytes(4).toString("hex")}`;
    await writeFile(partial, certificatePem);
    await rename(partial, certificateFile);
  }
  return new KeptAuthority(keys, certificatePem, certificateFile, keyFile);
}

class KeptAuthority implements Authority {
  private readonly issued = new Map<string, { until: number; value: Promise<IssuedCertificate> }>();

  constructor(
    private readonly keys: AuthorityKeys,
    readonly certificatePem: string,
    readonly certificateFile: string,
    readonly keyFile: string,
  ) {}

  issue({ hostnames, days = 90 }: CertificateRequest): Promise<IssuedCertificate> {
    const key = `${days} ${hostnames.join(" ")}`;
    const known = this.issued.get(key);
    if (known !== undefined && known.until > Date.now()) return known.value;
    const value = this.issueNew(hostnames, days);
    this.issued.set(key, { until: Date.now() + (days * day * 2) / 3, value });
    value.catch(() => this.issued.delete(key));
    return value;
  }

  async signRequest(csrPem: string, { hostnames, days }: Required<CertificateRequest>): Promise<string> {
    const request = await readRequest(csrPem);
    return this.sign(request.publicKey, hostnames, days);
  }

  private async issueNew(hostnames: readonly string[], days: number): Promise<IssuedCertificate> {
    const pair = await newKeyPair();
    const certificatePem = await this.sign(pair.publicKey, hostnames, days);
    return { certificatePem, keyPem: await exportKey(pair.privateKey) };
  }

  private async sign(
    publicKey: PublicKey | webcrypto.CryptoKey,
    hostnames: readonly string[],
    days: number,
  ): Promise<string> {
    const [first] = hostnames;
    if (first === undefined) throw new UserError({ what: "a certificate needs at least one host name" });
    const now = Date.now();
    const certificate = await X509CertificateGenerator.create(
      {
        serialNumber: newSerial(),
        // 64 characters are the limit of a common name; clients read the alternative names.
        subject: [{ CN: [first.length <= 64 ? first : "groundwork"] }],
        issuer: this.keys.certificate.subjectName,
        notBefore: new Date(Math.max(now - backdate, this.keys.certificate.notBefore.getTime())),
        notAfter: new Date(Math.min(now + days * day, this.keys.certificate.notAfter.getTime())),
        signingAlgorithm: signing,
        publicKey,
        signingKey: this.keys.privateKey,
        extensions: [
          new BasicConstraintsExtension(false, undefined, true),
          new KeyUsagesExtension(KeyUsageFlags.digitalSignature | KeyUsageFlags.keyEncipherment, true),
          new ExtendedKeyUsageExtension([ExtendedKeyUsage.serverAuth, ExtendedKeyUsage.clientAuth]),
          new SubjectAlternativeNameExtension(
            hostnames.map((name) => ({
              type: isIP(name) === 0 ? ("dns" as const) : ("ip" as const),
              value: name,
            })),
          ),
          await SubjectKeyIdentifierExtension.create(publicKey, false, crypto),
          await AuthorityKeyIdentifierExtension.create(this.keys.certificate.publicKey, false, crypto),
        ],
      },
      crypto,
    );
    return withNewline(certificate.toString("pem"));
  }
}

async function readRequest(csrPem: string): Promise<Pkcs10CertificateRequest> {
  let request: Pkcs10CertificateRequest;
  let genuine: boolean;
  try {
    request = new Pkcs10CertificateRequest(csrPem);
    genuine = await request.verify(crypto);
  } catch (cause) {
    throw new UserError({
      what: "the certificate signing request cannot be read",
      allowed: "PEM of a PKCS #10 request with an RSA or ECDSA key",
      cause,
    });
  }
  if (!genuine) throw new UserError({ what: "the signature of the certificate signing request is wrong" });
  return request;
}

/** Key and certificate in one text, so that both appear in one step. */
async function makeAuthority(commonName: string): Promise<string> {
  const keys = await newKeyPair();
  const now = Date.now();
  const certificate = await X509CertificateGenerator.createSelfSigned(
    {
      serialNumber: newSerial(),
      name: [{ CN: [commonName] }, { O: ["Groundwork sandbox, this machine only"] }],
      notBefore: new Date(now - backdate),
      notAfter: new Date(now + authorityDays * day),
      signingAlgorithm: signing,
      keys,
      extensions: [
        new BasicConstraintsExtension(true, 0, true),
        new KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign, true),
        await SubjectKeyIdentifierExtension.create(keys.publicKey, false, crypto),
      ],
    },
    crypto,
  );
  return (await exportKey(keys.privateKey)) + withNewline(certificate.toString("pem"));
}

async function parseAuthority(text: string, file: string): Promise<AuthorityKeys> {
  try {
    const der = createPrivateKey(text).export({ type: "pkcs8", format: "der" });
    const certificate = new X509Certificate(new NodeCertificate(text).raw);
    if (certificate.notAfter.getTime() < Date.now()) throw new Error("expired");
    const privateKey = await crypto.subtle.importKey("pkcs8", new Uint8Array(der), curve, false, ["sign"]);
    return { certificate, privateKey };
  } catch (cause) {
    throw new UserError({
      what: "the certificate authority's file is damaged or expired",
      value: file,
      next: `rm ${file}, then start again: a new authority is made, and must be trusted anew`,
      cause,
    });
  }
}

/** Writes a file only if nobody has: `link` never overwrites, and a reader never sees half of it. */
async function storeOnce(file: string, text: string): Promise<string> {
  const partial = `${file}.${process.pid}.${randomBytes(4).toString("hex")}`;
  await writeFile(partial, text, { mode: 0o600 });
  try {
    await link(partial, file);
    return text;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
    return await readFile(file, "utf8");
  } finally {
    await rm(partial, { force: true });
  }
}

async function readIfThere(file: string): Promise<string | undefined> {
  try {
    return await readFile(file, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}

function newKeyPair(): Promise<webcrypto.CryptoKeyPair> {
  return crypto.subtle.generateKey(curve, true, ["sign", "verify"]);
}

async function exportKey(key: webcrypto.CryptoKey): Promise<string> {
  const der = await crypto.subtle.exportKey("pkcs8", key);
  return withNewline(PemConverter.encode(der, PemConverter.PrivateKeyTag));
}

/** 127 random bits, positive and without a leading zero octet: unique without a counter to keep. */
function newSerial(): string {
  const bytes = randomBytes(16);
  bytes[0] = ((bytes[0] ?? 0) & 0x7f) | 0x40;
  return bytes.toString("hex");
}

function withNewline(text: string): string {
  return text.endsWith("\n") ? text : `${text}\n`;
}
