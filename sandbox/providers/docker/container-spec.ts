import type { Values } from "../values";
import { labelMap } from "./naming";

/** One network that a container is in. */
export interface NetworkInput {
  readonly name: string;
  readonly aliases?: string[];
  readonly ipv4Address?: string;
}

/** The body of Docker's "create a container" for a Container's inputs. */
export function containerSpec(inputs: Values): Record<string, unknown> {
  const ports = (inputs["ports"] ?? []) as {
    internal: number;
    external?: number;
    ip?: string;
    protocol?: string;
  }[];
  const key = ({ internal, protocol }: (typeof ports)[number]) => `${internal}/${protocol ?? "tcp"}`;
  const bindings: Record<string, { HostIp: string; HostPort: string }[]> = {};
  for (const port of ports) {
    (bindings[key(port)] ??= []).push({
      HostIp: port.ip ?? "0.0.0.0",
      HostPort: port.external === undefined ? "" : String(port.external),
    });
  }
  const networks = (inputs["networksAdvanced"] ?? []) as unknown as NetworkInput[];
  const [first] = networks;
  return clean({
    Image: inputs["image"],
    Cmd: inputs["command"],
    Entrypoint: inputs["entrypoints"],
    Env: inputs["envs"],
    Hostname: inputs["hostname"],
    User: inputs["user"],
    WorkingDir: inputs["workingDir"],
    StopSignal: inputs["stopSignal"],
    StopTimeout: inputs["stopTimeout"],
    Tty: inputs["tty"],
    OpenStdin: inputs["stdinOpen"],
    Labels: labelMap(inputs["labels"]),
    ExposedPorts: Object.fromEntries(ports.map((port) => [key(port), {}])),
    Healthcheck: healthcheck(inputs["healthcheck"] as HealthcheckInput | undefined),
    HostConfig: clean({
      PortBindings: bindings,
      Binds: binds(inputs),
      Mounts: mounts(inputs),
      RestartPolicy: { Name: inputs["restart"] ?? "no", MaximumRetryCount: inputs["maxRetryCount"] ?? 0 },
      NetworkMode: inputs["networkMode"] ?? first?.name,
      ReadonlyRootfs: inputs["readOnly"],
      Init: inputs["init"],
      AutoRemove: inputs["rm"],
      Memory: megabytes(inputs["memory"]),
      MemorySwap: megabytes(inputs["memorySwap"]),
      CpuShares: inputs["cpuShares"],
      CapAdd: capabilities(inputs, "adds"),
      CapDrop: capabilities(inputs, "drops"),
      SecurityOpt: inputs["securityOpts"],
      ExtraHosts: ((inputs["hosts"] ?? []) as { host: string; ip: string }[]).map(
        ({ host, ip }) => `${host}:${ip}`,
      ),
      Tmpfs: inputs["tmpfs"],
      LogConfig:
        inputs["logDriver"] === undefined
          ? undefined
          : { Type: inputs["logDriver"], Config: inputs["logOpts"] ?? {} },
      ShmSize: megabytes(inputs["shmSize"]),
    }),
    NetworkingConfig:
      first === undefined ? undefined : { EndpointsConfig: { [first.name]: endpoint(first) } },
  });
}

/** The settings of one container in one network. */
export function endpoint({ aliases, ipv4Address }: NetworkInput): object {
  return clean({
    Aliases: aliases,
    IPAMConfig: ipv4Address === undefined ? undefined : { IPv4Address: ipv4Address },
  });
}

interface HealthcheckInput {
  readonly tests?: string[];
  readonly interval?: string;
  readonly timeout?: string;
  readonly startPeriod?: string;
  readonly retries?: number;
}

function healthcheck(input: HealthcheckInput | undefined): object | undefined {
  if (input === undefined) return undefined;
  return clean({
    Test: input.tests,
    Interval: nanoseconds(input.interval),
    Timeout: nanoseconds(input.timeout),
    StartPeriod: nanoseconds(input.startPeriod),
    Retries: input.retries,
  });
}

const units: Record<string, number> = { ns: 1, us: 1e3, µs: 1e3, ms: 1e6, s: 1e9, m: 6e10, h: 3.6e12 };

/** A duration as Go writes it: `1m30s`, `500ms`. */
export function nanoseconds(duration: string | undefined): number | undefined {
  if (duration === undefined) return undefined;
  if (duration === "0") return 0;
  if (!/^(?:\d+(?:\.\d+)?(?:ns|us|µs|ms|s|m|h))+$/.test(duration)) {
    throw new Error(`not a duration: ${duration}; it is written as 30s or 1m30s`);
  }
  return [...duration.matchAll(/([\d.]+)([a-zµ]+)/g)].reduce(
    (sum, [, number, unit]) => sum + Number(number) * units[unit!]!,
    0,
  );
}

function megabytes(value: unknown): number | undefined {
  return typeof value === "number" ? (value < 0 ? value : value * 1024 * 1024) : undefined;
}

function capabilities(inputs: Values, kind: "adds" | "drops"): unknown {
  return (inputs["capabilities"] as Values | undefined)?.[kind];
}

interface VolumeInput {
  readonly containerPath?: string;
  readonly hostPath?: string;
  readonly volumeName?: string;
  readonly readOnly?: boolean;
}

function binds(inputs: Values): string[] {
  return ((inputs["volumes"] ?? []) as VolumeInput[])
    .filter(({ hostPath, volumeName }) => hostPath !== undefined || volumeName !== undefined)
    .map(({ hostPath, volumeName, containerPath, readOnly }) =>
      [hostPath ?? volumeName, containerPath, readOnly === true ? "ro" : "rw"].join(":"),
    );
}

function mounts(inputs: Values): object[] {
  const list = (inputs["mounts"] ?? []) as {
    type: string;
    target: string;
    source?: string;
    readOnly?: boolean;
  }[];
  return list.map(({ type, target, source, readOnly }) =>
    clean({ Type: type, Target: target, Source: source, ReadOnly: readOnly }),
  );
}

function clean(object: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined));
}
