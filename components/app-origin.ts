import * as pulumi from "@pulumi/pulumi";
import type { RemoteHost, ResolveOverride } from "../remote/host";
import { composeDeployment, type Deployment } from "./origin/deployment";
import { externalOrigin } from "./origin/external";
import type { ExternalReleaseArgs } from "./origin/external-args";
import { appOriginIssues } from "./origin/issues";
import { deployedArgs } from "./origin/overrides";
import { swarmDeployment } from "./origin/swarm";
import type { Ledger } from "./origin/ledger";
import type { OriginDatabase } from "./postgres-with-app-user";
import type { SecretsVault } from "./secrets-vault";
import type { Behind } from "./shared/behind";
import { componentType } from "./shared/names";
import { refuse } from "./shared/validation";
import type { TunnelConnection } from "./tunnel";

/** A compose service that belongs to the release. */
export interface OriginService {
  /** Port on which the container listens for plain HTTP. @default the service takes no traffic by plain HTTP */
  readonly port?: number;
  /** Port of the host that leads to `port`. @default none: only other containers reach it */
  readonly publish?: number;
  /** Port that speaks TLS, and the host's port that leads to it; the container finds certificate and key in `/certificates`. @default none */
  readonly tls?: { readonly port: number; readonly publish?: number };
  /**
   * Path that answers 2xx or 3xx when the service can take traffic. Without it `start-first` on one host asks for `/`, where any
   * answer but 502, 503 and 504 will do. @default the container's own health check only
   */
  readonly healthPath?: string;
  /**
   * Seconds the service gets to end what is in flight: it is told to stop (SIGTERM) at the beginning and killed 5 s after
   * the end. @default what the compose file says; 30 with `start-first`
   */
  readonly drainSeconds?: number;
  /**
   * How a new release replaces the old one. `start-first`: starts beside it, takes the traffic once it is healthy, and only
   * then is the old one drained; needs `port` and the origin's `proxy`, and cannot publish a port itself. `recreate`: the old
   * container stops first, for what cannot run twice. @default "recreate"
   */
  readonly strategy?: "recreate" | "start-first";
  /** Containers. @default what the compose file says */
  readonly replicas?: number;
  /** Image reference over that of the compose file. Pin digests in production. @default the compose file's */
  readonly image?: pulumi.Input<string>;
  /** Variables for this service alone, over the origin's. @default {} */
  readonly environment?: Readonly<Record<string, pulumi.Input<string>>>;
}

/** The proxy in front of an origin's services: a Caddy of its own on the host, which no release recreates or reloads. */
export interface OriginProxyArgs {
  /**
   * Where its certificate comes from. `automatic`: Let's Encrypt, for names that lead straight to the host.
   * `origin-certificate`: the origin's `originCertificate`, behind Cloudflare. `none`: plain HTTP, behind a tunnel or with
   * `ssl: flexible`. @default "origin-certificate" with `originCertificate`, "none" behind a tunnel, else "automatic"
   */
  readonly tls?: "automatic" | "origin-certificate" | "none";
  /** Port of the host for HTTP; with a certificate it only sends visitors to HTTPS. Not published behind a tunnel. @default 80 */
  readonly httpPort?: number;
  /** Port of the host for HTTPS. @default 443 */
  readonly httpsPort?: number;
  /**
   * Which service answers what: `/api/*`, `/*`, or with a host name before it, `www.example.com/*`. The longest match wins.
   * @default everything to the only service with `start-first`
   */
  readonly routes?: Readonly<Record<string, string>>;
  /** Ends connections that do not come from Cloudflare's networks, unanswered. @default false */
  readonly cloudflareOnly?: boolean;
  /** Networks from which Cloudflare connects. @default the list that Cloudflare publishes */
  readonly cloudflareNetworks?: readonly string[];
  /**
   * Headers of every answer, over those of the application; an empty text takes a default away. @default
   * `X-Content-Type-Options`, `X-Frame-Options`, `Referrer-Policy` and, with `automatic`, `Strict-Transport-Security`, each
   * unless the application sets it
   */
  readonly headers?: Readonly<Record<string, string>>;
  /** Address that Let's Encrypt may write to. @default none */
  readonly email?: string;
  /** Image of Caddy, 2.11 or newer. @default "caddy:2.11.2" */
  readonly image?: string;
}

/** Requests through the public address while a release replaces another: what the downtime ledger is made of. */
export interface OriginProbeArgs {
  /** Asked on the first host name. @default the health path of the service that answers it */
  readonly path?: string;
  /** Path at which two WebSockets are held open. @default none are */
  readonly websocketPath?: string;
  /** Milliseconds between requests. @default 100 */
  readonly intervalMs?: number;
  /** So many failures in a row after the switch switch back; 0: never. @default 5 */
  readonly abortAfter?: number;
}

/** What must come through the public name before a release counts as done. */
export interface OriginCheck {
  readonly path: string;
  /** @default 200 */
  readonly status?: number;
  /** Text that the answer must hold. @default any */
  readonly contains?: string;
  /** Must the answer come over HTTP/2? @default false */
  readonly http2?: boolean;
}

/** Login to an image registry. */
export interface RegistryLogin {
  /** Such as `ghcr.io`. */
  readonly server: string;
  readonly username: pulumi.Input<string>;
  readonly password: pulumi.Input<string>;
}

/** A certificate for the host, signed by Cloudflare's origin authority; its key is made on the host and stays there. */
export interface OriginCertificateArgs {
  /** @default the origin's host names */
  readonly hostnames?: readonly string[];
  /** Days. @default 5475, fifteen years */
  readonly validityDays?: 7 | 30 | 90 | 365 | 730 | 1095 | 5475;
  /** Mode of the key's file; its folder is closed to everybody else on the host. Containers that do not run as root need "0644". @default "0600" */
  readonly keyMode?: "0600" | "0640" | "0644";
}

/** Where an origin with records of its own is reached. */
export interface OriginDnsArgs {
  readonly zoneId: pulumi.Input<string>;
  /** Full host names that the origin answers, each with its records. The first is its main one. */
  readonly hostnames: readonly string[];
  /** Makes the DNS records. @default true */
  readonly manageDns?: boolean;
  /** Sends traffic through Cloudflare. @default true */
  readonly proxied?: boolean;
  /**
   * What must be there before one of the host names can be reached, and is removed after it: `applications` of
   * {@link AccessProtectedEnv}. @default nothing
   */
  readonly behind?: Behind;
}

/** What every kind of origin has. */
export interface OriginCommonArgs {
  /**
   * Headers of what is asked through public names by the prober and by `verify`, by host name: those of a service token
   * where Access is in front. @default none
   */
  readonly publicHeaders?: pulumi.Input<Readonly<Record<string, Readonly<Record<string, string>>>>>;
  /** Variables of the application. @default {} */
  readonly environment?: Readonly<Record<string, pulumi.Input<string>>>;
  /** Secret variables of the application. @default {} */
  readonly secrets?: Readonly<Record<string, pulumi.Input<string>>>;
  /**
   * Databases elsewhere that its migrations change: roles and grants are made once more after them, and after the release
   * where the platform itself migrates. @default []
   */
  readonly migratedDatabases?: readonly Pick<OriginDatabase, "provisionAgain">[];
}

/** What is deployed by Docker Compose over SSH. */
export interface ComposeDeploymentArgs {
  readonly host: RemoteHost;
  /** Where secret values lie instead of in the host's files; not with `swarm`. @default the project's 0600 files */
  readonly vault?: SecretsVault | undefined;
  /** Name of the compose project, unique on the host: lower case, digits, hyphens. @default the component's name */
  readonly project?: string;
  /** Path of the compose file here, relative to the working directory. */
  readonly composeFile: string;
  /** Services of the release, by their names in the compose file. All of them get the application's variables. */
  readonly services: Readonly<Record<string, OriginService>>;
  /** Further text files or folders that the compose file mentions, such as a Caddyfile; below the compose file's folder. @default [] */
  readonly files?: readonly string[];
  /** Variables for `${…}` in the compose file, besides the application's. Secret. @default {} */
  readonly composeEnvironment?: Readonly<Record<string, pulumi.Input<string>>>;
  /** @default [] */
  readonly registries?: readonly RegistryLogin[];
  /** Databases in the project's containers: started and provisioned before migrations. @default [] */
  readonly databases?: readonly OriginDatabase[];
  /** What else must be there before migrations. @default [] */
  readonly afterDatabase?: readonly pulumi.Resource[];
  /** Runs once, in a container of its own, before the release starts; a failure stops the release. @default none */
  readonly migrations?: {
    readonly service: string;
    /** Program and arguments. @default the image's own command */
    readonly command?: readonly string[];
    /** Variables besides the application's, such as the migrator's DATABASE_URL. Secret. @default {} */
    readonly environment?: Readonly<Record<string, pulumi.Input<string>>>;
    /** Seconds. @default 600 */
    readonly timeoutSeconds?: number;
    /** Program and arguments that print the schema's version on their last line; kept with the release. @default not known */
    readonly versionCommand?: readonly string[];
    /** True where releases before this one cannot work with the migrated schema: they are then not rolled back to. @default false */
    readonly breaking?: boolean;
    /**
     * Databases elsewhere, as URLs of who migrates: a session in each holds the advisory lock of migrations meanwhile.
     * Those of {@link ComposeDeploymentArgs.databases} are locked anyway. Secret. @default []
     */
    readonly lockUrls?: readonly pulumi.Input<string>[] | undefined;
    /** An image with `psql` for these sessions. @default the service's own, and no lock where it has no psql */
    readonly lockImage?: string | undefined;
  };
  /** The proxy in front; needed by services with `start-first`. @default none */
  readonly proxy?: OriginProxyArgs;
  /** Releases that stay on the host for a rollback, the running one among them. @default 5 */
  readonly keepReleases?: number;
  /** Requests through the public address during a release; false: none. @default on where a service has `start-first` and a `healthPath` */
  readonly probe?: OriginProbeArgs | false;
  /** Asked through the public name after a release, from here. @default [] */
  readonly verify?: readonly OriginCheck[];
  /** Ports of the host that must not answer from here. @default [] */
  readonly closedPorts?: readonly number[];
  /** Changed by hand or by a pipeline when a release must happen although nothing else here changed. @default none */
  readonly release?: pulumi.Input<string>;
  /**
   * When images are fetched. `always`: the registry is asked at each preview which digest a tag has, and that digest is
   * deployed, so a tag that moved is a change. @default "missing"
   */
  readonly pull?: "missing" | "always" | "never";
  /** Seconds for all containers to be healthy. @default 180 */
  readonly healthTimeoutSeconds?: number;
}

/** Docker Compose on a host that Cloudflare reaches by proxied DNS. */
export interface ComposeOriginArgs extends OriginCommonArgs, OriginDnsArgs, ComposeDeploymentArgs {
  readonly kind: "compose";
  /** Public IPv4 and/or IPv6 addresses of the host, for the A and AAAA records. */
  readonly publicAddresses: readonly pulumi.Input<string>[];
  /** @default none: the host has a certificate of its own or speaks plain HTTP */
  readonly originCertificate?: OriginCertificateArgs;
}

/** A PaaS name behind Cloudflare: Fly.io, Render, Railway. */
export interface ExternalOriginArgs extends OriginCommonArgs, OriginDnsArgs {
  readonly kind: "external";
  /** Host name of the PaaS application, such as `relay-api.fly.dev`. */
  readonly target: pulumi.Input<string>;
  /** Hands the variables over: a program here that reads `NAME=value` lines from standard input. @default not handed over */
  readonly deliver?: {
    /** Program and arguments, such as `["flyctl", "secrets", "import", "--app", "relay-api"]`. */
    readonly command: readonly string[];
    /** What it reads: `NAME=value` lines, or one JSON object. @default "lines" */
    readonly format?: "lines" | "json";
  };
  /** Path that answers 2xx or 3xx, asked of the target under the main host name with its certificate checked. @default not asked */
  readonly healthPath?: string;
  /** Asked through the first host name after a release, from here. @default [] */
  readonly verify?: readonly OriginCheck[];
  /** Releases the application from here, after its variables were handed over. @default released by somebody else */
  readonly release?: ExternalReleaseArgs;
  /** Must the platform hold a valid certificate for each host name? Asked by TLS, after the DNS records. @default true */
  readonly checkCertificate?: boolean;
  /** What to do when it does not, for the message. @default add the host name at the platform */
  readonly certificateHint?: string;
  /** Where the target really is, as curl's `--resolve`. @default [] */
  readonly resolve?: readonly ResolveOverride[];
}

/** Docker Compose on a host without inbound ports: a cloudflared container carries the traffic. */
export interface TunnelOriginArgs extends OriginCommonArgs, ComposeDeploymentArgs {
  readonly kind: "tunnel";
  /** The tunnel, such as a {@link Tunnel} component; its routes hold the host names. */
  readonly tunnel: TunnelConnection;
  /** The cloudflared container. @default the compose file's service `cloudflared`, or one that is added */
  readonly connector?: {
    /** Service that is the connector and gets TUNNEL_TOKEN. Added where the compose file has no such service. @default "cloudflared" */
    readonly service?: string;
    /** Image of an added connector. @default "cloudflare/cloudflared:2025.8.1" */
    readonly image?: string;
    /** Networks of the compose file that an added connector joins. @default the project's default network */
    readonly networks?: readonly string[];
  };
}

/**
 * The services as a stack of a Docker swarm, for who outgrows one host. Each host has the proxy; services replace their
 * tasks one by one and go back by themselves where new ones do not get healthy. What is not among `services`, such as a
 * database, runs beside it on the first host, as with `compose`.
 */
export interface SwarmOriginArgs extends Omit<ComposeOriginArgs, "kind" | "host"> {
  readonly kind: "swarm";
  /** The hosts, which join each other by SSH: the first makes and manages the swarm. */
  readonly hosts: readonly RemoteHost[];
  /**
   * Addresses by which the hosts reach each other, in their order, such as those of a private network: ports 2377/tcp,
   * 7946/tcp+udp and 4789/udp. @default the hosts' addresses
   */
  readonly advertiseAddresses?: readonly pulumi.Input<string>[];
}

/** Arguments of {@link AppOrigin}. */
export type AppOriginArgs = ComposeOriginArgs | ExternalOriginArgs | SwarmOriginArgs | TunnelOriginArgs;

/**
 * What answers behind Cloudflare: containers on a host that are deployed by Docker Compose over SSH and reached by
 * proxied DNS (`compose`, on several hosts `swarm`) or through a tunnel (`tunnel`), or an application at a PaaS (`external`).
 *
 * The steps on a host are resources of their own, so a preview names those that will run: host prepared, files written,
 * database healthy, roles (by {@link PostgresWithAppUser}), migrations, rollout, verification. Each runs when something
 * it depends on changes, and only then; a failure stops the ones after it, and what served before still serves.
 *
 * Destroying the stack removes DNS records and certificates and leaves the containers and their data on the host.
 *
 * @example
 * // The smallest: one service on port 80 of a host.
 * import { AppOrigin, RemoteHost } from "groundwork/components";
 *
 * declare const host: RemoteHost;
 * export const origin = new AppOrigin("api", {
 *   kind: "compose",
 *   host,
 *   zoneId: "000000000000000000000000000020e1",
 *   hostnames: ["api.example.com"],
 *   publicAddresses: ["203.0.113.10"],
 *   composeFile: "compose.yaml",
 *   services: { api: { port: 4000, publish: 80, healthPath: "/health" } },
 * });
 *
 * @example
 * // Everything on a host: database, migrations, origin certificate, private images.
 * import { AppOrigin, PostgresWithAppUser, RemoteHost } from "groundwork/components";
 * import * as pulumi from "@pulumi/pulumi";
 *
 * declare const host: RemoteHost;
 * const config = new pulumi.Config();
 * const database = new PostgresWithAppUser("main", {
 *   kind: "container",
 *   host,
 *   project: "streampai",
 *   database: "streampai",
 * });
 * export const origin = new AppOrigin("api", {
 *   kind: "compose",
 *   host,
 *   zoneId: "000000000000000000000000000020e1",
 *   hostnames: ["api.example.com"],
 *   publicAddresses: ["203.0.113.10", "2001:db8::10"],
 *   proxied: true,
 *   manageDns: true,
 *   originCertificate: { validityDays: 365, keyMode: "0600" },
 *   project: "streampai",
 *   composeFile: "compose.yaml",
 *   files: ["Caddyfile"],
 *   services: {
 *     api: {
 *       port: 4000,
 *       publish: 80,
 *       tls: { port: 4443, publish: 443 },
 *       image: "ghcr.io/example/api:1.4.2",
 *       healthPath: "/health",
 *       drainSeconds: 30,
 *       replicas: 1,
 *       environment: { PORT: "4000" },
 *     },
 *     worker: {},
 *   },
 *   environment: { PHX_HOST: "api.example.com", DATABASE_URL: database.appUrl },
 *   secrets: { SECRET_KEY_BASE: config.requireSecret("secretKeyBase") },
 *   composeEnvironment: { LOG_LEVEL: "info" },
 *   registries: [{ server: "ghcr.io", username: "example", password: config.requireSecret("registryToken") }],
 *   databases: [database],
 *   migrations: {
 *     service: "api",
 *     command: ["bin/migrate"],
 *     environment: { DATABASE_URL: database.migratorUrl },
 *     timeoutSeconds: 600,
 *   },
 *   release: "2026-01-31",
 *   pull: "missing",
 *   healthTimeoutSeconds: 180,
 * });
 *
 * @example
 * // A PaaS behind Cloudflare, with its variables handed over.
 * import { AppOrigin } from "groundwork/components";
 * import * as pulumi from "@pulumi/pulumi";
 *
 * export const origin = new AppOrigin("api", {
 *   kind: "external",
 *   zoneId: "000000000000000000000000000020e1",
 *   hostnames: ["api.example.com"],
 *   target: "relay-api.fly.dev",
 *   secrets: { OAUTH_ENCRYPTION_KEY: new pulumi.Config().requireSecret("oauthKey") },
 *   deliver: { command: ["flyctl", "secrets", "import", "--stage", "--app", "relay-api"] },
 *   release: {
 *     image: "registry.fly.io/relay-api:1.4.2",
 *     command: ["sh", "-c", 'flyctl deploy --app relay-api --image "$IMAGE"'],
 *     rollback: ["sh", "-c", 'flyctl deploy --app relay-api --image "$IMAGE"'],
 *   },
 *   healthPath: "/health",
 * });
 *
 * @example
 * // Several hosts: a Docker swarm.
 * import { AppOrigin, RemoteHost } from "groundwork/components";
 *
 * declare const hosts: RemoteHost[];
 * export const origin = new AppOrigin("api", {
 *   kind: "swarm",
 *   hosts,
 *   advertiseAddresses: ["10.0.0.1", "10.0.0.2", "10.0.0.3"],
 *   zoneId: "000000000000000000000000000020e1",
 *   hostnames: ["api.example.com"],
 *   publicAddresses: ["203.0.113.10", "203.0.113.11", "203.0.113.12"],
 *   composeFile: "compose.yaml",
 *   originCertificate: {},
 *   proxy: {},
 *   services: { api: { port: 4000, healthPath: "/health", strategy: "start-first", replicas: 3 } },
 * });
 *
 * @example
 * // A host without inbound ports.
 * import { AppOrigin, RemoteHost, Tunnel } from "groundwork/components";
 *
 * declare const host: RemoteHost;
 * declare const tunnel: Tunnel;
 * export const origin = new AppOrigin("pika", {
 *   kind: "tunnel",
 *   host,
 *   tunnel,
 *   composeFile: "compose.yaml",
 *   services: { "pika-cloud": { port: 3001 }, "pika-web": { port: 3000 } },
 *   connector: { service: "cloudflared" },
 * });
 */
export class AppOrigin extends pulumi.ComponentResource {
  /** `https://` addresses of the host names. */
  readonly urls: pulumi.Output<string[]>;
  readonly hostnames: pulumi.Output<string[]>;
  /** Identity of what runs: a hash of images, configuration and variables. Undefined where nothing is released from here. */
  readonly release: pulumi.Output<string> | undefined;
  /** What the last rollout lost, asked through the public address; undefined where nothing was asked. */
  readonly ledger: pulumi.Output<Ledger | undefined> | undefined;
  /** Name of the compose project. Undefined for external origins. */
  readonly project: pulumi.Output<string> | undefined;
  /** The last step: when it is done, the release answered. Undefined where nothing is verified. */
  readonly verified: pulumi.Resource | undefined;

  constructor(name: string, args: AppOriginArgs, opts?: pulumi.ComponentResourceOptions) {
    super(componentType("AppOrigin"), name, {}, opts);
    refuse(this, "AppOrigin", name, appOriginIssues(name, args));
    let images: Deployment["images"] | undefined;
    if (args.kind === "external") {
      this.hostnames = pulumi.output([...args.hostnames]);
      const deployment = externalOrigin(this, name, args);
      this.release = deployment.release;
      this.ledger = undefined;
      this.project = undefined;
      this.verified = deployment.last;
    } else {
      const deployed = deployedArgs(args);
      if (deployed === undefined) throw new pulumi.ResourceError("hosts is empty", this, true);
      const deployment =
        deployed.kind === "compose" && deployed.swarm !== undefined
          ? swarmDeployment(this, name, { ...deployed, swarm: deployed.swarm })
          : composeDeployment(this, name, deployed);
      this.hostnames = args.kind === "tunnel" ? args.tunnel.hostnames : pulumi.output([...args.hostnames]);
      this.release = deployment.release;
      images = deployment.images;
      this.ledger = deployment.ledger;
      this.project = pulumi.output(deployment.project);
      this.verified = deployment.last;
    }
    this.urls = this.hostnames.apply((hostnames) => hostnames.map((hostname) => `https://${hostname}`));
    this.registerOutputs({
      urls: this.urls,
      hostnames: this.hostnames,
      release: this.release,
      ledger: this.ledger,
      project: this.project,
      // Steps on a host hide what they are given: an approved plan is held against this.
      images,
    });
  }
}
