import { escapeForRegExp } from "../../../common/escape-for-reg-exp";
import type { ProcessIdentity } from "../../../common/processes";
import type { Healthcheck } from "./compose-model";

/** Everything a supervisor needs to run one service: spec.json, 0600, in the service's folder. */
export interface ServiceSpec {
  readonly project: string;
  readonly service: string;
  /** `<project>-<service>-1` or the name the file gives. */
  readonly container: string;
  /** 64 hex digits, new at each creation. */
  readonly id: string;
  /** The reference in the compose file. */
  readonly image: string;
  /** Over everything that would make Compose create the container anew. */
  readonly configHash: string;
  readonly createdAt: string;
  readonly argv: readonly string[];
  readonly cwd: string;
  readonly environment: Readonly<Record<string, string>>;
  /** Added for commands run inside of it, such as the health check. */
  readonly execEnvironment: Readonly<Record<string, string>>;
  /** Container path -> path on this machine, longest first. */
  readonly paths: readonly (readonly [string, string])[];
  /** The loopback address that is this service's own. */
  readonly address: string;
  /** Real names of the networks it is in. */
  readonly networks: readonly string[];
  readonly published: readonly PublishedSpec[];
  /** Container port -> the one that it really listens on, where the container's may not be taken by this user. */
  readonly listens?: Readonly<Record<number, number>>;
  /** Port of {@link address} where the service asks for names of its networks, instead of 127.0.0.11. */
  readonly resolverPort?: number;
  readonly restart: string;
  readonly healthcheck?: Healthcheck;
  readonly stopSignal: string;
  readonly stopGraceMs: number;
  readonly labels: Readonly<Record<string, string>>;
  /** Folders of volumes without a name in the file: removed with the service. */
  readonly anonymousVolumes: readonly string[];
}

export interface PublishedSpec {
  readonly hostPort: number;
  readonly containerPort: number;
  readonly protocol: "tcp" | "udp";
  readonly hostAddress: string;
  /** 127.0.0.1:<local> leads to it. */
  readonly local: number;
}

/** What the supervisor tells of the service: state.json beside spec.json. */
export interface ServiceState {
  readonly status: "created" | "running" | "restarting" | "exited";
  readonly supervisor?: ProcessIdentity;
  readonly child?: ProcessIdentity;
  readonly exitCode: number;
  readonly health: "" | "starting" | "healthy" | "unhealthy";
  /** Last output of the health check. */
  readonly healthOutput?: string;
  readonly startedAt?: string;
  readonly finishedAt?: string;
  readonly restarts: number;
  /** Ended by a command, so not started again with the machine. */
  readonly stoppedByUser: boolean;
  /** Why it could not be started. */
  readonly error?: string;
}

/** How a supervisor is to end its service: written beside spec.json just before the signal. */
export interface StopRequest {
  /** Milliseconds until SIGKILL, in place of the service's own. */
  readonly graceMs: number;
}

export const stopFile = "stop.json";

export const initialState: ServiceState = {
  status: "created",
  exitCode: 0,
  health: "",
  restarts: 0,
  stoppedByUser: false,
};

/** Replaces container paths in a text by those of this machine: only whole ones, not inside a URL or a longer name. */
export function rewritePaths(text: string, paths: ServiceSpec["paths"]): string {
  let result = text;
  const placeholders: string[] = [];
  for (const [from, to] of paths) {
    if (!result.includes(from)) continue;
    const escaped = escapeForRegExp(from);
    const pattern = new RegExp(`(^|[\\s"'=:,;(<>|&])${escaped}(?=$|[/\\s"',;:)<>|&])`, "g");
    result = result.replace(pattern, (_, before: string) => {
      placeholders.push(to);
      return `${before}\u0000${placeholders.length - 1}\u0000`;
    });
  }
  // Placeholders keep a replaced path from being replaced again.

  return result.replace(/\u0000(\d+)\u0000/g, (_, index: string) => placeholders[Number(index)] ?? "");
}
