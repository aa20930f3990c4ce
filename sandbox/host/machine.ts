import type { HostConfig } from "./config";
import type { SandboxImage } from "./images/image";
import type { HostLayout } from "./layout";

/** A service on the host. */
export interface HostService {
  readonly project: string;
  readonly service: string;
  readonly state: string;
  readonly health: string;
  /** As `docker ps` words it. */
  readonly status: string;
  readonly image: string;
}

/** What differs between Docker and plain processes. */
export interface Machine {
  /** Written to host.json, for the `docker` wrapper. */
  readonly config: HostConfig;
  status(): Promise<readonly HostService[]>;
  /** Whether a container of the machine has this address. */
  hasAddress(address: string): Promise<boolean>;
  /** After a start of the machine: starts what has a restart policy and was not stopped by hand. */
  revive(): Promise<void>;
  /** The machine goes down: ends what runs. Data and definitions stay. */
  halt(): Promise<void>;
  /** Ends and removes all that was made, but for the host's own folder. */
  destroy(): Promise<void>;
}

/** What a mode is prepared from. */
export interface MachineContext {
  readonly layout: HostLayout;
  /** Prefix of all names in Docker. */
  readonly name: string;
  readonly images: readonly SandboxImage[];
  readonly log: (line: string) => void;
}
