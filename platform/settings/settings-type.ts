import type { ContainerDatabaseSettings, ExternalDatabaseSettings } from "./schema/databases";
import type { StackValues } from "./schema/stack";
import type { ResolveEntry } from "./resolve";

export type Tier = "development" | "staging" | "production";

/** Names of a database's roles with the defaults filled in. Undefined: there is no such role. */
export interface RoleNames {
  readonly migrator: string;
  readonly app: string;
  readonly readOnly: string | undefined;
  readonly backup: string | undefined;
  readonly monitor: string | undefined;
  readonly replication: string | undefined;
}

/** A database container, with its place told whether it was given by `origin` or by `host` and `project`. */
export type CompleteContainerDatabase = Omit<ContainerDatabaseSettings, "roles" | "host" | "project"> & {
  readonly roles: RoleNames;
  /** Name of the entry of `hosts`. */
  readonly host: string;
  /** The compose project. */
  readonly project: string;
};
export type CompleteExternalDatabase = Omit<ExternalDatabaseSettings, "roles"> & {
  readonly roles: RoleNames;
};
export type CompleteDatabase = CompleteContainerDatabase | CompleteExternalDatabase;

/** A secret that the stack needs. */
export interface RequiredSecret {
  /** Its name in groundwork:secrets. */
  readonly name: string;
  /** What it is, for whoever must find or make it. */
  readonly purpose:
    | "api-token"
    | "ssh-private-key"
    | "registry-password"
    | "database-admin-password"
    | "oauth-client-secret"
    | "s3-key"
    | "aws-key"
    | "backup-alert"
    | "value";
  /** The settings that name it, such as `hosts.oracle.privateKeySecret`. */
  readonly usedBy: readonly string[];
}

/** One environment: what its stack file says, checked and complete. Holds no secret. */
export type Settings = Omit<StackValues, "tier" | "resolve" | "databases"> & {
  /** The stack's name, without organisation and project. */
  readonly stack: string;
  readonly tier: Tier;
  readonly resolve: readonly ResolveEntry[];
  readonly databases: Readonly<Record<string, CompleteDatabase>>;
  /** Every secret that something names. */
  readonly requiredSecrets: readonly RequiredSecret[];
  /** Those that are not there; empty unless they were allowed to be missing. */
  readonly missingSecrets: readonly string[];
};
