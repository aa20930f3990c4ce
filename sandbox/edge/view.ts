import type { AccessView } from "./access/model";
import type { TunnelConfiguration } from "../tunnel/messages";

/**
 * What the edge needs to know of the account behind it: a read-only view, asked anew for each request, so that a
 * change made through the API is in force at the next request.
 */
export interface EdgeView {
  /** The zone that owns a host name (the longest matching one), or undefined where no zone does. */
  zoneForHost(host: string): EdgeZone | undefined;
  /** Records of exactly this name, else those of the nearest wildcard. */
  records(zoneId: string, host: string): readonly EdgeRecord[];
  /** The value of a zone setting (`ssl`, `always_use_https`, `security_header` …), the plan's default if never set. */
  setting(zoneId: string, settingId: string): unknown;
  /** Enabled rules of a zone's entry point for a phase, in order; bodies as the API returns them. */
  rules(zoneId: string, phase: string): readonly EdgeRule[];
  /** The Pages project whose custom domain or `*.pages.dev` name this host is. */
  pagesForHost(host: string): EdgePages | undefined;
  /** A bucket's public address, custom or below r2.dev, open or not, with the oldest TLS it takes. */
  publicBucket?(host: string): { readonly minTls?: string | undefined } | undefined;
  /** Access in front of hosts. Optional: an edge without it lets everybody pass. */
  readonly access?: AccessView;
  /** A tunnel of the account that is not deleted. Optional: an edge without tunnels needs none. */
  tunnel?(id: string): EdgeTunnel | undefined;
  /** The certificate (PEM) of the authority that signs origin certificates: what `ssl: strict` trusts. */
  readonly originCaCertificate: string;
}

export interface EdgeZone {
  readonly id: string;
  readonly name: string;
}

/** A tunnel, as its connectors are let in and told what to do. */
export interface EdgeTunnel {
  readonly id: string;
  readonly accountId: string;
  readonly name: string;
  /** Base64, as in its token. */
  readonly secret: string;
  /** The remote-managed configuration; version 0 and no rule until there is one. */
  readonly configuration: TunnelConfiguration;
}

export interface EdgeRecord {
  readonly id: string;
  readonly type: string;
  readonly name: string;
  readonly content: string;
  readonly proxied: boolean;
}

export interface EdgeRule {
  readonly ref?: string;
  readonly action: string;
  readonly expression: string;
  readonly action_parameters?: Record<string, unknown>;
}

/** One deployment of a Pages project as the edge serves it. */
export interface EdgePages {
  readonly project: string;
  /** Undefined until the first deployment has succeeded. */
  readonly deployment?: {
    readonly id: string;
    /** Path with a leading slash -> content hash. */
    readonly manifest: Readonly<Record<string, string>>;
    /** Text of the `_headers` and `_redirects` files uploaded with it. */
    readonly headersFile?: string;
    readonly redirectsFile?: string;
  };
  asset(hash: string): { readonly body: Buffer; readonly contentType: string } | undefined;
}
