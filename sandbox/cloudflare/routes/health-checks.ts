import { z } from "zod";
import type { Route } from "../call";
import { below, crud, objectsOf } from "../crud";
import { refuse } from "../envelope";
import { planLimits } from "../plan";

const initial = {
  description: "",
  suspended: false,
  check_regions: null,
  type: "HTTP",
  interval: 60,
  retries: 2,
  timeout: 5,
  consecutive_fails: 1,
  consecutive_successes: 1,
  http_config: null,
  tcp_config: null,
};
const initialHttp = {
  method: "GET",
  path: "/",
  port: 80,
  expected_codes: ["200"],
  expected_body: "",
  header: null,
  follow_redirects: false,
  allow_insecure: false,
};

export const healthCheckRoutes: readonly Route[] = below(
  "/zones/{zone_id}",
  crud({
    kind: "health-check",
    at: "/healthchecks",
    needs: ["Health Checks"],
    id: "hex",
    schema: z.looseObject({
      name: z.string().regex(/^[A-Za-z0-9_-]+$/, "only letters, digits, hyphens and underscores"),
      address: z.string().min(1),
      type: z.enum(["HTTP", "HTTPS", "TCP"]).optional(),
      interval: z.int().min(5).max(3600).optional(),
      retries: z.int().min(0).max(5).optional(),
      timeout: z.int().min(1).max(10).optional(),
      http_config: z.record(z.string(), z.unknown()).nullish(),
    }),
    errors: { code: 1002, prefix: "Invalid request: " },
    updateBy: ["PUT", "PATCH"],
    missing: () => refuse(404, 1001, "health check not found"),
    check(_body, call, before) {
      const limit = planLimits[call.zone.plan].healthChecks;
      if (before === undefined && objectsOf(call.store, "health-check", call.scope).length >= limit) {
        throw refuse(403, 1003, `the plan of this zone allows ${limit} health checks`);
      }
    },
    complete: (body) => ({
      ...initial,
      ...body,
      ...(body["type"] === "TCP"
        ? {}
        : { http_config: { ...initialHttp, ...(body["http_config"] as object | undefined) } }),
    }),
    present: (row) => ({
      ...row.body,
      id: row.id,
      status: "unknown",
      failure_reason: "",
      created_on: row.createdAt,
      modified_on: row.updatedAt,
    }),
  }),
);
