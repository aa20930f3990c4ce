import { execFileSync } from "node:child_process";
import { X509Certificate } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Bench, collect, startBench } from "./support";

let bench: Bench;
let folder: string;
beforeAll(async () => {
  bench = await startBench();
  folder = mkdtempSync(join(tmpdir(), "groundwork-csr-"));
});
afterAll(async () => {
  await bench.close();
  rmSync(folder, { recursive: true });
});

/** A request made by openssl, as on a host. */
function csr(kind: "rsa:2048" | "ec"): string {
  const key =
    kind === "ec" ? ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"] : ["-newkey", kind];
  const out = join(folder, "request.pem");
  execFileSync(
    "openssl",
    [
      "req",
      "-new",
      "-nodes",
      ...key,
      "-subj",
      "/CN=example.com",
      "-keyout",
      join(folder, "key.pem"),
      "-out",
      out,
    ],
    { stdio: "pipe" },
  );
  return readFileSync(out, "utf8");
}

describe("origin certificates", () => {
  it.each([
    ["origin-ecc", "ec"],
    ["origin-rsa", "rsa:2048"],
  ] as const)(
    "%s are signed by the authority that the edge trusts, for the hosts asked for",
    async (request_type, kind) => {
      const { originCACertificates: certificates } = bench.client;
      const made = await certificates.create({
        csr: csr(kind),
        hostnames: ["*.example.com", "example.com"],
        request_type,
        requested_validity: 90,
      });
      const certificate = new X509Certificate(made.certificate!);
      const authority = new X509Certificate(bench.server.view.originCaCertificate);
      expect(certificate.verify(authority.publicKey)).toBe(true);
      expect(certificate.checkHost("api.example.com")).toBe("*.example.com");
      expect(Date.parse(made.expires_on!)).toBe(Date.parse(certificate.validTo));
      expect(await certificates.get(made.id!)).toEqual(made);
      expect(await collect(certificates.list({ zone_id: bench.zoneId }))).toMatchObject([{ id: made.id }]);
      expect(await certificates.delete(made.id!)).toMatchObject({
        id: made.id,
        revoked_at: expect.any(String) as string,
      });
      expect(await collect(certificates.list({ zone_id: bench.zoneId }))).toEqual([]);
    },
  );

  it("are refused for hosts of others, for what is no request, and for a key of the wrong kind", async () => {
    const { originCACertificates: certificates } = bench.client;
    const good = { csr: csr("ec"), hostnames: ["example.com"], request_type: "origin-ecc" as const };
    await expect(certificates.create({ ...good, hostnames: ["elsewhere.test"] })).rejects.toMatchObject({
      status: 400,
      errors: [{ code: 1010 }],
    });
    await expect(certificates.create({ ...good, csr: "no request" })).rejects.toMatchObject({
      status: 400,
      errors: [{ code: 1013 }],
    });
    await expect(certificates.create({ ...good, request_type: "origin-rsa" })).rejects.toMatchObject({
      status: 400,
      errors: [{ code: 1014 }],
    });
    expect(await collect(certificates.list({ zone_id: bench.zoneId }))).toEqual([]);
  });
});

describe("client certificates for origin pulls", () => {
  it("are taken for the zone and for hosts, and their key never comes back", async () => {
    const args = ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "30", "-subj", "/CN=client"];
    execFileSync(
      "openssl",
      [...args, "-keyout", join(folder, "client.key"), "-out", join(folder, "client.pem")],
      { stdio: "pipe" },
    );
    const pair = {
      certificate: readFileSync(join(folder, "client.pem"), "utf8"),
      private_key: readFileSync(join(folder, "client.key"), "utf8"),
    };
    const zone = { zone_id: bench.zoneId };
    const { zoneCertificates, hostnameCertificates, hostnames, settings } = bench.client.originTLSClientAuth;
    const made = await zoneCertificates.create({ ...zone, ...pair });
    expect(await zoneCertificates.get(made.id!, zone)).toMatchObject({ status: "active" });
    await zoneCertificates.delete(made.id!, zone);
    const own = await hostnameCertificates.create({ ...zone, ...pair });
    await collect(
      hostnames.update({
        ...zone,
        config: [{ hostname: "api.example.com", cert_id: own.id!, enabled: true }],
      }),
    );
    expect(await hostnames.get("api.example.com", zone)).toMatchObject({ cert_id: own.id, enabled: true });
    await expect(hostnameCertificates.delete(own.id!, zone)).rejects.toMatchObject({ status: 400 });
    await collect(
      hostnames.update({
        ...zone,
        config: [{ hostname: "api.example.com", cert_id: own.id!, enabled: null }],
      }),
    );
    await hostnameCertificates.delete(own.id!, zone);
    expect(await settings.update({ ...zone, enabled: true })).toMatchObject({ enabled: true });
    expect(readFileSync(join(bench.folder, "store", "journal"), "utf8")).not.toContain("PRIVATE KEY");
    await expect(zoneCertificates.create({ ...zone, ...pair, private_key: "none" })).rejects.toMatchObject({
      status: 400,
    });
  });
});
