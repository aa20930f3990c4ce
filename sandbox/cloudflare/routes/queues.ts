import { z } from "zod";
import type { Route } from "../call";
import { below, crud, objectsOf } from "../crud";
import { refuse } from "../envelope";

const settings = z.looseObject({
  delivery_delay: z.int().min(0).max(43_200).optional(),
  delivery_paused: z.boolean().optional(),
  message_retention_period: z.int().min(60).max(1_209_600).optional(),
});

export const queueRoutes: readonly Route[] = below(
  "/accounts/{account_id}",
  crud({
    kind: "queue",
    at: "/queues",
    needs: ["Queues"],
    id: "hex",
    schema: z.object({
      queue_name: z.string().regex(/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/, "not a valid queue name"),
      settings: settings.optional(),
    }),
    errors: { code: 11003, prefix: "Invalid request: " },
    updateBy: ["PUT", "PATCH"],
    missing: () => refuse(404, 11000, "Queue not found"),
    check({ queue_name: name }, call, before) {
      if (
        objectsOf(call.store, "queue").some(
          ({ id, body }) => body["queue_name"] === name && id !== before?.id,
        )
      ) {
        throw refuse(
          409,
          11009,
          `Queue name '${String(name)}' is already taken. Please use a different name and try again.`,
        );
      }
    },
    complete: (body, _call, before) => ({
      ...body,
      settings: {
        delivery_delay: 0,
        delivery_paused: false,
        message_retention_period: 345_600,
        ...(before?.body["settings"] as object | undefined),
        ...(body["settings"] as object | undefined),
      },
    }),
    beforeDelete(row, call) {
      call.store.deleteWhere("documents", ({ body }) => body["queueId"] === row.id);
    },
    present: (row) => ({
      queue_id: row.id,
      ...row.body,
      created_on: row.createdAt,
      modified_on: row.updatedAt,
      producers: [],
      producers_total_count: 0,
      consumers: [],
      consumers_total_count: 0,
    }),
    deleted: () => null,
  }),
);
