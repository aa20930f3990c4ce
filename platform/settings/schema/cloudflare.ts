import { z } from "zod";
import { cacheSeconds } from "../../../components/shared/cache-seconds";
import { isLoopback } from "../addresses";
import { checked, field } from "./field";
import { complainAboutHostname } from "../hostnames";
import { amount, cloudflareId, hostname, network, secretName, urlPath } from "./values";

/** @param exposed what would travel unencrypted to another machine by http */
export function complainAboutServiceUrl(value: string, exposed: string) {
  const allowed = "an https:// URL; http:// only for a server on this machine (127.0.0.1, [::1], localhost)";
  if (!URL.canParse(value)) return { what: "this is not a URL", allowed };
  const url = new URL(value);
  const name = url.hostname.replace(/^\[|\]$/g, "");
  const local = name === "localhost" || name.endsWith(".localhost") || isLoopback(name);
  if (url.username !== "" || url.password !== "")
    return { what: "a URL with a user or password in it", allowed };
  if (url.search !== "" || url.hash !== "") return { what: "a URL with a query or fragment", allowed };
  if (url.protocol === "https:" || (url.protocol === "http:" && local)) return undefined;
  return url.protocol === "http:"
    ? { what: `${exposed} would travel unencrypted`, allowed, fix: "write https://" }
    : { what: "this is not an http or https URL", allowed };
}

export const cloudflare = field(
  z.strictObject({
    accountId: cloudflareId("The account that owns the zone, the Pages projects and the buckets."),
    zoneId: cloudflareId("The id of the zone. Default: looked up by `groundwork:domain`.").optional(),
    apiUrl: field(
      checked(z.string(), (value) => complainAboutServiceUrl(value, "the API token")),
      {
        description:
          "The address of Cloudflare's API with its path. Default: https://api.cloudflare.com/client/v4. The sandbox " +
          "puts its own here, in its own copy of the file.",
        examples: ["http://127.0.0.1:8787/client/v4"],
        allowed: "an https:// URL; http:// only for a server on this machine",
      },
    ).optional(),
    apiTokenSecret: secretName(
      "The entry of groundwork:secrets that holds the API token. The environment's CLOUDFLARE_API_TOKEN serves as well.",
    ).default("CLOUDFLARE_API_TOKEN"),
    networks: field(z.array(network).min(1).max(200), {
      description:
        "Networks from which Cloudflare connects to origins: only those get past `cloudflareOnly`, and only they are " +
        "believed about a visitor's address. Default: the list that Cloudflare publishes.",
      examples: [["173.245.48.0/20", "2400:cb00::/32"]],
    }).optional(),
    advancedCertificates: field(z.boolean(), {
      description:
        "Has the zone the paid Advanced Certificate Manager, so that names two levels below the domain " +
        "(a.b.example.com) have a certificate? The free one covers one level.",
    }).default(false),
  }),
  { description: "The Cloudflare account." },
);

const redirect = z.strictObject({
  from: hostname("The host name that only redirects.", ["www.srq-hpn.example"]),
  to: hostname("The host name that visitors are sent to.", ["srq-hpn.example"]),
  statusCode: field(z.literal([301, 302, 307, 308]), { description: "The status." }).default(301),
});

const ruleRef = field(
  checked(z.string(), (value) =>
    /^[a-z0-9][a-z0-9_-]{0,63}$/.test(value)
      ? undefined
      : { what: "this cannot name a rule", allowed: "lower-case letters, digits, hyphens and underscores" },
  ),
  { description: "Names the rule across changes; unique in its list.", examples: ["block-xmlrpc"] },
);

const expression = field(z.string().min(1).max(4096), {
  description: "Cloudflare's rule language: which requests match.",
  examples: ['http.request.uri.path eq "/xmlrpc.php"'],
});

const hsts = z.strictObject({
  maxAgeSeconds: amount(
    "seconds",
    0,
    63_072_000,
    "For how long browsers insist on HTTPS. Cannot be taken back quickly: start with a day.",
    [86_400, 15_552_000],
  ).default(15_552_000),
  includeSubdomains: field(z.boolean(), {
    description: "Binds all names below the domain as well, those of other teams included.",
  }).default(false),
  preload: field(z.boolean(), {
    description:
      "Allows browsers to ship the domain in their preload list, which takes months to leave. Needs " +
      "includeSubdomains and at least 31536000 seconds.",
  }).default(false),
  nosniff: field(z.boolean(), { description: "Adds `X-Content-Type-Options: nosniff`." }).default(true),
});

export const zone = field(
  z.strictObject({
    plan: field(z.enum(["free", "pro", "business", "enterprise"]), {
      description:
        "The zone's plan. With `free`, whatever the free plan does not have is refused before Cloudflare does.",
    }).default("free"),
    ssl: field(z.enum(["off", "flexible", "full", "strict"]), {
      description:
        "How Cloudflare connects to origins: `off` and `flexible` by HTTP to port 80, `full` by HTTPS to port 443 with " +
        "any certificate, `strict` by HTTPS with a valid one (see `originCertificate`).",
    }).default("strict"),
    minTlsVersion: field(z.enum(["1.2", "1.3"]), {
      description: "The oldest TLS that clients may use. In quotes: 1.2 without them is a number.",
      allowed: '"1.2" or "1.3" ("1.0" and "1.1" are broken), in quotes',
    }).default("1.2"),
    tls13: field(z.enum(["on", "off", "zrt"]), {
      description: "TLS 1.3; `zrt` adds 0-RTT, whose requests can be replayed.",
      allowed: '"on", "off" or "zrt", in quotes',
    }).default("on"),
    hsts: field(hsts, { description: "HTTP Strict Transport Security. Default: no header." }).optional(),
    alwaysUseHttps: field(z.boolean(), { description: "Redirects HTTP to HTTPS." }).default(true),
    automaticHttpsRewrites: field(z.boolean(), {
      description: "Rewrites http:// links in pages to https:// where the other side has it.",
    }).default(true),
    brotli: field(z.boolean(), { description: "Compresses by Brotli." }).default(true),
    websockets: field(z.boolean(), { description: "Lets WebSockets through to origins." }).default(true),
    http3: field(z.boolean(), { description: "HTTP/3 (QUIC) to clients." }).default(true),
    earlyHints: field(z.boolean(), { description: "Sends 103 Early Hints." }).default(false),
    browserCacheTtl: field(z.literal([...cacheSeconds]), {
      description: "How long browsers keep files; 0 as the origin says. Default: left as it is.",
      unit: "seconds",
      allowed: `${cacheSeconds.join(", ")} (what Cloudflare takes)`,
      examples: [14_400],
    }).optional(),
    authenticatedOriginPulls: field(z.boolean(), {
      description: "Cloudflare shows its shared client certificate to origins. Default: left as it is.",
    }).optional(),
    dnssec: field(z.boolean(), { description: "Signs the zone. Default: left as it is." }).optional(),
    redirects: field(z.array(redirect), {
      description:
        "Host names that answer nothing but a redirect, path and query kept. The free plan has 10.",
      examples: [[{ from: "www.srq-hpn.example", to: "srq-hpn.example" }]],
    }).default([]),
    securityHeaders: field(z.boolean(), {
      description:
        "Adds the usual security headers at the edge (frame, referrer, permissions, content type).",
    }).default(false),
    responseHeaders: field(
      z.record(
        field(
          checked(z.string(), (name) =>
            /^[A-Za-z][A-Za-z0-9-]{0,99}$/.test(name)
              ? undefined
              : { what: "this is not the name of a header", allowed: "letters, digits and hyphens" },
          ),
          { description: "The header's name.", examples: ["X-Frame-Options"] },
        ),
        z.union([z.string().max(1000), z.null()]),
      ),
      {
        description: "Response headers set at the edge; null removes one.",
        examples: [{ "X-Powered-By": null }],
      },
    ).default({}),
    rateLimit: field(
      z.strictObject({
        pathPrefix: urlPath("Paths that start so.", ["/api/auth/"]),
        requestsPer10Seconds: amount("requests", 1, 100_000, "How many of one address in 10 seconds.", [20]),
      }),
      { description: "The one rate limit that the free plan has. Default: none." },
    ).optional(),
    firewallRules: field(
      z.array(
        z.strictObject({
          ref: ruleRef,
          expression,
          action: field(z.enum(["block", "managed_challenge", "js_challenge", "challenge"]), {
            description: "What happens to a request that matches.",
          }),
          description: field(z.string().max(500), { description: "Shown in the dashboard." }).optional(),
        }),
      ),
      { description: "Firewall rules, in order. The free plan has 5." },
    ).default([]),
    cacheRules: field(
      z.array(
        z.strictObject({
          ref: ruleRef,
          expression,
          cache: field(z.boolean(), { description: "False keeps requests that match out of the cache." }),
          edgeTtl: amount(
            "seconds",
            1,
            31_536_000,
            "How long the edge keeps the answer. The free plan: 7200 or more.",
            [7200],
          ).optional(),
          browserTtl: amount(
            "seconds",
            0,
            31_536_000,
            "How long browsers keep the answer.",
            [300],
          ).optional(),
        }),
      ),
      { description: "Cache rules, in order. The free plan has 10." },
    ).default([]),
    records: field(
      z.array(
        z.strictObject({
          name: field(
            checked(z.string(), (name) =>
              complainAboutHostname(name.replace(/^\*\./, "").replace(/(^|\.)_/g, "$1")),
            ),
            {
              description: "The full name, also with underscores: _dmarc.example.com.",
              examples: ["streampai.com"],
            },
          ),
          type: field(z.enum(["A", "AAAA", "CNAME", "TXT", "MX", "CAA"]), {
            description: "The record's type.",
          }),
          content: field(z.string().min(1).max(2048), {
            description: "The value; for CAA `0 issue letsencrypt.org`.",
            examples: ["v=spf1 -all"],
          }),
          priority: amount("priority", 0, 65_535, "For MX.", [10]).optional(),
          ttl: field(z.union([z.literal(1), z.int().min(60).max(86_400)]), {
            description: "How long resolvers keep it; 1 lets Cloudflare choose.",
            unit: "seconds",
            allowed: "1, or a whole number of seconds from 60 to 86400",
          }).default(1),
          proxied: field(z.boolean(), { description: "Goes traffic through Cloudflare?" }).default(false),
        }),
      ),
      { description: "Further DNS records: mail, verification, certificate authorities.", examples: [[]] },
    ).default([]),
  }),
  {
    description:
      "Settings of the whole zone. Only ONE stack may have this: the others on the same zone leave it out and live " +
      "with what that one sets.",
  },
);

export type CloudflareSettings = z.output<typeof cloudflare>;
export type ZoneSettings = z.output<typeof zone>;
