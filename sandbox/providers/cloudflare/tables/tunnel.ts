import { isObject, type Value } from "../../values";
import type { ResourceTable } from "../table";

export const tunnelTables: readonly ResourceTable[] = [
  {
    name: "ZeroTrustTunnelCloudflared",
    create: "POST /accounts/{accountId}/cfd_tunnel",
    read: "GET /accounts/{accountId}/cfd_tunnel/{id}",
    update: "PATCH /accounts/{accountId}/cfd_tunnel/{id}",
    delete: "DELETE /accounts/{accountId}/cfd_tunnel/{id}",
    id: "id",
    importId: "accountId/id",
    replace: ["accountId", "configSrc"],
    rules: {
      tunnelSecret: { secret: true, kept: true },
      // Not told by every answer; what is not told has not changed.
      configSrc: { default: "local", kept: (found) => found === undefined || found === null },
    },
    fromAnswer: withSource,
    // A deleted tunnel can still be read.
    isGone: (answer) => typeof answer["deleted_at"] === "string",
  },
  {
    name: "ZeroTrustTunnelCloudflaredConfig",
    names: "camel",
    create: "PUT /accounts/{accountId}/cfd_tunnel/{tunnelId}/configurations",
    read: "GET /accounts/{accountId}/cfd_tunnel/{tunnelId}/configurations",
    update: "PUT /accounts/{accountId}/cfd_tunnel/{tunnelId}/configurations",
    id: "tunnelId",
    importId: "accountId/tunnelId",
    replace: ["accountId", "tunnelId"],
    recomputed: ["version", "createdAt"],
    rules: { source: { default: "cloudflare" }, createdAt: { answer: "created_at" } },
    check({ config }) {
      const ingresses = isObject(config) ? config["ingresses"] : undefined;
      const last = Array.isArray(ingresses) ? ingresses.at(-1) : undefined;
      if (!isObject(last) || (last["hostname"] ?? "") === "") return [];
      const reason =
        'the last element of "config.ingresses" has to catch all: a "service" such as "http_status:404" and no "hostname"';
      return [{ property: "config.ingresses", reason }];
    },
  },
];

/** `remote_config` says the same as `config_src`, where that is missing. */
function withSource(answer: Value): Value {
  if (!isObject(answer) || typeof answer["config_src"] === "string") return answer;
  const isRemote = answer["remote_config"];
  return typeof isRemote === "boolean"
    ? { ...answer, config_src: isRemote ? "cloudflare" : "local" }
    : answer;
}
