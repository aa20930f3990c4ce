/**
 * The settings of one environment: the only reader of `pulumi.Config`. One schema (settings/schema) describes
 * everything in a stack file; docs/settings.md and schemas/stack.schema.json are made from it.
 */
export type { AccessSettings } from "./settings/schema/access";
export type { BucketSettings } from "./settings/schema/buckets";
export type { CloudflareSettings, ZoneSettings } from "./settings/schema/cloudflare";
export type { Environment, EnvironmentValue } from "./settings/schema/environment";
export type { HostSettings } from "./settings/schema/hosts";
export type {
  ComposeOriginSettings,
  ExternalOriginSettings,
  OriginSettings,
  ServiceSettings,
  TunnelOriginSettings,
} from "./settings/schema/origins";
export type { CookieSettings, DevSettings, ReleaseSettings, TokenSettings } from "./settings/schema/others";
export type { SiteSettings } from "./settings/schema/sites";
export type { TunnelSettings } from "./settings/schema/tunnels";
export type * from "./settings/settings-type";
