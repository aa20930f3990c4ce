/** `accounts/<id>` or `zones/<id>`: what an object that may live at either level belongs to. */
export type Scope = `accounts/${string}` | `zones/${string}`;

/** JSON as a client sent it. */
export type Json = Readonly<Record<string, unknown>>;

export type PlanName = "free" | "pro" | "business" | "enterprise";

export interface ZoneRow {
  readonly id: string;
  readonly name: string;
  readonly type: "full" | "partial" | "secondary" | "internal";
  readonly paused: boolean;
  readonly plan: PlanName;
  readonly status: "pending" | "active";
  readonly nameServers: readonly string[];
  readonly createdOn: string;
  readonly modifiedOn: string;
  readonly activatedOn: string | null;
  readonly verificationKey: string;
}

export interface DnsRow {
  readonly id: string;
  readonly zoneId: string;
  readonly name: string;
  readonly type: string;
  readonly content: string;
  readonly ttl: number;
  readonly proxied: boolean;
  readonly comment: string | null;
  readonly tags: readonly string[];
  readonly priority?: number | undefined;
  readonly data?: Json | undefined;
  readonly settings?: Json | undefined;
  readonly privateRouting?: boolean | undefined;
  /** Set on records that another product made and owns. */
  readonly ownedBy?: string | undefined;
  readonly createdOn: string;
  readonly modifiedOn: string;
  readonly commentModifiedOn?: string | undefined;
  readonly tagsModifiedOn?: string | undefined;
}

export interface SettingRow {
  readonly zoneId: string;
  readonly id: string;
  readonly value: unknown;
  readonly modifiedOn: string;
}

/** A JSON document that belongs to a zone, an account, a bucket…; the key says to which, the table says what it is. */
export interface DocumentRow {
  readonly owner: string;
  readonly body: Json;
  readonly modifiedOn: string;
}

/** An object that is an echo of its body with an id and times. */
export interface ObjectRow {
  readonly id: string;
  /** What it is; part of its key. */
  readonly kind: string;
  readonly scope: Scope;
  readonly body: Json;
  readonly createdAt: string;
  readonly updatedAt: string;
}

export interface RulesetRow {
  readonly id: string;
  readonly scope: Scope;
  readonly kind: string;
  readonly phase: string;
  readonly name: string;
  readonly description: string;
  readonly version: number;
  readonly lastUpdated: string;
  readonly rules: readonly RuleRow[];
}

export interface RuleRow extends Json {
  readonly id: string;
  readonly ref: string;
  readonly version: string;
  readonly action: string;
  readonly expression: string;
  readonly enabled: boolean;
  readonly last_updated: string;
}

export interface AccessPolicyRow extends ObjectRow {
  /** The application that owns it; undefined for a reusable one. */
  readonly appId?: string | undefined;
  readonly precedence?: number | undefined;
}

export interface AccessAppRow extends ObjectRow {
  readonly aud: string;
  readonly policies: readonly { readonly id: string; readonly precedence: number }[];
  /** Tokens issued up to then are not good any more. */
  readonly tokensRevokedAt?: string | undefined;
}

export interface ServiceTokenRow extends ObjectRow {
  readonly clientId: string;
  readonly secretHash: string;
  readonly previousSecret?: { readonly hash: string; readonly expiresAt: string } | undefined;
  readonly expiresAt: string | null;
}

export interface ApiTokenRow {
  readonly id: string;
  /** `user` or the account's id. */
  readonly owner: string;
  readonly name: string;
  readonly status: "active" | "disabled";
  readonly valueHash: string;
  readonly policies: readonly TokenPolicy[];
  readonly condition?: Json | undefined;
  readonly notBefore?: string | undefined;
  readonly expiresOn?: string | undefined;
  readonly issuedOn: string;
  readonly modifiedOn: string;
}

export interface TokenPolicy {
  readonly id: string;
  readonly effect: "allow" | "deny";
  readonly permission_groups: readonly { readonly id: string; readonly meta?: Json | undefined }[];
  readonly resources: Readonly<Record<string, string | Readonly<Record<string, string>>>>;
}

export interface PagesProjectRow {
  readonly id: string;
  readonly name: string;
  readonly subdomain: string;
  readonly productionBranch: string;
  readonly buildConfig: Json;
  readonly deploymentConfigs: { readonly preview: Json; readonly production: Json };
  readonly source?: Json | undefined;
  readonly canonicalDeployment?: string | undefined;
  readonly createdOn: string;
}

export interface PagesDomainRow {
  readonly id: string;
  readonly project: string;
  readonly name: string;
  readonly wasActive: boolean;
  readonly createdOn: string;
}

export interface PagesDeploymentRow {
  readonly id: string;
  readonly project: string;
  readonly environment: "production" | "preview";
  readonly branch: string;
  readonly commitHash: string;
  readonly commitMessage: string;
  readonly commitDirty: boolean;
  readonly manifest: Readonly<Record<string, string>>;
  readonly files: Readonly<Record<string, string>>;
  readonly envVars: Json;
  readonly status: "success" | "failure";
  readonly problem?: string | undefined;
  readonly createdOn: string;
  readonly modifiedOn: string;
}

export interface AssetRow {
  readonly sha256: string;
  readonly contentType: string;
  readonly size: number;
}

export interface BucketRow {
  readonly name: string;
  readonly jurisdiction: string;
  readonly location: string;
  readonly storageClass: string;
  readonly creationDate: string;
}

export interface BucketDomainRow {
  readonly bucket: string;
  readonly jurisdiction: string;
  readonly domain: string;
  readonly zoneId: string;
  readonly enabled: boolean;
  readonly minTLS?: string | undefined;
  readonly ciphers?: readonly string[] | undefined;
  readonly recordId: string;
  readonly createdOn: string;
}

export interface TunnelRow {
  readonly id: string;
  readonly name: string;
  readonly configSrc: "cloudflare" | "local";
  readonly secret: string;
  readonly createdAt: string;
  readonly deletedAt: string | null;
  readonly config?: { readonly body: Json; readonly version: number; readonly createdAt: string } | undefined;
  readonly metadata: Json;
  readonly wasConnected: boolean;
}

export interface CertificateRow {
  readonly id: string;
  readonly csr: string;
  readonly certificate: string;
  readonly hostnames: readonly string[];
  readonly requestType: string;
  readonly requestedValidity: number;
  readonly expiresOn: string;
  readonly revokedAt?: string | undefined;
}

/** Every table of the store and the row it holds. */
export interface Tables {
  readonly zones: ZoneRow;
  readonly dns: DnsRow;
  readonly settings: SettingRow;
  /** Single documents: DNSSEC, DNS settings, managed headers, tiered cache, CORS, lifecycle…, by `<kind>/<owner>`. */
  readonly documents: DocumentRow;
  readonly rulesets: RulesetRow;
  readonly objects: ObjectRow;
  readonly accessPolicies: AccessPolicyRow;
  readonly accessApps: AccessAppRow;
  readonly serviceTokens: ServiceTokenRow;
  readonly tokens: ApiTokenRow;
  readonly pagesProjects: PagesProjectRow;
  readonly pagesDomains: PagesDomainRow;
  readonly pagesDeployments: PagesDeploymentRow;
  readonly assets: AssetRow;
  readonly buckets: BucketRow;
  readonly bucketDomains: BucketDomainRow;
  readonly tunnels: TunnelRow;
  readonly certificates: CertificateRow;
}
