import type { HeadersByHost } from "../../components/shared/access-headers";
import { probeOf } from "../../platform/probe";
import { type ComposeOriginSettings, validateStackFile } from "../../platform/settings";

/** The probe of origin `api` of a stack whose origin has these further lines. */
function probe(
  lines: string,
  services = "{ api: { port: 4000, healthPath: /api/health, strategy: start-first } }",
  headers?: HeadersByHost,
) {
  const text = `config:
  groundwork:domain: example.com
  groundwork:cloudflare: { accountId: "000000000000000000000000000000a1", zoneId: "000000000000000000000000000000b1" }
  groundwork:hosts:
    one: { address: 203.0.113.10, user: deploy, hostKey: ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA }
  groundwork:resolve: ["api.example.com:443:127.0.0.1:8443"]
  groundwork:origins:
    api:
      kind: compose
      host: one
      hostnames: [api.example.com, www.example.com]
      project: sample
      composeFile: compose.yaml
      services: ${services}
${lines}
`;
  const result = validateStackFile(
    { file: "Pulumi.prod.yaml", text, stack: "prod" },
    { secrets: "optional" },
  );
  if ("issues" in result) throw new Error(JSON.stringify(result.issues, undefined, 2));
  return probeOf(result.settings, result.settings.origins["api"] as ComposeOriginSettings, headers);
}

test("asks the health path of the service that is replaced beside its predecessor, where the name really is", () => {
  expect(probe("      originCertificate: {}\n      proxy: {}")).toMatchObject({
    url: "https://api.example.com/api/health",
    resolve: [{ host: "api.example.com", port: 443, toAddress: "127.0.0.1", toPort: 8443 }],
  });
});

test("asks with the headers of the host name, where Access is in front of it", () => {
  const headers = { "CF-Access-Client-Id": "id.access", "CF-Access-Client-Secret": "of tests" };
  const asked = (host: string) =>
    probe("      originCertificate: {}\n      proxy: {}", undefined, { [host]: headers });
  expect(asked("api.example.com")).toMatchObject({ headers });
  expect(asked("www.example.com")?.headers).toBeUndefined();
});

test("asks what is written", () => {
  const written = "{ path: /live, websocketPath: /socket, intervalMilliseconds: 50, abortAfterFailures: 0 }";
  expect(probe(`      originCertificate: {}\n      proxy: {}\n      probe: ${written}`)).toMatchObject({
    url: "https://api.example.com/live",
    websocket: "/socket",
    intervalMs: 50,
    abortAfter: 0,
  });
});

test("of several services the one whose route answers its health path", () => {
  const two =
    "{ api: { port: 4000, healthPath: /health, strategy: start-first }, web: { port: 3000, healthPath: /up, strategy: start-first } }";
  const routes = '{ "/api/*": api, "/*": web }';
  expect(probe(`      originCertificate: {}\n      proxy: { routes: ${routes} }`, two)).toMatchObject({
    url: "https://api.example.com/up",
  });
});

test("asks plainly, at the proxy's own port, where the host stands open without a certificate", () => {
  const lines = "      proxied: false\n      proxy: { tls: none, httpPort: 8080 }";
  expect(probe(lines)).toMatchObject({ url: "http://api.example.com:8080/api/health" });
});

test("asks nothing where nothing is replaced beside its predecessor, or where it is told not to", () => {
  expect(probe("", "{ api: { port: 4000, healthPath: /api/health } }")).toBeUndefined();
  expect(probe("      originCertificate: {}\n      proxy: {}\n      probe: false")).toBeUndefined();
});
