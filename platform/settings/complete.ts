import { parseResolve } from "./resolve";
import { requiredSecretsOf } from "./required-secrets";
import { completeRoles } from "./rules/databases";
import type { StackValues } from "./schema/stack";
import type { CompleteDatabase, Settings } from "./settings-type";
import { tierOf } from "./tier";
import { onHost } from "./on-host";

/** Fills in what follows from other settings. The values must be free of mistakes. */
export function completeSettings(
  values: StackValues,
  stack: string,
  missingSecrets: readonly string[],
): Settings {
  const databases: Record<string, CompleteDatabase> = {};
  for (const [name, database] of Object.entries(values.databases)) {
    const roles = completeRoles(database);
    if (database.kind === "external") {
      databases[name] = { ...database, roles };
      continue;
    }
    const origin = database.origin === undefined ? undefined : values.origins[database.origin];
    const deployed = origin && onHost(origin);
    databases[name] = {
      ...database,
      roles,
      host: database.host ?? deployed?.host ?? "",
      project: database.project ?? deployed?.project ?? "",
    };
  }
  return {
    ...values,
    stack,
    tier: values.tier ?? tierOf(stack),
    resolve: values.resolve.flatMap((entry) => parseResolve(entry) ?? []),
    databases,
    requiredSecrets: requiredSecretsOf(values),
    missingSecrets,
  };
}
