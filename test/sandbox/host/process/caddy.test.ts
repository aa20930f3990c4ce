import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { isNewEnough } from "../../../../sandbox/engine/caddy";
import { outsideContainer } from "../../../../sandbox/host/process/caddy";

test.each([
  ["v2.11.2 h1:abc=", true],
  ["2.12.0", true],
  ["v3.0.1", true],
  ["2.6.2", false],
  ["v2.10.9", false],
  ["(devel)", false],
])("a machine's own Caddy that says %j is taken: %s", (version, taken) => {
  expect(isNewEnough(version)).toBe(taken);
});

test("a user who may not listen below 1024 gets ports that stand for those; folders are those of this machine", () => {
  const folder = mkdtempSync(join(tmpdir(), "gw-caddy-"));
  try {
    const place = {
      address: "127.64.0.9",
      root: join(folder, "root"),
      sockets: join(folder, "run"),
      paths: [["/upstreams", "/home/x/proxy/upstreams"]] as const,
    };
    const image = { names: ["caddy"], kind: "caddy", hash: "" } as const;
    const service = { environment: {} } as Parameters<typeof outsideContainer>[1];
    const { environment, listens, resolverPort } = outsideContainer(image, service, place, false);
    expect(listens).toEqual({ 80: 8080, 443: 8443, 2020: 2020 });
    expect(environment).toMatchObject({
      HTTP_PORT: "8080",
      HTTPS_PORT: "8443",
      GATE_PORT: "2020",
      BIND: "127.64.0.9",
      RESOLVER: `127.64.0.9:${String(resolverPort)}`,
      UPSTREAMS: "/home/x/proxy/upstreams",
      CERTIFICATES: join(folder, "root", "certificates"),
    });
    expect(resolverPort).toBeGreaterThan(1023);
    expect(outsideContainer(image, service, place, true).listens).toEqual({ 80: 80, 443: 443, 2020: 2020 });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
