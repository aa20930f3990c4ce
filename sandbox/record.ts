import type { PlanName } from "../platform/settings";
import type { DatabasePlace, ExternalDatabase } from "./external/database";
import type { ExternalPlace, ExternalTarget } from "./external/origins";

/** Docker is installed and started where it is missing, or not used even where it is there. */
export type DockerChoice = "install" | "never";

/** What the sandbox's daemon is asked to run: options.json. */
export interface SandboxOptions {
  readonly stack: string;
  readonly accountId: string;
  /** Zones that exist before the first `up`, as a team's zone does, on the plan that the settings name. */
  readonly zones: readonly { readonly id?: string; readonly name: string; readonly plan?: PlanName }[];
  /** Databases that somebody else runs in the real world. */
  readonly databases: readonly ExternalDatabase[];
  /** Applications at platforms of somebody else's. */
  readonly targets: readonly ExternalTarget[];
  /** Host names without Cloudflare in front, whose host has a certificate of its own. */
  readonly ownCertificates: readonly string[];
  /** Whether an origin has Caddy in front, so that there must be one. */
  readonly proxy: boolean;
  /** Whether a database is backed up, so that there must be restic, and PostgreSQL's own programs for dumps. */
  readonly backups: boolean;
  /** @default what was said last; at first: Docker where a daemon answers, else plain processes */
  readonly docker?: DockerChoice | undefined;
}

/** What answers, and where: sandbox.json, written when all of it does. */
export interface SandboxRecord {
  readonly pid: number;
  readonly startedAt: string;
  /** Over the options and the code: another one means that the daemon has to be started anew. */
  readonly fingerprint: string;
  readonly api: { readonly url: string };
  readonly edge: { readonly httpPort: number; readonly httpsPort: number; readonly caFile: string };
  readonly host: {
    readonly mode: "docker" | "process";
    readonly address: string;
    /** The same over IPv6, where this machine has it. */
    readonly address6?: string;
    readonly port: number;
    readonly user: string;
    readonly hostKey: string;
    readonly privateKeyFile: string;
  };
  readonly page: { readonly url: string };
  /** R2's S3 interface, as S3 clients on this machine reach it. */
  readonly storage: { readonly url: string };
  readonly databases: readonly DatabasePlace[];
  readonly targets: readonly ExternalPlace[];
}
