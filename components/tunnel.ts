import * as pulumi from "@pulumi/pulumi";

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
}

/** A tunnel as seen by what runs its connector. */
export interface TunnelConnection {
  /** What `TUNNEL_TOKEN` of cloudflared is. Secret. */
  readonly token: pulumi.Output<string>;
  /** Public host names it carries. */
  readonly hostnames: pulumi.Output<string[]>;
}

/** A Cloudflare tunnel managed from here, with its routes and DNS records. */
export class Tunnel extends pulumi.ComponentResource implements TunnelConnection {
  readonly tunnelId!: pulumi.Output<string>;
  /** What `TUNNEL_TOKEN` of cloudflared is. Secret. */
  readonly token!: pulumi.Output<string>;
  /** Target of the CNAME records: `<id>.cfargotunnel.com`. */
  readonly cname!: pulumi.Output<string>;
  readonly hostnames!: pulumi.Output<string[]>;

  constructor(name: string, args: TunnelArgs, opts?: pulumi.ComponentResourceOptions) {
    super("groundwork:index:Tunnel", name, args, opts);
  }
}
