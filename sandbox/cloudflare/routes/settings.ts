import { z } from "zod";
import type { Call, Route } from "../call";
import { refuse } from "../envelope";
import type { ZoneRow } from "../model";
import type { Store } from "../store";
import { parse } from "../validate";
import { isEditable, settingKinds } from "../zone-settings";

export const settingRoutes: readonly Route[] = [
  { method: "GET", path: "/zones/{zone_id}/settings", needs: ["Zone Settings"], handle: readAll },
  { method: "PATCH", path: "/zones/{zone_id}/settings", needs: ["Zone Settings"], handle: writeSeveral },
  {
    method: "GET",
    path: "/zones/{zone_id}/settings/{setting_id}",
    needs: ["Zone Settings"],
    handle: (call) => ({ result: settingBody(call.store, call.zone, call.params["setting_id"]!) }),
  },
  {
    method: "PATCH",
    path: "/zones/{zone_id}/settings/{setting_id}",
    needs: ["Zone Settings"],
    handle: (call) => ({ result: write(call, call.params["setting_id"]!, call.body) }),
  },
];

function readAll({ store, zone }: Call): ReturnType<Route["handle"]> {
  return { result: Object.keys(settingKinds).map((id) => settingBody(store, zone, id)) };
}

function writeSeveral(call: Call): ReturnType<Route["handle"]> {
  const { items } = parse(z.object({ items: z.array(z.looseObject({ id: z.string() })).min(1) }), call.body, {
    code: 1007,
  });
  return { result: items.map((item) => write(call, item.id, item)) };
}

function write(call: Call, id: string, body: unknown): object {
  const kind = settingKinds[id];
  if (kind === undefined) throw unknown(id);
  const { zone, store } = call;
  if (!isEditable(kind, zone.plan)) throw refuse(400, 1015, `Not allowed to edit setting for ${id}`);
  const given = (body ?? {}) as { value?: unknown; enabled?: unknown };
  const value =
    id === "ssl_recommender" && typeof given.enabled === "boolean"
      ? given.enabled
        ? "on"
        : "off"
      : given.value;
  const parsed = kind.schema.safeParse(value);
  if (value === undefined || !parsed.success) throw refuse(400, 1007, `Invalid value for zone setting ${id}`);
  store.put("settings", `${zone.id}/${id}`, {
    zoneId: zone.id,
    id,
    value: parsed.data,
    modifiedOn: call.time,
  });
  return settingBody(store, zone, id);
}

function unknown(id: string): Error {
  return refuse(400, 1006, `Unrecognized zone setting name: ${id}`);
}

/** The value in force: the one set, else the default. @returns undefined for a setting that does not exist. */
export function settingValue(store: Store, zoneId: string, id: string): unknown {
  return store.get("settings", `${zoneId}/${id}`)?.value ?? settingKinds[id]?.initial;
}

function settingBody(store: Store, zone: ZoneRow, id: string): object {
  const kind = settingKinds[id];
  if (kind === undefined) throw unknown(id);
  const value = settingValue(store, zone.id, id);
  return {
    id,
    value,
    modified_on: store.get("settings", `${zone.id}/${id}`)?.modifiedOn ?? null,
    editable: isEditable(kind, zone.plan),
    ...(id === "development_mode" ? { time_remaining: value === "on" ? 10_800 : 0 } : {}),
    ...(id === "ssl_recommender" ? { enabled: value === "on" } : {}),
  };
}
