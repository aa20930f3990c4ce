import { setTimeout as sleep } from "node:timers/promises";
import type { InputDefinition, ResourceDefinition } from "../definition";
import type { Value, Values } from "../values";
import { type DockerApi, DockerError } from "./api";
import { freeingName, labelList, labelMap, named } from "./naming";
import type { DockerConfig } from "./settings";

function replacing(...names: string[]): Record<string, InputDefinition> {
  return Object.fromEntries(names.map((name) => [name, { replace: true }]));
}

interface NetworkInspection {
  readonly Id: string;
  readonly Name: string;
  readonly Driver: string;
  readonly Scope: string;
  readonly Internal: boolean;
  readonly Attachable: boolean;
  readonly Ingress: boolean;
  readonly EnableIPv6: boolean;
  readonly Options: Record<string, string> | null;
  readonly Labels: Record<string, string> | null;
  readonly IPAM: {
    readonly Driver: string;
    readonly Config: { Subnet?: string; Gateway?: string; IPRange?: string }[] | null;
  };
}

function networkOutputs(found: NetworkInspection): Values {
  const entries = Object.entries(found.Labels ?? {});
  return {
    name: found.Name,
    driver: found.Driver,
    scope: found.Scope,
    internal: found.Internal,
    attachable: found.Attachable,
    ingress: found.Ingress,
    ipv6: found.EnableIPv6,
    options: found.Options ?? {},
    ...(entries.length === 0 ? {} : { labels: labelList(found.Labels) }),
    ipamDriver: found.IPAM.Driver,
    ipamConfigs: (found.IPAM.Config ?? []).map(({ Subnet, Gateway, IPRange }) => ({
      subnet: Subnet,
      gateway: Gateway,
      ipRange: IPRange,
    })),
  };
}

function ipam(inputs: Values): object | undefined {
  if (inputs["ipamConfigs"] === undefined && inputs["ipamDriver"] === undefined) return undefined;
  const configs = (inputs["ipamConfigs"] ?? []) as { subnet?: string; gateway?: string; ipRange?: string }[];
  return {
    Driver: inputs["ipamDriver"] ?? "default",
    Config: configs.map(({ subnet, gateway, ipRange }) => ({
      Subnet: subnet,
      Gateway: gateway,
      IPRange: ipRange,
    })),
  };
}

async function inspectNetwork(api: DockerApi, id: string): Promise<NetworkInspection | undefined> {
  return (await api.find(`/networks/${encodeURIComponent(id)}`)) as NetworkInspection | undefined;
}

export const network: ResourceDefinition<DockerConfig> = {
  inputs: {
    ...replacing(
      "name",
      "attachable",
      "driver",
      "ingress",
      "internal",
      "ipamConfigs",
      "ipamDriver",
      "ipv6",
      "labels",
      "options",
    ),
    driver: { replace: true, implied: "bridge" },
    ipamDriver: { replace: true, implied: "default" },
  },
  computed: ["scope"],
  check: named,
  diff: freeingName,
  async create({ inputs, config: { api } }) {
    const made = (await api.call("POST", "/networks/create", {
      Name: inputs["name"],
      CheckDuplicate: true,
      Driver: inputs["driver"] ?? "bridge",
      Internal: inputs["internal"] ?? false,
      Attachable: inputs["attachable"] ?? false,
      Ingress: inputs["ingress"] ?? false,
      EnableIPv6: inputs["ipv6"] ?? false,
      Options: inputs["options"] ?? {},
      Labels: labelMap(inputs["labels"]),
      IPAM: ipam(inputs),
    })) as { Id: string };
    const found = await inspectNetwork(api, made.Id);
    return { id: made.Id, outputs: found === undefined ? {} : networkOutputs(found) };
  },
  async read({ id, isImport, oldInputs, oldOutputs, config: { api } }) {
    const found = await inspectNetwork(api, id);
    if (found === undefined) return undefined;
    const outputs = { ...oldOutputs, ...networkOutputs(found) };
    const inputs: Values = isImport
      ? { name: found.Name, driver: found.Driver, internal: found.Internal }
      : withFound(oldInputs, outputs, ["name", "driver", "internal", "attachable", "labels"]);
    return { id: found.Id, outputs, inputs };
  },
  async delete({ id, config: { api }, signal }) {
    // Containers that are just going still hold it for a moment.
    for (let tries = 0; ; tries++) {
      try {
        await api.call("DELETE", `/networks/${encodeURIComponent(id)}`);
        return;
      } catch (error) {
        if (error instanceof DockerError && error.status === 404) return;
        if (tries >= 60 || !/active endpoints/.test((error as Error).message)) throw error;
        await sleep(500, undefined, { signal });
      }
    }
  },
};

/** The recorded inputs, those named with the value found: what drifted shows as a difference. */
function withFound(oldInputs: Values, outputs: Values, names: readonly string[]): Values {
  const found: [string, Value][] = names
    .filter((name) => name in oldInputs)
    .map((name) => [name, outputs[name]]);
  return { ...oldInputs, ...Object.fromEntries(found) };
}

interface VolumeInspection {
  readonly Name: string;
  readonly Driver: string;
  readonly Mountpoint: string;
  readonly Labels: Record<string, string> | null;
  readonly Options: Record<string, string> | null;
}

function volumeOutputs(found: VolumeInspection): Values {
  const hasLabels = Object.keys(found.Labels ?? {}).length > 0;
  return {
    name: found.Name,
    driver: found.Driver,
    mountpoint: found.Mountpoint,
    ...(hasLabels ? { labels: labelList(found.Labels) } : {}),
    ...(found.Options === null || found.Options === undefined ? {} : { driverOpts: found.Options }),
  };
}

export const volume: ResourceDefinition<DockerConfig> = {
  inputs: { ...replacing("name", "driverOpts", "labels"), driver: { replace: true, implied: "local" } },
  computed: ["mountpoint"],
  check: named,
  diff: freeingName,
  async create({ inputs, config: { api } }) {
    const found = (await api.call("POST", "/volumes/create", {
      Name: inputs["name"],
      Driver: inputs["driver"] ?? "local",
      DriverOpts: inputs["driverOpts"] ?? {},
      Labels: labelMap(inputs["labels"]),
    })) as VolumeInspection;
    return { id: found.Name, outputs: volumeOutputs(found) };
  },
  async read({ id, isImport, oldInputs, oldOutputs, config: { api } }) {
    const found = (await api.find(`/volumes/${encodeURIComponent(id)}`)) as VolumeInspection | undefined;
    if (found === undefined) return undefined;
    const outputs = { ...oldOutputs, ...volumeOutputs(found) };
    const inputs: Values = isImport
      ? { name: found.Name, driver: found.Driver }
      : withFound(oldInputs, outputs, ["name", "driver", "labels"]);
    return { outputs, inputs };
  },
  async delete({ id, config: { api } }) {
    try {
      await api.call("DELETE", `/volumes/${encodeURIComponent(id)}`);
    } catch (error) {
      if (!(error instanceof DockerError && error.status === 404)) throw error;
    }
  },
};
