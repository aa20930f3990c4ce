import * as pulumi from "@pulumi/pulumi";
import type { RemoteHost } from "../remote/host";
import type { OriginDatabase } from "./postgres-with-app-user";
import type { TunnelConnection } from "./tunnel";

/** A compose service that takes traffic. */
export interface OriginService {
  /** Port on which the container listens. */
  readonly port: number;
  /** Port published on the host. @default none for a tunnel; 443 with `tls`, else 80 */
  readonly publish?: number;
  /** Path that answers 2xx or 3xx when the service can take traffic. @default the container's own health check only */
  readonly healthPath?: string;
  /** Seconds the service gets to end what is in flight. @default 30 */
  readonly drainSeconds?: number;
  /** Gets the origin certificate (files named by TLS_CERT_FILE and TLS_KEY_FILE) and speaks TLS on `port`. @default false */
  readonly tls?: boolean;
  /** Host name of this service behind a tunnel. @default the origin's only host name */
  readonly hostname?: string;
  /** Variables for this service alone, over the origin's. @default {} */
  readonly environment?: Readonly<Record<string, pulumi.Input<string>>>;
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

/** What every kind of origin has. */
export interface OriginCommonArgs {
  readonly zoneId: pulumi.Input<string>;
  /** Full host names that the origin answers. The first is its main one. */
  readonly hostnames: readonly string[];
  /** Makes the DNS records. @default true */
  readonly manageDns?: boolean;
  /** Variables of the application. @default {} */
  readonly environment?: Readonly<Record<string, pulumi.Input<string>>>;
  /** Secret variables of the application. @default {} */
  readonly secrets?: Readonly<Record<string, pulumi.Input<string>>>;
}

/** What is deployed by Docker Compose over SSH. */
export interface ComposeDeploymentArgs {
  readonly host: RemoteHost;
  /** Name of the compose project, unique on the host: lower case, digits, hyphens. @default the component's name */
  readonly project?: string;
  /** Path of the compose file here, relative to the working directory. */
  readonly composeFile: string;
  /** Services that take traffic, by their names in the compose file. */
  readonly services: Readonly<Record<string, OriginService>>;
  /** Image reference of a service, over that of the compose file. Pin digests in production. @default {} */
  readonly images?: Readonly<Record<string, pulumi.Input<string>>>;
  /** Variables for `${…}` in the compose file, besides the application's. Secret. @default {} */
  readonly composeEnvironment?: Readonly<Record<string, pulumi.Input<string>>>;
  /** Further services that get the application's variables, such as workers. @default [] */
  readonly workers?: readonly string[];
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
  };
  /** Seconds for all containers to be healthy. @default 180 */
  readonly healthTimeoutSeconds?: number;
}

/** Docker Compose on a host that Cloudflare reaches by proxied DNS. */
export interface ComposeOriginArgs extends OriginCommonArgs, ComposeDeploymentArgs {
  readonly kind: "compose";
  /** Public IPv4 and/or IPv6 addresses of the host, for the A and AAAA records. */
  readonly publicAddresses: readonly pulumi.Input<string>[];
  /** Sends traffic through Cloudflare. @default true */
  readonly proxied?: boolean;
  /** @default none: the host has a certificate of its own or speaks plain HTTP */
  readonly originCertificate?: OriginCertificateArgs;
}

/** A PaaS name behind Cloudflare: Fly.io, Render, Railway. */
export interface ExternalOriginArgs extends OriginCommonArgs {
  readonly kind: "external";
  /** Host name of the PaaS application, such as `relay-api.fly.dev`. */
  readonly target: pulumi.Input<string>;
  /** @default true */
  readonly proxied?: boolean;
  /** Hands the variables over: a program here that reads `NAME=value` lines from standard input. @default not handed over */
  readonly deliver?: {
    /** Program and arguments, such as `["flyctl", "secrets", "import", "--app", "relay-api"]`. */
    readonly command: readonly string[];
  };
  /** Path that answers 2xx or 3xx, asked of the target under the main host name with its certificate checked. @default not asked */
  readonly healthPath?: string;
}

/** Docker Compose on a host without inbound ports: a cloudflared container carries the traffic. */
export interface TunnelOriginArgs extends OriginCommonArgs, ComposeDeploymentArgs {
  readonly kind: "tunnel";
  readonly accountId: pulumi.Input<string>;
  /** A tunnel that exists, with routes of its own. @default one is made, with a route for each service's host name */
  readonly tunnel?: TunnelConnection;
  /** The cloudflared container. */
  readonly connector?: {
    /** Service in the compose file that is the connector and reads TUNNEL_TOKEN. @default one is added: `cloudflared` */
    readonly service?: string;
    /** Image of the added connector. @default the version this library was tested with */
    readonly image?: string;
    /** Networks of the compose file the added connector joins. @default the project's default network */
    readonly networks?: readonly string[];
  };
}

/** Arguments of {@link AppOrigin}. */
export type AppOriginArgs = ComposeOriginArgs | ExternalOriginArgs | TunnelOriginArgs;

/** What answers behind Cloudflare: containers on a host, or an application at a PaaS. */
export class AppOrigin extends pulumi.ComponentResource {
  /** `https://` addresses of the host names. */
  readonly urls!: pulumi.Output<string[]>;
  readonly hostnames!: pulumi.Output<string[]>;
  /** Identity of what runs: a hash of images, configuration and secrets' versions. Undefined for external origins. */
  readonly release!: pulumi.Output<string> | undefined;
  /** Name of the compose project. Undefined for external origins. */
  readonly project!: pulumi.Output<string> | undefined;
  /** The last step: when it is done, the release answered. Undefined where nothing is verified. */
  readonly verified!: pulumi.Resource | undefined;

  constructor(name: string, args: AppOriginArgs, opts?: pulumi.ComponentResourceOptions) {
    super("groundwork:index:AppOrigin", name, args, opts);
  }
}
