import { z } from "zod";
import { isRoute } from "../../../components/origin/routes";
import { complainAboutHostname, HOSTNAME_ALLOWED } from "../hostnames";

import { environment } from "./environment";
import { checked, field } from "./field";
import {
  address,
  amount,
  command,
  composeName,
  entryName,
  hostname,
  imageReference,
  port,
  relativePath,
  secretName,
  urlPath,
} from "./values";

const build = z.strictObject({
  context: relativePath("The folder with the sources.", ["apps/web"]),
  dockerfile: relativePath("The Dockerfile, relative to the context. Default: Dockerfile.", [
    "Dockerfile",
  ]).default("Dockerfile"),
  arguments: environment(
    "Build arguments. They stay readable in the image's layers, so nothing secret: NEXT_PUBLIC_* belongs here.",
  ).default({}),
  secrets: environment(
    "Secrets of the build (`RUN --mount=type=secret`): there while it runs, in no layer. SENTRY_AUTH_TOKEN belongs here.",
  ).default({}),
});

const service = field(
  z.strictObject({
    port: port(
      "The port on which the service listens inside its container. Without one it takes no traffic: a worker.",
      [4000],
    ).optional(),
    publish: port(
      "The port of the host that leads to `port`. Default: none, only other containers reach it.",
      [80],
    ).optional(),
    tls: field(
      z.strictObject({
        port: port("The port inside the container that speaks TLS.", [4443]),
        publish: port("The port of the host that leads to it.", [443]).optional(),
      }),
      { description: "The service's TLS port, for zones with `ssl: full` or `strict`." },
    ).optional(),
    image: imageReference.optional(),
    build: field(build, {
      description: "How the image is built by a pipeline (`groundwork ci`). Default: it is only pulled.",
    }).optional(),
    healthPath: urlPath(
      "The path that answers 200 when the service can take traffic. Without it `start-first` on one host asks for `/`, where " +
        "any answer but 502, 503 and 504 will do.",
      ["/api/health"],
    ).optional(),
    healthTimeoutSeconds: amount(
      "seconds",
      1,
      1800,
      "How long a release waits for the service to be healthy.",
      [60],
    ).default(60),
    drainSeconds: amount(
      "seconds",
      0,
      600,
      "How long requests and WebSockets may go on after new ones go elsewhere.",
      [10, 30],
    ).default(10),
    strategy: field(z.enum(["recreate", "start-first"]), {
      description:
        "How a new release replaces the old one: `recreate` stops the old container first; `start-first` starts the new " +
        "one beside it, gives it the traffic once it is healthy and then drains the old one. It needs `port` and the " +
        "origin's `proxy`, and cannot publish a port of the host itself.",
    }).default("recreate"),
    replicas: field(z.int().min(1).max(50), {
      description: "How many containers run.",
      unit: "containers",
      allowed: "a whole number of containers from 1 to 50",
    }).default(1),
    environment: environment("Variables of this service only; they win over the origin's.").default({}),
  }),
  { id: "service", description: "A service of the compose file, by its name there." },
);

const registry = z.strictObject({
  server: field(
    checked(z.string(), (value) => complainAboutHostname(value.replace(/:\d{1,5}$/, ""))),
    {
      description: "The registry's host name.",
      examples: ["ghcr.io"],
      allowed: `${HOSTNAME_ALLOWED}, with a port or not`,
    },
  ),
  username: field(z.string().min(1), { description: "Who logs in.", examples: ["streampai"] }),
  passwordSecret: secretName("The entry of groundwork:secrets that holds the password or token."),
});

const migrations = z.strictObject({
  service: composeName(
    "The compose service whose image holds the migrations; a one-off container runs them.",
    ["api"],
  ),
  command: command(
    "Brings the schema up to date; running it again changes nothing. Default: the image's own command.",
    [["bin/streampai", "eval", "Streampai.Release.migrate()"], "alembic upgrade head"],
  ).optional(),
  downgradeCommand: command("Takes the last migration back: run by `groundwork rollback --downgrade`.", [
    "alembic downgrade -1",
  ]).optional(),
  versionCommand: command(
    "Prints the schema's version on its last line; it is kept with the release. Default: the version is not known.",
    ["alembic current"],
  ).optional(),
  smokeCommand: command(
    "Tries what a release needs of the schema: run by `groundwork db rehearse` in the image of the release that serves, " +
      "against a copy that the new migrations have changed. Default: only the health of its services is tried.",
    ["bin/smoke", "python -m app.smoke"],
  ).optional(),
  breaking: field(z.boolean(), {
    description:
      "Can releases before this one not work with the migrated schema? A rollback across it is then refused, unless the " +
      "schema goes back first.",
  }).default(false),
  database: entryName
    .meta({
      description:
        "The entry of groundwork:databases that is migrated: DATABASE_URL is then its `migratorUrl`, unless " +
        "`environment` says otherwise. Default: the only database there is.",
    })
    .optional(),
  lockImage: field(imageReference, {
    description:
      "An image with `psql`, for a database of `kind: external`: a session from it holds the lock of migrations " +
      "meanwhile. Default: the image of `service`; where it has no psql, nobody holds the lock, which is said.",
    examples: ["postgres:17-alpine"],
  }).optional(),
  timeoutSeconds: amount(
    "seconds",
    1,
    86_400,
    "After this time the migration counts as failed.",
    [600],
  ).default(600),
  environment: environment(
    "Variables for the migration only, DATABASE_URL of the migrating user for example.",
  ).default({}),
});

const verification = z.strictObject({
  path: urlPath("What is asked for, on the first host name.", ["/", "/api/health"]),
  status: amount("HTTP status", 100, 599, "The status that must come.", [200]).default(200),
  contains: field(z.string().min(1), {
    description: "Text that the answer must hold.",
    examples: ['"ok":true'],
  }).optional(),
  http2: field(z.boolean(), { description: "Must the answer come over HTTP/2?" }).default(false),
});

/** A route's key: a path, or a host name and a path. */
const route = field(
  checked(z.string(), (value) =>
    isRoute(value)
      ? undefined
      : {
          what: "this is not a route",
          allowed: "a path such as /api/* or /*, or a host name and a path: www.example.com/*",
        },
  ),
  {
    description: "A path (`*` only at its end), with a host name before it or not.",
    examples: ["/api/*", "/*", "www.srq-hpn.example/*"],
  },
);

const headerName = field(
  checked(z.string(), (value) =>
    /^[A-Za-z0-9-]{1,100}$/.test(value)
      ? undefined
      : { what: "this is not the name of a header", allowed: "letters, digits and hyphens" },
  ),
  { description: "A header's name.", examples: ["Permissions-Policy"] },
);

const headerValue = field(
  checked(z.string().max(4000), (value) =>
    /^[\x20-\x7e]*$/.test(value) && !value.includes("`") && !value.includes("{$")
      ? undefined
      : {
          what: "a header's value is one line of ASCII",
          allowed: "printable characters, no line break, no backtick, no {$",
        },
  ),
  { description: "Its value; an empty text takes a default away.", examples: ["DENY", ""] },
);

const proxy = z.strictObject({
  tls: field(z.enum(["automatic", "origin-certificate", "none"]), {
    description:
      "Where its certificate comes from. `automatic`: Let's Encrypt, for names that lead straight to the host. " +
      "`origin-certificate`: the origin's `originCertificate`, behind Cloudflare. `none`: plain HTTP, with `ssl: flexible` " +
      "or a tunnel. Default: `origin-certificate` where the origin has one, `none` behind a tunnel, else `automatic`.",
  }).optional(),
  httpPort: port(
    "The port of the host for HTTP; with a certificate it only sends visitors to HTTPS. Not published behind a tunnel.",
    [80],
  ).default(80),
  httpsPort: port("The port of the host for HTTPS.", [443]).default(443),
  routes: field(z.record(route, composeName("A service with a port.", ["api"])), {
    description:
      "Which service answers what; the longest match wins. Default: everything to the only service with `start-first`.",
    examples: [{ "/api/*": "api", "/*": "web" }],
  }).optional(),
  cloudflareOnly: field(z.boolean(), {
    description:
      "Ends connections that do not come from Cloudflare's networks, unanswered, so that nobody gets round Cloudflare.",
  }).default(false),
  headers: field(z.record(headerName, headerValue), {
    description:
      "Headers of every answer, over the application's. Default: X-Content-Type-Options, X-Frame-Options, Referrer-Policy " +
      "and, with `tls: automatic`, Strict-Transport-Security, each unless the application sets it.",
    examples: [{ "X-Frame-Options": "DENY" }],
  }).default({}),
  email: field(
    checked(z.string(), (value) =>
      /^[^\s@{}"]+@[^\s@{}"]+$/.test(value)
        ? undefined
        : { what: "this is not an e-mail address", allowed: "name@example.com" },
    ),
    { description: "Where Let's Encrypt may write to. Default: nowhere.", examples: ["ops@srq-hpn.example"] },
  ).optional(),
  image: field(imageReference, {
    description: "Caddy's image, 2.11 or newer.",
    examples: ["caddy:2.11.2"],
  }).default("caddy:2.11.2"),
});

const probe = z.strictObject({
  path: urlPath(
    "What is asked on the first host name. Default: the `healthPath` of the service that answers it.",
    ["/api/health"],
  ).optional(),
  websocketPath: urlPath("Where two WebSockets are held open. Default: none are.", [
    "/socket/websocket",
  ]).optional(),
  intervalMilliseconds: amount("milliseconds", 10, 10_000, "The time between requests.", [100]).default(100),
  abortAfterFailures: amount(
    "requests",
    0,
    10_000,
    "So many failures in a row after the switch switch back to the old release; 0: never.",
    [5],
  ).default(5),
});

const shared = {
  hostnames: field(z.array(hostname("A host name below the domain, or the domain itself.")).min(1).max(50), {
    description: "The host names at which the origin answers; each gets a DNS record.",
    examples: [["api.streampai.com"]],
  }),
  proxied: field(z.boolean(), {
    description:
      "Goes traffic through Cloudflare? Without it there is no Access, no cache and the address is public.",
  }).default(true),
  environment: environment("Variables of all services of the origin.").default({}),
  verify: field(z.array(z.strictObject(verification.shape)).max(50), {
    description:
      "What must answer through the first host name, asked from where the stack is deployed, before an update counts as " +
      "done. Health paths are asked on the host besides. Default: nothing more.",
    examples: [
      [
        { path: "/", http2: true },
        { path: "/api/health", contains: '"ok":true' },
      ],
    ],
  }).default([]),
};

const compose = {
  host: entryName.meta({ description: "The entry of groundwork:hosts on which it runs." }),
  composeFile: relativePath("The compose file, sent to the host as it is.", [
    "examples/streampai/compose.yaml",
  ]),
  files: field(z.array(relativePath("A file or folder.", ["examples/srq-hpn/Caddyfile"])).max(100), {
    description:
      "Further files that go to the host beside the compose file, such as a Caddyfile. They must be below its folder.",
  }).default([]),
  project: composeName("The compose project, which names its containers, networks and volumes.", [
    "streampai",
  ]),
  services: field(z.record(composeName("A service's name.", ["api"]), service), {
    description:
      "The services that a release replaces. Others (a database) are started and otherwise left alone.",
  }),
  registry: field(registry, { description: "The login for images that are not public." }).optional(),
  migrations: field(migrations, {
    description: "Run once before the new containers start; a failure leaves the old ones serving.",
  }).optional(),
  verify: shared.verify,
  environment: shared.environment,
  proxy: field(proxy, {
    description:
      "Caddy in front of the services, in a container of its own that no release touches. Services with " +
      "`strategy: start-first` need it. `{}` takes the defaults.",
    examples: [{}, { routes: { "/api/*": "api", "/*": "web" } }],
  }).optional(),
  pull: field(z.enum(["missing", "always", "never"]), {
    description:
      "When images are fetched. `always`: the registry is asked at each preview which digest a tag has, and that digest is " +
      "deployed, so a tag that moved is a change. `missing`: a tag that the host has is not asked for again.",
  }).default("missing"),
  keepReleases: amount(
    "releases",
    2,
    50,
    "How many releases stay on the host for a rollback, the running one among them.",
    [5],
  ).default(5),
  probe: field(z.union([z.literal(false), probe]), {
    description:
      "Requests through the public address while a release replaces another: the downtime ledger is made of them, and " +
      "too many failures switch back. `false`: none. Default: on where a service has `start-first` and a `healthPath`.",
    allowed: "false, or an object",
    examples: [false, { websocketPath: "/socket/websocket" }],
  }).optional(),
  closedPorts: field(z.array(port("A port.", [5432])).max(100), {
    description: "Ports of the host that must not answer from where the stack is deployed.",
    examples: [[3000, 8000, 5432]],
  }).default([]),
};

const originCertificate = z.strictObject({
  days: field(z.literal([7, 30, 90, 365, 730, 1095, 5475]), {
    description: "How long the certificate is valid.",
    unit: "days",
    allowed: "7, 30, 90, 365, 730, 1095 or 5475 (what Cloudflare's Origin CA issues)",
  }).default(5475),
  keyMode: field(z.enum(["0600", "0640", "0644"]), {
    description:
      "The mode of the key's file, in quotes; its folder is closed to everybody else. Containers that do not run as root " +
      "need 0644.",
  }).default("0600"),
});

export const composeOrigin = z.strictObject({
  kind: field(z.literal("compose"), { description: "Docker Compose on a host over SSH, reached by DNS." }),
  ...shared,
  ...compose,
  addresses: field(z.array(address("An address.")).min(1).max(10), {
    description:
      "The public addresses that the A and AAAA records get. Default: the host's `address`, which must then be one.",
    examples: [["203.0.113.10"]],
  }).optional(),
  originCertificate: field(originCertificate, {
    description:
      "A certificate of Cloudflare's Origin CA for `ssl: strict`. The key is made on the host and never leaves it; the " +
      "certificate lies in the project's folder `certificates/`. `{}` takes the defaults.",
    examples: [{}, { days: 365 }],
  }).optional(),
  ownCertificate: field(z.boolean(), {
    description: "The services get a valid certificate by themselves, as Caddy does from Let's Encrypt.",
  }).default(false),
});

export const swarmOrigin = composeOrigin
  .omit({ kind: true, host: true, addresses: true, ownCertificate: true })
  .extend({
    kind: field(z.literal("swarm"), {
      description:
        "The compose file's services as a stack of a Docker swarm, on hosts that join each other by SSH.",
    }),
    hosts: field(
      z
        .array(entryName.meta({ description: "An entry of groundwork:hosts." }))
        .min(1)
        .max(50),
      {
        description:
          "The entries of groundwork:hosts. The first makes and manages the swarm, and what is not among `services`, such as " +
          "a database, runs on it. Between them ports 2377/tcp, 7946/tcp, 7946/udp and 4789/udp must be open.",
        examples: [["one", "two", "three"]],
      },
    ),
    advertiseAddresses: field(z.record(entryName, address("An address.")), {
      description:
        "By which address the others reach a host, such as that of a private network. Default: the host's `address`.",
      examples: [{ one: "10.0.0.1" }],
    }).default({}),
    addresses: field(z.array(address("An address.")).min(1).max(50), {
      description:
        "The public addresses that the A and AAAA records get. Default: the `address` of each host.",
      examples: [["203.0.113.10", "203.0.113.11"]],
    }).optional(),
  });

export const tunnelOrigin = z.strictObject({
  kind: field(z.literal("tunnel"), {
    description: "Docker Compose on a host over SSH, reached through a tunnel: no inbound port.",
  }),
  tunnel: entryName.meta({
    description: "The entry of groundwork:tunnels; its `ingress` has the host names.",
  }),
  ...compose,
});

export const externalOrigin = z.strictObject({
  kind: field(z.literal("external"), {
    description: "A platform elsewhere (Fly.io, Render), reached by DNS.",
  }),
  ...shared,
  target: hostname("The platform's own name for the application: what the CNAME points to.", [
    "relay-api-staging.fly.dev",
  ]),
  platform: field(z.enum(["fly", "other"]), {
    description:
      "Which platform it is: `fly` hands variables over by flyctl, unless `deliverCommand` says otherwise.",
  }).default("other"),
  app: field(z.string().min(1).max(63), {
    description: "The application's name there. Default: the first label of `target`.",
    examples: ["relay-api-staging"],
  }).optional(),
  healthPath: urlPath("The path that answers 200 when the application is well.", ["/health"]).optional(),
  deliverCommand: command(
    "Hands the variables to the platform: reads `NAME=value` lines from its standard input. Default: flyctl with " +
      "`platform: fly`, else they are not handed over.",
    [["render-env", "import"]],
  ).optional(),
  image: field(imageReference, {
    description: "The image of the release; its commands find it as IMAGE.",
    examples: ["registry.fly.io/relay-api:2026-01-31"],
  }).optional(),
  version: field(z.string().min(1).max(200), {
    description: "Changed by a pipeline when a release must happen although nothing else here changed.",
    examples: ["2026-01-31T09-30"],
  }).optional(),
  migrateCommand: command(
    "Run here before a release takes traffic, with the origin's variables; a failure stops the release. Default: none, as " +
      "where the platform runs migrations itself.",
    ["uv run alembic upgrade head"],
  ).optional(),
  releaseCommand: command(
    "Releases the application; run here, after its variables were handed over, with RELEASE_ID and IMAGE in its " +
      "environment. Then the platform's health is asked. Default: somebody else releases it.",
    ['flyctl deploy --app relay-api --image "$IMAGE"'],
  ).optional(),
  rollbackCommand: command(
    "Brings the release back whose RELEASE_ID and IMAGE it finds: run when a new one is not healthy. Default: none.",
    ['flyctl deploy --app relay-api --image "$IMAGE"'],
  ).optional(),
  downgradeCommand: command("Takes the last migration back: run by `groundwork rollback --downgrade`.", [
    "uv run alembic downgrade -1",
  ]).optional(),
  releaseTimeoutSeconds: amount(
    "seconds",
    1,
    86_400,
    "After this time a command counts as failed.",
    [1800],
  ).default(1800),
  healthTimeoutSeconds: amount(
    "seconds",
    1,
    3600,
    "How long a release waits for the application to be healthy.",
    [180],
  ).default(180),
  probe: field(z.union([z.literal(false), probe]), {
    description:
      "Requests through the public address while a release goes out: the downtime ledger is made of them, and too many " +
      "failures take it back. `false`: none. Default: on where there are a `releaseCommand` and a `healthPath`.",
    allowed: "false, or an object",
    examples: [false, { websocketPath: "/ws" }],
  }).optional(),
  checkCertificate: field(z.boolean(), {
    description: "Must the platform hold a valid certificate for each host name?",
  }).default(true),
});

export const origin = field(
  z.discriminatedUnion("kind", [composeOrigin, externalOrigin, swarmOrigin, tunnelOrigin]),
  {
    description: "What answers behind Cloudflare: `compose`, `external`, `swarm` or `tunnel`.",
    allowed: "kind: compose, external, swarm or tunnel",
  },
);

export type ServiceSettings = z.output<typeof service>;
export type ComposeOriginSettings = z.output<typeof composeOrigin>;
export type SwarmOriginSettings = z.output<typeof swarmOrigin>;
export type TunnelOriginSettings = z.output<typeof tunnelOrigin>;
export type ExternalOriginSettings = z.output<typeof externalOrigin>;
export type OriginSettings = z.output<typeof origin>;
