import { fitCaddyConfig } from "../../../../sandbox/host/images/caddy-config";

const network = { address: "127.0.4.9", resolver: "127.0.4.9:53", ports: { 80: 8080, 443: 8443 } };
const own = { module: "internal", sign_with_root: true };
type Config = Parameters<typeof fitCaddyConfig>[0];
interface OneServer {
  listen: string[];
  routes: object[];
  idle_timeout: number;
}
const servers = (listen: string[], routes: object[] = []): Config =>
  ({ apps: { http: { servers: { one: { listen, routes, idle_timeout: 5 } } } } }) as unknown as Config;
const serverOf = (config: Config): OneServer =>
  (config as unknown as { apps: { http: { servers: { one: OneServer } } } }).apps.http.servers.one;

test.each([
  [":443", "127.0.4.9:8443"],
  [":9000", "127.0.4.9:9000"],
  ["0.0.0.0:80", "127.0.4.9:8080"],
  ["[::]:80", "127.0.4.9:8080"],
  ["udp/:443", "udp/127.0.4.9:8443"],
  ["127.0.0.1:80", "127.0.0.1:8080"],
  ["unix//run/caddy.sock", "unix//run/caddy.sock"],
])("without a container %s is listened to at %s", (written, fitted) => {
  expect(serverOf(fitCaddyConfig(servers([written]), network)).listen).toEqual([fitted]);
});

test("a reverse proxy at any depth asks the network's resolver, unless it names one; the rest stays", () => {
  const proxy = (transport?: object) => ({
    handler: "reverse_proxy",
    upstreams: [{ dial: "api:80" }],
    ...(transport && { transport }),
  });
  const routes = [
    { handle: [{ handler: "subroute", routes: [{ handle: [proxy()] }] }] },
    { handle: [proxy({ protocol: "http", resolver: { addresses: ["10.0.0.1:53"] } })] },
    { handle: [{ handler: "static_response", body: "x" }] },
  ];
  const fitted = serverOf(fitCaddyConfig(servers([":80"], routes), network));
  expect(fitted.idle_timeout).toBe(5);
  expect(fitted.routes).toEqual([
    {
      handle: [
        {
          handler: "subroute",
          routes: [{ handle: [proxy({ protocol: "http", resolver: { addresses: ["127.0.4.9:53"] } })] }],
        },
      ],
    },
    routes[1],
    routes[2],
  ]);
});

test("every certificate that would be asked for on the Internet is signed here, and no trust store is touched", () => {
  const acme = { subjects: ["a.test"], issuers: [{ module: "acme" }], key_type: "p256" };
  const config = { apps: { tls: { automation: { policies: [acme] }, certificates: { load_files: [] } } } };
  expect(fitCaddyConfig(config)).toEqual({
    apps: {
      tls: {
        automation: { policies: [{ ...acme, issuers: [own] }, { issuers: [own] }] },
        certificates: { load_files: [] },
      },
      pki: { certificate_authorities: { local: { install_trust: false } } },
    },
  });
  expect(fitCaddyConfig({ admin: { disabled: true } })).toMatchObject({
    admin: { disabled: true },
    apps: { tls: { automation: { policies: [{ issuers: [own] }] } } },
  });
});

test("in a container addresses and resolvers stay as they are", () => {
  const config = servers([":443"], [{ handle: [{ handler: "reverse_proxy" }] }]);
  expect(serverOf(fitCaddyConfig(config))).toEqual(serverOf(config));
});
