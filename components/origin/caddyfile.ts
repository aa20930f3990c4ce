import { byPrecedence, parseRoute } from "./routes";

/** A service that the proxy leads to. */
export interface Upstream {
  readonly service: string;
  /** Port inside the container. */
  readonly port: number;
  /** Replaced beside its predecessor: a file says which of the two has the traffic. */
  readonly rolling: boolean;
  /** Tasks of a swarm, which come and go one by one: their addresses are asked of its name server. @default false */
  readonly tasks?: boolean;
}

/** What {@link caddyfile} makes a text of. */
export interface CaddyfileSpec {
  readonly tls: "automatic" | "origin-certificate" | "none";
  /** Names in certificates and redirects; empty where any name is answered, which only `none` can. */
  readonly hostnames: readonly string[];
  /** Port at which visitors reach HTTPS, for redirects. */
  readonly httpsPort: number;
  readonly upstreams: readonly Upstream[];
  /** Service by route: `/api/*`, `www.example.com/*`. */
  readonly routes: Readonly<Record<string, string>>;
  /** Headers of every answer, over those of the application; an empty text takes a default away. */
  readonly headers: Readonly<Record<string, string>>;
  /** Networks whose word on the visitor's address is taken. */
  readonly trusted: readonly string[];
  /** Networks that may connect at all. Undefined: any. */
  readonly onlyFrom?: readonly string[] | undefined;
  readonly email?: string | undefined;
  /** Seconds that requests in flight get when the configuration changes. */
  readonly graceSeconds: number;
  /** Changes with the certificate's files: Caddy reads them again only for another configuration. */
  readonly certificate?: string | undefined;
}

/** Ports inside the proxy's container that are its own. */
export const proxyPorts = { http: 80, https: 443, gate: 2020, admin: 2019 } as const;

/** Headers that every answer gets unless the application has set them. */
const defaultHeaders: Readonly<Record<string, string>> = {
  "X-Content-Type-Options": "nosniff",
  "X-Frame-Options": "SAMEORIGIN",
  "Referrer-Policy": "strict-origin-when-cross-origin",
};

/** Only where Caddy itself is what visitors reach; behind Cloudflare the zone says it. */
const strictTransport: Readonly<Record<string, string>> = {
  "Strict-Transport-Security": "max-age=31536000",
};

/**
 * The proxy's configuration. A release changes nothing in it: which container has the traffic stands in a file for each
 * rolling service, read anew for every request, so that a switch is a rename and cuts no connection.
 *
 * Variables stand for what differs outside a container: folders, ports, the address to listen on, the name server; and
 * in the sandbox, who issues certificates and where its edge is. On a host the last two are empty.
 */
export function caddyfile(spec: CaddyfileSpec): string {
  const sites =
    spec.tls === "none"
      ? [block("http://", site(spec))]
      : [
          block("http://", redirects(spec)),
          block(spec.hostnames.map((hostname) => `https://${hostname}`).join(", "), [
            ...certificate(spec),
            ...site(spec),
          ]),
        ];
  return (
    [globals(spec), ...sites, ...within(spec), gate(spec)].map((lines) => lines.join("\n")).join("\n\n") +
    "\n"
  );
}

type Lines = readonly string[];

function block(head: string, body: Lines): Lines {
  return [`${head} {`.trimStart(), ...body.map((line) => (line === "" ? line : `\t${line}`)), "}"];
}

function globals({ tls, email, graceSeconds, trusted }: CaddyfileSpec): Lines {
  return block("", [
    "admin {$ADMIN:localhost:2019}",
    "persist_config off",
    `http_port {$HTTP_PORT:${proxyPorts.http}}`,
    `https_port {$HTTPS_PORT:${proxyPorts.https}}`,
    "default_bind {$BIND:0.0.0.0 [::]}",
    `auto_https ${tls === "none" ? "off" : "disable_redirects"}`,
    ...(email === undefined ? [] : [`email ${email}`]),
    ...(tls === "automatic" ? ["skip_install_trust", "{$CERTIFICATE_ISSUER}"] : []),
    `grace_period ${graceSeconds}s`,
    ...block("servers", [
      "protocols h1 h2",
      ...(trusted.length === 0
        ? []
        : [
            `trusted_proxies static ${trusted.join(" ")} {$EDGE_NETWORKS}`,
            "trusted_proxies_strict",
            "client_ip_headers CF-Connecting-IP X-Forwarded-For",
          ]),
    ]),
  ]);
}

function certificate({ tls, certificate: identity }: CaddyfileSpec): Lines {
  if (tls !== "origin-certificate") return [];
  const folder = "{$CERTIFICATES:/certificates}";
  return [
    `tls ${folder}/origin.pem ${folder}/origin.key`,
    ...(identity === undefined ? [] : [`vars groundwork_certificate ${identity}`]),
  ];
}

/** Ends connections from elsewhere, before anything else looks at them. */
function strangers({ onlyFrom }: CaddyfileSpec): Lines {
  if (onlyFrom === undefined) return [];
  return [`@stranger not remote_ip ${onlyFrom.join(" ")} {$EDGE_NETWORKS}`, "abort @stranger"];
}

function redirects(spec: CaddyfileSpec): Lines {
  const port = spec.httpsPort === proxyPorts.https ? "" : `:${spec.httpsPort}`;
  return block("route", [
    ...strangers(spec),
    `@known host ${spec.hostnames.join(" ")}`,
    `redir @known https://{host}${port}{uri} 308`,
    "respond 404",
  ]);
}

function site(spec: CaddyfileSpec): Lines {
  return block("route", [
    ...strangers(spec),
    ...headers(spec),
    ...routedServices(spec).flatMap((service, index) => [
      ...block(`@missing${index + 1}`, block("not", servesMatcher(service))),
      ...block(
        `handle @missing${index + 1}`,
        block("route", [`import ${routesBefore}/*.caddy`, ...block("handle", ["respond 502"])]),
      ),
    ]),
    ...handlers(spec, "route"),
  ]);
}

/** Folder beside the configuration, in which the host keeps the routes of before while those of now lead nowhere yet. */
const routesBefore = "before";

/** Rolling services that a route leads to. Until each has had a first release, the routes of before are followed. */
export function routedServices({ upstreams, routes }: CaddyfileSpec): string[] {
  const routed = new Set(Object.values(routes));
  return upstreams.flatMap(({ service, rolling }) => (rolling && routed.has(service) ? [service] : []));
}

/** What the host keeps for the next change of routes: these handlers, to be imported in the place of that one's. */
export function routesText(spec: CaddyfileSpec): string {
  return `${handlers(spec, "before").join("\n")}\n`;
}

function servesMatcher(service: string): Lines {
  return block("file", ["root {$UPSTREAMS:/upstreams}", `try_files /${service}`]);
}

function handlers(spec: CaddyfileSpec, prefix: string): Lines {
  const routes = Object.entries(spec.routes)
    .map(([key, service]) => ({ ...parseRoute(key), service }))
    .sort(byPrecedence);
  return [
    ...routes.flatMap(({ hostname, path, service }, index) => {
      const conditions = [
        ...(hostname === undefined ? [] : [`host ${hostname}`]),
        ...(path === "/*" ? [] : [`path ${path}`]),
      ];
      const target = proxied(upstreamOf(spec, service));
      if (conditions.length === 0) return block("handle", target);
      const name = `@${prefix}${index + 1}`;
      return [...block(name, conditions), ...block(`handle ${name}`, target)];
    }),
    ...(routes.some(({ hostname, path }) => hostname === undefined && path === "/*")
      ? []
      : block("handle", ["respond 404"])),
  ];
}

function headers(spec: CaddyfileSpec): Lines {
  const own = Object.entries(spec.headers);
  const named = new Set(own.map(([name]) => name.toLowerCase()));
  const defaults = { ...(spec.tls === "automatic" ? strictTransport : {}), ...defaultHeaders };
  return block("header", [
    ...Object.entries(defaults)
      .filter(([name]) => !named.has(name.toLowerCase()))
      .map(([name, value]) => `?${name} ${quoted(value)}`),
    ...own.filter(([, value]) => value !== "").map(([name, value]) => `>${name} ${quoted(value)}`),
    "-Server",
    "-Via",
  ]);
}

/** Other containers reach a rolling service by the proxy as well: under its name and the service's own port. */
function within({ upstreams }: CaddyfileSpec): Lines[] {
  return internalPorts(upstreams).map((upstream) =>
    block(`http://:${upstream.port}`, block("route", proxied(upstream))),
  );
}

/** Rolling services that the proxy answers for at their own port: each port that one of them alone has. */
export function internalPorts<T extends Upstream>(upstreams: readonly T[]): readonly T[] {
  const rolling = upstreams.filter(({ rolling }) => rolling);
  const own: readonly number[] = Object.values(proxyPorts);
  return rolling.filter(
    ({ port }) => !own.includes(port) && rolling.filter((other) => other.port === port).length === 1,
  );
}

/** Asked by the host alone: what has the traffic, and what is about to get it, by the way that visitors come. */
function gate(spec: CaddyfileSpec): Lines {
  const rolling = spec.upstreams.filter((upstream) => upstream.rolling);
  const asked = [
    // As a visitor's request would look to the application.
    ...(spec.hostnames[0] === undefined ? [] : [`header_up Host ${spec.hostnames[0]}`]),
    "header_up X-Forwarded-Proto https",
    "header_up -X-Groundwork-Service",
    "header_up -X-Groundwork-Active",
    ...transport("1s"),
  ];
  return block(`http://:{$GATE_PORT:${proxyPorts.gate}}`, [
    ...block("route", [
      ...rolling.flatMap((upstream, index) => [
        `@candidate${index + 1} header X-Groundwork-Service ${upstream.service}`,
        ...block(
          `handle @candidate${index + 1}`,
          block(`reverse_proxy ${fileOf(upstream, ".candidate")}`, asked),
        ),
        `@active${index + 1} header X-Groundwork-Active ${upstream.service}`,
        ...block(`handle @active${index + 1}`, block(`reverse_proxy ${fileOf(upstream)}`, asked)),
      ]),
      ...block("handle", ["respond 404"]),
    ]),
  ]);
}

function upstreamOf({ upstreams }: CaddyfileSpec, service: string): Upstream {
  const upstream = upstreams.find((candidate) => candidate.service === service);
  if (upstream === undefined) throw new Error(`no upstream is called ${service}`);
  return upstream;
}

/** `tcp/` keeps Caddy from reading the path's first part as the name of a network, and from adding a port. */
function fileOf({ service }: Upstream, suffix = ""): string {
  return `tcp/{file.{$UPSTREAMS:/upstreams}/${service}${suffix}}`;
}

/**
 * Names are asked of the container network's own server at every new connection: they come and go with releases. A
 * container that has just gone does not even refuse a connection, so one is given up while there is time for another.
 */
const transport = (dialTimeout: string): Lines =>
  block("transport http", ["resolvers {$RESOLVER:127.0.0.11}", `dial_timeout ${dialTimeout}`]);

function proxied(upstream: Upstream): Lines {
  const { tasks = false, rolling, service, port } = upstream;
  const address = rolling ? fileOf(upstream) : `${service}:${port}`;
  return block(tasks ? "reverse_proxy" : `reverse_proxy ${address}`, [
    ...(tasks ? addressesOf(upstream) : []),
    `lb_try_duration ${patience(upstream)}s`,
    "lb_try_interval 100ms",
    // Another configuration would cut every WebSocket at once.
    "stream_close_delay 5m",
    // With addresses there is nothing to be looked up.
    ...transport(tasks ? "500ms" : "1s"),
  ]);
}

/**
 * For how long a request that reaches nobody waits, in seconds; nothing was sent yet when a connection fails. For a container that
 * has just died and comes back, a few. Of a service that runs once the old container has to end (Docker gives it 10 s where it does
 * not listen to SIGTERM) and the new one to start: whoever asks meanwhile is answered late instead of by an error.
 */
function patience({ tasks = false, rolling }: Upstream): number {
  if (tasks) return 5;
  return rolling ? 3 : 20;
}

/**
 * A swarm takes a task out of its name server two seconds before it is told to end, and tells the other hosts, which on
 * busy ones takes longer now and then: what is asked in vain there is asked again elsewhere.
 */
function addressesOf({ service, port }: Upstream): Lines {
  return block("dynamic a", [
    `name tasks.${service}`,
    `port ${port}`,
    "refresh 500ms",
    "resolvers {$RESOLVER:127.0.0.11}",
    "versions ipv4",
  ]);
}

/** A value as one token, in which no brace is a placeholder's. It has no backtick, which settings refuse. */
function quoted(value: string): string {
  return `\`${value.replaceAll("{", "\\{")}\``;
}
