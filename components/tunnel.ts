import * as cloudflare from "@pulumi/cloudflare";
import * as pulumi from "@pulumi/pulumi";
import * as random from "@pulumi/random";
import { type Behind, before } from "./shared/behind";
import { localStep } from "./shared/local-step";
import { componentType, fitName } from "./shared/names";
import { isHostname, Issues, refuse } from "./shared/validation";

/** Options of how cloudflared speaks to a service behind a tunnel. Times are in seconds. */
export interface TunnelOriginRequest {
  /** Seconds to wait for a connection to the service. @default 30, cloudflared's own */
  readonly connectTimeout?: number;
  /** The Host header sent to the service. @default the visitor's */
  readonly httpHostHeader?: string;
  /** Accepts any certificate of an `https://` service. @default false */
  readonly noTlsVerify?: boolean;
  /** The name expected in the certificate of an `https://` service. @default the service's host */
  readonly originServerName?: string;
  /** Speaks HTTP/2 to an `https://` service. @default false */
  readonly http2Origin?: boolean;
  /** Makes cloudflared itself verify the Access token of each request. @default not verified by cloudflared */
  readonly access?: { readonly teamName: string; readonly audiences: readonly pulumi.Input<string>[] };
}

/** One public host name that a tunnel answers. */
export interface TunnelRoute {
  /** Full host name inside the zone. */
  readonly hostname: string;
  /** Regular expression for the path. @default every path */
  readonly path?: string;
  /** Where cloudflared sends the traffic, as its own network sees it: `http://pika-cloud:3001`. */
  readonly service: pulumi.Input<string>;
  /** @default cloudflared's own defaults */
  readonly originRequest?: TunnelOriginRequest;
}

/** Arguments of {@link Tunnel}. */
export interface TunnelArgs {
  readonly accountId: pulumi.Input<string>;
  /** Zone in which the host names stand. */
  readonly zoneId: pulumi.Input<string>;
  /** Name of the tunnel, unique among the account's live tunnels. @default the component's name */
  readonly tunnelName?: string;
  /** Routes, matched in order; the catch-all comes after them by itself. */
  readonly routes: readonly TunnelRoute[];
  /** What every other host name gets. @default "http_status:404" */
  readonly catchAll?: string;
  /** Makes the proxied CNAME record of each host name. @default true */
  readonly manageDns?: boolean;
  /**
   * What must be there before one of the host names can be reached, and is removed after it: `applications` of
   * {@link AccessProtectedEnv}. @default nothing
   */
  readonly behind?: Behind;
  /**
   * Leaves the secret of a tunnel that was made elsewhere and is imported: nobody can read it. The token is asked for by
   * the API instead of being made. @default false
   */
  readonly keepSecret?: boolean;
  /**
   * Ends the connections of the tunnel just before it is deleted, by this token, which may edit tunnels: Cloudflare
   * refuses to delete a tunnel that is connected. Secret.
   *
   * @default not ended: stop cloudflared before the stack is destroyed
   */
  readonly disconnect?: {
    readonly apiToken: pulumi.Input<string>;
    /** @default "https://api.cloudflare.com/client/v4" */
    readonly apiUrl?: pulumi.Input<string> | undefined;
  };
}

/** A tunnel as seen by what runs its connector. */
export interface TunnelConnection {
  /** What `TUNNEL_TOKEN` of cloudflared is. Secret. */
  readonly token: pulumi.Output<string>;
  /** Public host names it carries. */
  readonly hostnames: pulumi.Output<string[]>;
}

/**
 * A Cloudflare tunnel that is configured from here, with its routes and the DNS records of its host names. Its
 * connector (cloudflared) runs beside what it serves, with `token` as TUNNEL_TOKEN, and needs no inbound port.
 *
 * @example
 * // The smallest.
 * import { Tunnel } from "groundwork/components";
 *
 * const tunnel = new Tunnel("pika", {
 *   accountId: "0000000000000000000000000000ac01",
 *   zoneId: "000000000000000000000000000020e1",
 *   routes: [{ hostname: "api.example.com", service: "http://pika-cloud:3001" }],
 * });
 * export const token = tunnel.token;
 *
 * @example
 * // Everything.
 * import { Tunnel } from "groundwork/components";
 * import * as pulumi from "@pulumi/pulumi";
 *
 * export const tunnel = new Tunnel("pika", {
 *   accountId: "0000000000000000000000000000ac01",
 *   zoneId: "000000000000000000000000000020e1",
 *   tunnelName: "pika-production",
 *   routes: [
 *     { hostname: "api.example.com", path: "^/ws", service: "http://pika-sockets:3002" },
 *     { hostname: "api.example.com", service: "http://pika-cloud:3001", originRequest: { connectTimeout: 10 } },
 *     { hostname: "example.com", service: "https://pika-web:3000", originRequest: { noTlsVerify: true } },
 *   ],
 *   catchAll: "http_status:404",
 *   manageDns: true,
 *   keepSecret: false,
 *   disconnect: { apiToken: new pulumi.Config("cloudflare").requireSecret("apiToken") },
 * });
 */
export class Tunnel extends pulumi.ComponentResource implements TunnelConnection {
  readonly tunnelId: pulumi.Output<string>;
  /** What `TUNNEL_TOKEN` of cloudflared is. Secret. */
  readonly token: pulumi.Output<string>;
  /** Target of the CNAME records: `<id>.cfargotunnel.com`. */
  readonly cname: pulumi.Output<string>;
  readonly hostnames: pulumi.Output<string[]>;

  constructor(name: string, args: TunnelArgs, opts?: pulumi.ComponentResourceOptions) {
    super(componentType("Tunnel"), name, {}, opts);
    refuse(this, "Tunnel", name, tunnelIssues(args));
    const { accountId, zoneId } = args;
    const hostnames = [...new Set(args.routes.map(({ hostname }) => hostname))];

    const secret =
      args.keepSecret === true
        ? undefined
        : new random.RandomBytes(`${name}-secret`, { length: 32 }, { parent: this });
    const tunnel = new cloudflare.ZeroTrustTunnelCloudflared(
      name,
      {
        accountId,
        name: args.tunnelName ?? fitName(name, 100),
        configSrc: "cloudflare",
        ...(secret === undefined ? {} : { tunnelSecret: pulumi.secret(secret.base64) }),
      },
      // Names are unique among live tunnels, so a replacement needs the old one gone.
      { parent: this, deleteBeforeReplace: true },
    );
    const { disconnect } = args;
    const disconnected =
      disconnect === undefined
        ? []
        : [
            localStep(
              `${name}-disconnect`,
              {
                program: "tunnel-disconnect.js",
                when: "delete",
                input: {
                  apiUrl: disconnect.apiUrl ?? "https://api.cloudflare.com/client/v4",
                  apiToken: pulumi.secret(disconnect.apiToken),
                  accountId,
                  tunnelId: tunnel.id,
                },
              },
              { parent: this },
            ),
          ];
    const configuration = new cloudflare.ZeroTrustTunnelCloudflaredConfig(
      `${name}-config`,
      {
        accountId,
        tunnelId: tunnel.id,
        source: "cloudflare",
        config: {
          ingresses: [...args.routes.map(ingress), { service: args.catchAll ?? "http_status:404" }],
        },
      },
      // Deleted in reverse: the connections end last, so that none comes back before the tunnel has gone.
      { parent: this, dependsOn: disconnected },
    );
    this.tunnelId = tunnel.id;
    this.cname = pulumi.interpolate`${tunnel.id}.cfargotunnel.com`;
    // What the API's token call answers, without asking it at every preview where the secret is known here.
    this.token = pulumi.secret(
      secret === undefined
        ? cloudflare.getZeroTrustTunnelCloudflaredTokenOutput(
            { accountId, tunnelId: tunnel.id },
            { parent: this },
          ).token
        : pulumi
            .all([accountId, tunnel.id, secret.base64])
            .apply(([a, t, s]) => Buffer.from(JSON.stringify({ a, t, s })).toString("base64")),
    );
    this.hostnames = pulumi.output(hostnames);
    if (args.manageDns ?? true) {
      for (const hostname of hostnames) {
        new cloudflare.DnsRecord(
          `${name}-dns-${hostname}`,
          { zoneId, name: hostname, type: "CNAME", content: this.cname, ttl: 1, proxied: true },
          { parent: this, dependsOn: [configuration, ...before(args.behind, hostname)] },
        );
      }
    }
    this.registerOutputs({
      tunnelId: this.tunnelId,
      token: this.token,
      cname: this.cname,
      hostnames: this.hostnames,
    });
  }
}

function ingress({ hostname, path, service, originRequest }: TunnelRoute) {
  if (originRequest === undefined) return { hostname, ...(path === undefined ? {} : { path }), service };
  const { access, ...rest } = originRequest;
  return {
    hostname,
    ...(path === undefined ? {} : { path }),
    service,
    originRequest: {
      ...rest,
      ...(access === undefined
        ? {}
        : { access: { required: true, teamName: access.teamName, audTags: [...access.audiences] } }),
    },
  };
}

/** Every mistake in a tunnel's arguments. */
export function tunnelIssues(args: TunnelArgs): Issues {
  const issues = new Issues();
  const service = /^(https?|tcp|ssh):\/\/[^\s/]+$|^unix:\/\S+$|^http_status:[1-5]\d\d$/;
  if (args.routes.length === 0) issues.add("routes", "a tunnel needs a route");
  const seen = new Set<string>();
  args.routes.forEach((route, index) => {
    const at = `routes[${index}]`;
    issues.check(`${at}.hostname`, route.hostname, isHostname, "is not a full host name in lower case");
    issues.check(
      `${at}.service`,
      route.service,
      (value) => service.test(value),
      "is nothing a tunnel can connect to",
      "http://service:port, https://, tcp://, ssh://, unix:/path, http_status:404",
    );
    const key = `${route.hostname} ${route.path ?? ""}`;
    if (seen.has(key)) issues.add(at, "can never match: an earlier route has the same host name and path");
    else if (seen.has(`${route.hostname} `)) {
      issues.add(at, "can never match: an earlier route takes every path of this host name", {
        value: route.path,
      });
    }
    seen.add(key);
  });
  issues.check(
    "catchAll",
    args.catchAll,
    (value) => service.test(value),
    "is nothing a tunnel can answer with",
    "http_status:404",
  );
  issues.check(
    "tunnelName",
    args.tunnelName,
    (value) => value !== "" && value.length <= 100,
    "has not 1 to 100 characters",
  );
  return issues;
}
