import { configPath, type Keys } from "./paths";
import { variablesOf } from "./references";
import type { StackValues } from "./schema/stack";
import type { RequiredSecret } from "./settings-type";

/** Every secret that a stack names, each once, with all places that name it. */
export function requiredSecretsOf(values: StackValues): RequiredSecret[] {
  const found = new Map<string, { purpose: RequiredSecret["purpose"]; usedBy: string[] }>();
  const need = (name: string, purpose: RequiredSecret["purpose"], keys: Keys): void => {
    const known = found.get(name) ?? { purpose, usedBy: [] };
    known.usedBy.push(configPath(keys));
    found.set(name, known);
  };
  need(values.cloudflare.apiTokenSecret, "api-token", ["cloudflare", "apiTokenSecret"]);
  for (const [name, { privateKeySecret }] of Object.entries(values.hosts)) {
    need(privateKeySecret, "ssh-private-key", ["hosts", name, "privateKeySecret"]);
  }
  const { accessKeyIdSecret, secretAccessKeySecret } = values.secretsVault ?? {};
  for (const [key, name] of Object.entries({ accessKeyIdSecret, secretAccessKeySecret })) {
    if (name !== undefined) need(name, "aws-key", ["secretsVault", key]);
  }
  for (const [name, origin] of Object.entries(values.origins)) {
    if (origin.kind === "external" || origin.registry === undefined) continue;
    need(origin.registry.passwordSecret, "registry-password", [
      "origins",
      name,
      "registry",
      "passwordSecret",
    ]);
  }
  for (const [name, database] of Object.entries(values.databases)) {
    const { alertSecret, s3 } = database.backups ?? {};
    const at = ["databases", name, "backups"];
    if (s3 !== undefined) {
      need(s3.accessKeyIdSecret, "s3-key", [...at, "s3", "accessKeyIdSecret"]);
      need(s3.secretAccessKeySecret, "s3-key", [...at, "s3", "secretAccessKeySecret"]);
    }
    if (alertSecret !== undefined) need(alertSecret, "backup-alert", [...at, "alertSecret"]);
    if (database.kind !== "external") continue;
    need(database.adminPasswordSecret, "database-admin-password", ["databases", name, "adminPasswordSecret"]);
  }
  const { github } = values.access ?? {};
  if (github?.clientId !== undefined) {
    need(github.clientSecretSecret, "oauth-client-secret", ["access", "github", "clientSecretSecret"]);
  }
  for (const { keys, value } of variablesOf(values)) {
    if (typeof value !== "string" && "secret" in value) need(value.secret, "value", [...keys, "secret"]);
  }
  return [...found].map(([name, { purpose, usedBy }]) => ({ name, purpose, usedBy }));
}
