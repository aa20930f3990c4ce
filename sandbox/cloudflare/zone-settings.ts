import { z } from "zod";
import { cacheSeconds } from "../../components/shared/cache-seconds";
import type { PlanName } from "./model";

/** One setting of a zone: what it is before anybody sets it, what it takes, from which plan on it can be edited. */
export interface SettingKind {
  readonly initial: unknown;
  readonly schema: z.ZodType;
  /** Default `free`. `never` = read-only. */
  readonly editableFrom: PlanName | "never";
}

const order: readonly PlanName[] = ["free", "pro", "business", "enterprise"];

function kind(
  initial: unknown,
  schema: z.ZodType,
  editableFrom: SettingKind["editableFrom"] = "free",
): SettingKind {
  return { initial, schema, editableFrom };
}

const toggle = z.enum(["on", "off"]);
const off = kind("off", toggle);
const on = kind("on", toggle);
const challengeSeconds = [
  300, 900, 1800, 2700, 3600, 7200, 10800, 14400, 28800, 57600, 86400, 604800, 2592000, 31536000,
] as const;

const strictTransportSecurity = z.strictObject({
  enabled: z.boolean().default(false),
  max_age: z.int().min(0).max(31_536_000).default(0),
  include_subdomains: z.boolean().default(false),
  preload: z.boolean().default(false),
  nosniff: z.boolean().default(false),
});

/** Every setting, by id, with the defaults of a new zone. */
export const settingKinds: Readonly<Record<string, SettingKind>> = {
  "0rtt": off,
  advanced_ddos: kind("on", toggle, "never"),
  always_online: off,
  always_use_https: off,
  automatic_https_rewrites: on,
  brotli: on,
  browser_cache_ttl: kind(14400, z.literal([...cacheSeconds])),
  browser_check: on,
  cache_level: kind("aggressive", z.enum(["aggressive", "basic", "simplified"])),
  challenge_ttl: kind(1800, z.literal([...challengeSeconds])),
  ciphers: kind([], z.array(z.string().regex(/^[A-Z0-9-]+$/)), "free"),
  cname_flattening: kind("flatten_at_root", z.enum(["flatten_at_root", "flatten_all"]), "pro"),
  development_mode: off,
  early_hints: off,
  edge_cache_ttl: kind(7200, z.literal([...cacheSeconds.filter((seconds) => seconds >= 30)])),
  email_obfuscation: on,
  fonts: off,
  h2_prioritization: kind("off", z.enum(["on", "off", "custom"]), "pro"),
  hotlink_protection: off,
  http2: kind("on", toggle, "pro"),
  http3: on,
  image_resizing: kind("off", z.enum(["on", "off", "open"]), "business"),
  ip_geolocation: on,
  ipv6: on,
  max_upload: kind(100, z.int().min(100).max(1000), "pro"),
  min_tls_version: kind("1.0", z.enum(["1.0", "1.1", "1.2", "1.3"])),
  mirage: kind("off", toggle, "pro"),
  nel: on,
  opportunistic_encryption: on,
  opportunistic_onion: on,
  orange_to_orange: kind("off", toggle, "enterprise"),
  origin_error_page_pass_thru: kind("off", toggle, "enterprise"),
  origin_h2_max_streams: kind(200, z.int().min(1).max(1000), "enterprise"),
  origin_max_http_version: kind("2", z.enum(["1", "2"])),
  polish: kind("off", z.enum(["off", "lossless", "lossy"]), "pro"),
  prefetch_preload: kind("off", toggle, "enterprise"),
  privacy_pass: on,
  proxy_read_timeout: kind(
    "100",
    z.union([z.string().regex(/^\d+$/), z.int().min(1).max(6000)]),
    "enterprise",
  ),
  pseudo_ipv4: kind("off", z.enum(["off", "add_header", "overwrite_header"])),
  replace_insecure_js: on,
  response_buffering: kind("off", toggle, "enterprise"),
  rocket_loader: off,
  security_header: kind(
    { strict_transport_security: strictTransportSecurity.parse({}) },
    z.strictObject({ strict_transport_security: strictTransportSecurity }),
  ),
  security_level: kind("medium", z.enum(["off", "essentially_off", "low", "medium", "high", "under_attack"])),
  server_side_exclude: on,
  sha1_support: kind("off", toggle, "enterprise"),
  sort_query_string_for_cache: kind("off", toggle, "enterprise"),
  speed_brain: on,
  ssl: kind("full", z.enum(["off", "flexible", "full", "strict", "origin_pull"])),
  ssl_automatic_mode: kind("custom", z.enum(["auto", "custom"])),
  ssl_recommender: off,
  tls_1_2_only: off,
  tls_1_3: kind("on", z.enum(["on", "off", "zrt"])),
  tls_client_auth: off,
  transformations: off,
  true_client_ip_header: kind("off", toggle, "enterprise"),
  visitor_ip: on,
  waf: kind("off", toggle, "pro"),
  webp: kind("off", toggle, "pro"),
  websockets: on,
};

export function isEditable({ editableFrom }: SettingKind, plan: PlanName): boolean {
  return editableFrom !== "never" && order.indexOf(plan) >= order.indexOf(editableFrom);
}
