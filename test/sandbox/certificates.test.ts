import { execFile } from "node:child_process";
import { X509Certificate } from "node:crypto";
import { mkdtemp, readdir, rm, stat, writeFile } from "node:fs/promises";
import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { UserError } from "../../common/user-error";
import { createAuthority } from "../../sandbox/certificates";

const run = promisify(execFile);
let directory: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "certificates-"));
});

afterEach(async () => {
  await rm(directory, { recursive: true, force: true });
});

async function csr(kind: "rsa" | "ecdsa", hostname: string): Promise<{ csrPem: string; keyFile: string }> {
  const keyFile = join(directory, `${kind}.key`);
  const csrFile = join(directory, `${kind}.csr`);
  const key = kind === "rsa" ? ["rsa:2048"] : ["ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"];
  await run("openssl", [
    ...["req", "-new", "-newkey", ...key, "-nodes", "-subj", `/CN=${hostname}`, "-keyout", keyFile],
    ...["-out", csrFile],
  ]);
  const { stdout } = await run("cat", [csrFile]);
  return { csrPem: stdout, keyFile };
}

test("an authority is made once: opened again it is the same one, and its key is for the owner only", async () => {
  const first = await createAuthority(directory, "Test CA");
  const second = await createAuthority(directory, "Another name");
  expect(second.certificatePem).toBe(first.certificatePem);
  expect(new X509Certificate(first.certificatePem).subject).toContain("CN=Test CA");
  expect((await stat(join(directory, "authority.key"))).mode & 0o777).toBe(0o600);
  expect(first.certificatePem).not.toContain("PRIVATE KEY");
});

test("ten that make it at once get one authority and leave no partial file", async () => {
  const all = await Promise.all(Array.from({ length: 10 }, () => createAuthority(directory, "Race")));
  expect(new Set(all.map((authority) => authority.certificatePem)).size).toBe(1);
  expect((await readdir(directory)).sort()).toEqual(["authority.key", "authority.pem"]);
});

test("a damaged file is a clear error that names the file and the way out", async () => {
  await writeFile(join(directory, "authority.key"), "half a k");
  const opened = createAuthority(directory, "Test CA");
  await expect(opened).rejects.toBeInstanceOf(UserError);
  await expect(opened).rejects.toThrow(/damaged or expired: .*authority\.key[^]*next: rm /);
});

test("openssl accepts an issued certificate for its host names and addresses, and for no other", async () => {
  const authority = await createAuthority(directory, "Test CA");
  const { certificatePem, keyPem } = await authority.issue({
    hostnames: ["streampai.localhost", "*.streampai.localhost", "127.0.0.1"],
    days: 30,
  });
  const leaf = join(directory, "leaf.pem");
  await writeFile(leaf, certificatePem);
  const verify = (...more: string[]) =>
    run("openssl", [
      "verify",
      "-x509_strict",
      "-purpose",
      "sslserver",
      "-CAfile",
      authority.certificateFile,
      ...more,
      leaf,
    ]);
  await expect(verify("-verify_hostname", "api.streampai.localhost")).resolves.toBeDefined();
  await expect(verify("-verify_ip", "127.0.0.1")).resolves.toBeDefined();
  await expect(verify("-verify_hostname", "example.com")).rejects.toThrow();

  const parsed = new X509Certificate(certificatePem);
  expect(parsed.publicKey.asymmetricKeyType).toBe("ec");
  const days = (Date.parse(parsed.validTo) - Date.now()) / 86_400_000;
  expect(days).toBeGreaterThan(29.9);
  expect(days).toBeLessThan(30.1);
  expect(keyPem).toContain("BEGIN PRIVATE KEY");
});

test("curl trusts an https server with an issued certificate through the authority's file", async () => {
  const authority = await createAuthority(directory, "Test CA");
  const { certificatePem, keyPem } = await authority.issue({ hostnames: ["api.streampai.localhost"] });
  const server = createServer({ cert: certificatePem, key: keyPem }, (_request, response) =>
    response.end("hello"),
  );
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  try {
    const { port } = server.address() as AddressInfo;
    const url = `https://api.streampai.localhost:${port}/`;
    const { stdout } = await run("curl", ["-sS", "--cacert", authority.certificateFile, url]);
    expect(stdout).toBe("hello");
  } finally {
    server.close();
  }
});

test("the same host names get the same certificate, others another, and an old one is issued anew", async () => {
  const authority = await createAuthority(directory, "Test CA");
  const first = await authority.issue({ hostnames: ["a.example"], days: 9 });
  expect(await authority.issue({ hostnames: ["a.example"], days: 9 })).toBe(first);
  expect((await authority.issue({ hostnames: ["b.example"], days: 9 })).certificatePem).not.toBe(
    first.certificatePem,
  );

  const now = Date.now();
  const clock = jest.spyOn(Date, "now").mockReturnValue(now + 7 * 86_400_000);
  try {
    const later = await authority.issue({ hostnames: ["a.example"], days: 9 });
    expect(later.certificatePem).not.toBe(first.certificatePem);
  } finally {
    clock.mockRestore();
  }
});

test.each(["rsa", "ecdsa"] as const)(
  "an %s request made by openssl is signed for the host names given",
  async (kind) => {
    const authority = await createAuthority(directory, "Origin CA");
    const { csrPem, keyFile } = await csr(kind, "ignored.example");
    const hostnames = ["api.streampai.com", "*.streampai.com"];
    const pem = await authority.signRequest(csrPem, { hostnames, days: 5475 });
    const again = await authority.signRequest(csrPem, { hostnames, days: 7 });
    const parsed = new X509Certificate(pem);
    expect(parsed.subjectAltName).toBe("DNS:api.streampai.com, DNS:*.streampai.com");
    expect(parsed.verify(new X509Certificate(authority.certificatePem).publicKey)).toBe(true);
    expect(Math.round((Date.parse(parsed.validTo) - Date.now()) / 86_400_000)).toBe(5475);
    expect(new X509Certificate(again).serialNumber).not.toBe(parsed.serialNumber);

    const { stdout: keyModulus } = await run("openssl", ["pkey", "-in", keyFile, "-pubout"]);
    expect(parsed.publicKey.export({ type: "spki", format: "pem" })).toBe(keyModulus);
  },
);

test("no certificate outlives its authority", async () => {
  const authority = await createAuthority(directory, "Origin CA");
  const { csrPem } = await csr("ecdsa", "a.example");
  const pem = await authority.signRequest(csrPem, { hostnames: ["a.example"], days: 100_000 });
  expect(new X509Certificate(pem).validTo).toBe(new X509Certificate(authority.certificatePem).validTo);
});

test("a request that is none, or whose signature is wrong, is refused", async () => {
  const authority = await createAuthority(directory, "Origin CA");
  const options = { hostnames: ["a.example"], days: 7 };
  await expect(authority.signRequest("not a request", options)).rejects.toThrow(/cannot be read/);

  const { csrPem } = await csr("ecdsa", "a.example");
  const der = Buffer.from(csrPem.replace(/-----[A-Z ]+-----|\s/g, ""), "base64");
  const at = der.indexOf("a.example");
  der[at] = "b".charCodeAt(0);
  const forged = `-----BEGIN CERTIFICATE REQUEST-----\n${der.toString("base64")}\n-----END CERTIFICATE REQUEST-----\n`;
  await expect(authority.signRequest(forged, options)).rejects.toThrow(/signature .* is wrong/);
  await expect(authority.signRequest(csrPem, { hostnames: [], days: 7 })).rejects.toThrow(
    /at least one host name/,
  );
});
