import { z } from "zod";
import type { Call, Route } from "../call";
import { below, crud, objectOf } from "../crud";
import { refuse } from "../envelope";
import type { Json, ObjectRow } from "../model";

const needs = ["Notifications", "Account Settings"];
const webhookErrors = { code: 17003, prefix: "Invalid request: " };

const alertTypes = [
  "access_custom_certificate_expiration_type",
  "advanced_ddos_attack_l4_alert",
  "advanced_http_alert_error",
  "billing_usage_alert",
  "dedicated_ssl_certificate_event_type",
  "expiring_service_token_alert",
  "failing_logpush_job_disabled_alert",
  "health_check_status_notification",
  "hostname_aop_custom_certificate_expiration_type",
  "http_alert_edge_error",
  "http_alert_origin_error",
  "incident_alert",
  "load_balancing_health_alert",
  "load_balancing_pool_enablement_alert",
  "maintenance_event_notification",
  "pages_event_alert",
  "radar_notification",
  "real_origin_monitoring",
  "secondary_dns_all_primaries_failing",
  "security_insights_alert",
  "sentinel_alert",
  "stream_live_notifications",
  "tunnel_health_event",
  "tunnel_update_event",
  "universal_ssl_event_type",
  "web_analytics_metrics_update",
  "weekly_account_overview",
  "workers_alert",
  "zone_aop_custom_certificate_expiration_type",
] as const;

const webhooks = crud({
  kind: "webhook",
  at: "/alerting/v3/destinations/webhooks",
  needs,
  id: "hex",
  schema: z.looseObject({
    name: z.string().min(1),
    url: z.url({ protocol: /^https?$/ }),
    secret: z.string().optional(),
  }),
  errors: webhookErrors,
  missing: () => refuse(404, 17002, "webhook not found"),
  complete: (body, _call, before) =>
    body["secret"] === undefined && before?.body["secret"] !== undefined
      ? { ...body, secret: before.body["secret"] }
      : body,
  beforeDelete(row, call) {
    const user = call.store.find(
      "objects",
      ({ kind, body }) => kind === "notification-policy" && mechanism(body, "webhooks").includes(row.id),
    );
    if (user !== undefined)
      throw refuse(400, 17012, `webhook is used by the notification policy ${String(user.body["name"])}`);
  },
  present: (row) => {
    const { secret: _secret, ...shown } = row.body;
    return {
      ...shown,
      id: row.id,
      type: typeOf(String(row.body["url"])),
      created_at: row.createdAt,
      last_success: null,
      last_failure: null,
    };
  },
  presentNew: (row) => ({ id: row.id }),
  presentChanged: (row) => ({ id: row.id }),
  deleted: () => null,
});

function typeOf(url: string): string {
  const { hostname } = new URL(url);
  if (hostname === "hooks.slack.com") return "slack";
  if (hostname === "discord.com" || hostname === "discordapp.com") return "discord";
  return "generic";
}

function mechanism(body: Json, name: string): unknown[] {
  const list = (body["mechanisms"] as Record<string, { id?: string }[]> | undefined)?.[name] ?? [];
  return list.map(({ id }) => id);
}

const targets = z.array(z.looseObject({ id: z.string() })).optional();
const policies = crud({
  kind: "notification-policy",
  at: "/alerting/v3/policies",
  needs,
  id: "hex",
  schema: z.looseObject({
    name: z.string().min(1),
    alert_type: z.enum(alertTypes),
    enabled: z.boolean().default(true),
    description: z.string().optional(),
    mechanisms: z.looseObject({ email: targets, webhooks: targets, pagerduty: targets }),
    filters: z.record(z.string(), z.unknown()).optional(),
    alert_interval: z.string().optional(),
  }),
  errors: { code: 17000, prefix: "Invalid request: " },
  missing: () => refuse(404, 17001, "policy not found"),
  check(body, call) {
    const all = ["email", "webhooks", "pagerduty"].flatMap((name) => mechanism(body, name));
    if (all.length === 0) throw refuse(400, 17101, "at least one mechanism is required");
    checkWebhooks(body, call);
  },
  present: (row) => ({
    description: "",
    filters: {},
    ...row.body,
    id: row.id,
    created: row.createdAt,
    modified: row.updatedAt,
  }),
  presentNew: idOnly,
  presentChanged: idOnly,
  deleted: () => null,
});

function checkWebhooks(body: Json, { store }: Call): void {
  for (const id of mechanism(body, "webhooks")) {
    if (objectOf(store, "webhook", String(id)) === undefined)
      throw refuse(400, 17102, `webhook not found: ${String(id)}`);
  }
}

function idOnly({ id }: ObjectRow): object {
  return { id };
}

export const alertingRoutes: readonly Route[] = below("/accounts/{account_id}", [...webhooks, ...policies]);
