/** A compose file after interpolation and merging, as far as plain processes can follow it. */
export interface ComposeProject {
  readonly name: string;
  /** Relative paths of the file begin here. */
  readonly workingDirectory: string;
  readonly files: readonly string[];
  readonly services: Readonly<Record<string, ComposeService>>;
  /** Network of the file -> its real name. */
  readonly networks: Readonly<Record<string, { readonly name: string; readonly external: boolean }>>;
  readonly volumes: Readonly<Record<string, { readonly name: string; readonly external: boolean }>>;
}

export interface ComposeService {
  readonly name: string;
  readonly image: string;
  readonly command?: readonly string[];
  readonly entrypoint?: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  readonly dependsOn: Readonly<Record<string, Dependency>>;
  readonly healthcheck?: Healthcheck;
  readonly ports: readonly PublishedPort[];
  readonly mounts: readonly Mount[];
  readonly restart: string;
  readonly workingDirectory?: string;
  /** Network of the file -> further names in it. */
  readonly networks: Readonly<Record<string, readonly string[]>>;
  readonly labels: Readonly<Record<string, string>>;
  readonly stopSignal: string;
  readonly stopGraceMs: number;
  readonly profiles: readonly string[];
  readonly containerName?: string;
  readonly replicas: number;
  /** Keys that have no meaning for a plain process. */
  readonly ignored: readonly string[];
}

export type Condition = "service_started" | "service_healthy" | "service_completed_successfully";

export interface Dependency {
  readonly condition: Condition;
  readonly required: boolean;
}

/** Times in milliseconds. */
export interface Healthcheck {
  readonly test: readonly string[];
  readonly shell: boolean;
  readonly interval: number;
  readonly timeout: number;
  readonly retries: number;
  readonly startPeriod: number;
  readonly startInterval: number;
}

export interface PublishedPort {
  /** 0 = any. */
  readonly hostPort: number;
  readonly containerPort: number;
  readonly protocol: "tcp" | "udp";
  readonly hostAddress: string;
}

export interface Mount {
  readonly type: "bind" | "volume" | "tmpfs";
  /** bind: an absolute path; volume: the real name of the volume. */
  readonly source: string;
  readonly target: string;
  readonly readOnly: boolean;
  /** bind: a secret or config that is no file: written by the runner, 0600, instead of `source`. */
  readonly content?: string;
  /** bind: refuse a source that is not there. Otherwise a folder is made, as Docker does. */
  readonly mustExist: boolean;
}
