import { setTimeout as sleep } from "node:timers/promises";
import {
  type CreateRequest,
  type DeleteRequest,
  type InputDefinition,
  PartialFailure,
  type ResourceDefinition,
} from "../definition";
import type { Value, Values } from "../values";
import type { DockerApi } from "./api";
import { containerSpec, endpoint, type NetworkInput } from "./container-spec";
import { named } from "./naming";
import type { DockerConfig } from "./settings";

interface Inspection {
  readonly Id: string;
  readonly State: {
    readonly Running: boolean;
    readonly ExitCode: number;
    readonly Health?: { readonly Status: string };
  };
  readonly Config: {
    readonly Hostname: string;
    readonly Cmd: string[] | null;
    readonly Entrypoint: string[] | null;
  };
  readonly HostConfig: {
    readonly RestartPolicy: { readonly Name: string; readonly MaximumRetryCount: number };
    readonly Memory: number;
    readonly MemorySwap: number;
    readonly CpuShares: number;
    readonly ShmSize: number;
    readonly IpcMode: string;
    readonly Runtime: string;
    readonly LogConfig: { readonly Type: string };
  };
  readonly NetworkSettings: {
    readonly Networks: Record<
      string,
      {
        readonly Gateway: string;
        readonly IPAddress: string;
        readonly IPPrefixLen: number;
        readonly IPv6Gateway: string;
        readonly GlobalIPv6Address: string;
        readonly GlobalIPv6PrefixLen: number;
        readonly MacAddress: string;
      }
    >;
  };
}

const replaced = [
  "name",
  "image",
  "command",
  "entrypoints",
  "envs",
  "hostname",
  "user",
  "workingDir",
  "stopSignal",
  "stopTimeout",
  "labels",
  "ports",
  "volumes",
  "mounts",
  "networkMode",
  "networksAdvanced",
  "healthcheck",
  "init",
  "capabilities",
  "securityOpts",
  "hosts",
  "tmpfs",
  "logDriver",
  "logOpts",
  "shmSize",
] as const;

const inputs: Record<string, InputDefinition> = {
  ...Object.fromEntries(replaced.map((name) => [name, { replace: true }])),
  image: { required: true, replace: true },
  readOnly: { replace: true, implied: false },
  stdinOpen: { replace: true, implied: false },
  tty: { replace: true, implied: false },
  // Changed in the running container.
  restart: { implied: "no", oneOf: ["no", "on-failure", "always", "unless-stopped"] },
  maxRetryCount: {},
  memory: {},
  memorySwap: {},
  cpuShares: {},
  // Of no concern to the container itself.
  destroyGraceSeconds: {},
  mustRun: { implied: true },
  removeVolumes: { implied: true },
  rm: { implied: false },
  start: { implied: true },
  wait: { implied: false },
  waitTimeout: { implied: 60 },
};

const isPositive = (value: Value): value is number => typeof value === "number" && value > 0;

async function inspect(api: DockerApi, id: string): Promise<Inspection | undefined> {
  return (await api.find(`/containers/${encodeURIComponent(id)}/json`)) as Inspection | undefined;
}

function outputsOf(found: Inspection): Values {
  const { Config, HostConfig, NetworkSettings, State } = found;
  const networks = Object.entries(NetworkSettings.Networks).map(([networkName, network]) => ({
    networkName,
    gateway: network.Gateway,
    ipAddress: network.IPAddress,
    ipPrefixLength: network.IPPrefixLen,
    ipv6Gateway: network.IPv6Gateway,
    globalIpv6Address: network.GlobalIPv6Address,
    globalIpv6PrefixLength: network.GlobalIPv6PrefixLen,
    macAddress: network.MacAddress,
  }));
  return {
    hostname: Config.Hostname,
    command: Config.Cmd ?? [],
    entrypoints: Config.Entrypoint ?? [],
    ipcMode: HostConfig.IpcMode,
    logDriver: HostConfig.LogConfig.Type,
    runtime: HostConfig.Runtime,
    shmSize: Math.round(HostConfig.ShmSize / 1024 / 1024),
    restart: HostConfig.RestartPolicy.Name || "no",
    networkDatas: networks,
    exitCode: State.Running ? undefined : State.ExitCode,
  };
}

async function create({ config: { api }, inputs, signal }: CreateRequest<DockerConfig>) {
  const name = inputs["name"] as string;
  const made = (await api.call(
    "POST",
    `/containers/create?name=${encodeURIComponent(name)}`,
    containerSpec(inputs),
  )) as {
    Id: string;
  };
  try {
    const [, ...further] = (inputs["networksAdvanced"] ?? []) as unknown as NetworkInput[];
    for (const network of further) {
      const body = { Container: made.Id, EndpointConfig: endpoint(network) };
      await api.call("POST", `/networks/${encodeURIComponent(network.name)}/connect`, body);
    }
    if (inputs["start"] !== false) await api.call("POST", `/containers/${made.Id}/start`);
  } catch (error) {
    // What cannot start is taken away again, as nothing of it enters the state.
    await api.call("DELETE", `/containers/${made.Id}?force=true&v=true`).catch(() => undefined);
    throw error;
  }
  const reason = await waitUntilGood(api, made.Id, inputs, signal);
  const found = await inspect(api, made.Id);
  const outputs = found === undefined ? {} : outputsOf(found);
  if (reason !== undefined) throw new PartialFailure(made.Id, outputs, [reason]);
  return { id: made.Id, outputs };
}

/** Why the container is not as it should be; undefined when it is. */
async function waitUntilGood(
  api: DockerApi,
  id: string,
  inputs: Values,
  signal: AbortSignal,
): Promise<string | undefined> {
  if (inputs["start"] === false) return undefined;
  const isWaiting = inputs["wait"] === true;
  const end = Date.now() + Number(inputs["waitTimeout"] ?? 60) * 1_000;
  for (let sight = 0; ; sight++) {
    const found = await inspect(api, id);
    if (inputs["mustRun"] !== false && found?.State.Running !== true) {
      return `container exited immediately, with status ${found?.State.ExitCode ?? "unknown"}`;
    }
    if (!isWaiting && sight > 0) return undefined;
    if (isWaiting && found?.State.Health?.Status === "healthy") return undefined;
    if (isWaiting && Date.now() > end)
      return `container is ${found?.State.Health?.Status ?? "without a health check"}, not healthy`;
    await sleep(250, undefined, { signal });
  }
}

async function remove({
  id,
  config: { api },
  oldInputs,
}: Pick<DeleteRequest<DockerConfig>, "id" | "config" | "oldInputs">) {
  const grace = oldInputs["destroyGraceSeconds"];
  if (isPositive(grace)) await quietly(() => api.call("POST", `/containers/${id}/stop?t=${grace}`));
  const volumes = oldInputs["removeVolumes"] !== false;
  await quietly(() => api.call("DELETE", `/containers/${id}?force=true&v=${volumes}`));
}

/** Gone, stopped and being removed already are as good as done. */
async function quietly(run: () => Promise<unknown>): Promise<void> {
  try {
    await run();
  } catch (error) {
    const status = (error as { status?: number }).status;
    if (status !== 304 && status !== 404 && status !== 409) throw error;
  }
}

export const container: ResourceDefinition<DockerConfig> = {
  inputs,
  computed: ["bridge", "containerLogs", "exitCode", "networkDatas", "ipcMode", "runtime"],
  check: named,
  // Two cannot have the same published ports: as the real provider says.
  diff: (_request, standard) => ({ ...standard, deleteBeforeReplace: true }),
  create,
  async read(request) {
    const { id, config, oldInputs, oldOutputs, isImport } = request;
    if (isImport)
      throw new Error("docker:index/container:Container cannot be imported by the sandbox's provider");
    const found = await inspect(config.api, id);
    if (found === undefined) return undefined;
    if (!found.State.Running && oldInputs["mustRun"] !== false) {
      // The real provider clears away what has to run and does not, so that it is made anew.
      await remove(request);
      return undefined;
    }
    return { outputs: { ...oldOutputs, ...outputsOf(found) } };
  },
  async update({ id, config: { api }, inputs }) {
    const megabytes = (value: Value) => (typeof value === "number" ? value * 1024 * 1024 : undefined);
    await api.call("POST", `/containers/${id}/update`, {
      RestartPolicy: { Name: inputs["restart"] ?? "no", MaximumRetryCount: inputs["maxRetryCount"] ?? 0 },
      Memory: megabytes(inputs["memory"]),
      MemorySwap: megabytes(inputs["memorySwap"]),
      CpuShares: inputs["cpuShares"],
    });
    const found = await inspect(api, id);
    return found === undefined ? {} : outputsOf(found);
  },
  delete: remove,
};
