import { isObject } from "../../values";
import type { ResourceTable } from "../table";

/** Settings of a zone, of a host in it, and of its cache and certificates. None is undone by a delete unless it says so. */
export const zoneSettingTables: readonly ResourceTable[] = [
  {
    name: "ZoneSetting",
    create: "PATCH /zones/{zoneId}/settings/{settingId}",
    read: "GET /zones/{zoneId}/settings/{settingId}",
    update: "PATCH /zones/{zoneId}/settings/{settingId}",
    id: "settingId",
    importId: "zoneId/settingId",
    replace: ["zoneId", "settingId"],
    recomputed: ["modifiedOn"],
    // The one setting that is switched by `enabled` takes no value, which the SDK asks for all the same.
    toBody(body, { wanted }) {
      return wanted["settingId"] === "ssl_recommender" && isObject(body)
        ? { enabled: wanted["enabled"] }
        : body;
    },
    fromAnswer(answer, recorded) {
      const isSwitch = recorded["settingId"] === "ssl_recommender" && isObject(answer);
      return isSwitch ? { ...answer, value: answer["value"] ?? recorded["value"] } : answer;
    },
  },
  {
    name: "HostnameTlsSetting",
    create: "PUT /zones/{zoneId}/hostnames/settings/{settingId}/{hostname}",
    read: "GET /zones/{zoneId}/hostnames/settings/{settingId}/{hostname}",
    update: "PUT /zones/{zoneId}/hostnames/settings/{settingId}/{hostname}",
    delete: "DELETE /zones/{zoneId}/hostnames/settings/{settingId}/{hostname}",
    id: "settingId",
    importId: "zoneId/settingId/hostname",
    replace: ["zoneId", "settingId", "hostname"],
    recomputed: ["updatedAt", "status"],
  },
  {
    name: "TieredCache",
    create: "POST /zones/{zoneId}/cache/tiered_cache_smart_topology_enable",
    read: "GET /zones/{zoneId}/cache/tiered_cache_smart_topology_enable",
    update: "PATCH /zones/{zoneId}/cache/tiered_cache_smart_topology_enable",
    delete: "DELETE /zones/{zoneId}/cache/tiered_cache_smart_topology_enable",
    id: "zoneId",
    importId: "zoneId",
    replace: ["zoneId"],
    recomputed: ["modifiedOn"],
  },
  {
    name: "UniversalSslSetting",
    create: "PATCH /zones/{zoneId}/ssl/universal/settings",
    read: "GET /zones/{zoneId}/ssl/universal/settings",
    update: "PATCH /zones/{zoneId}/ssl/universal/settings",
    id: "zoneId",
    importId: "zoneId",
    replace: ["zoneId"],
  },
];
