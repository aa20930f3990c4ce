import { listOf, nearest } from "../nearest";
import type { Keys } from "../paths";
import { requiredSecretsOf } from "../required-secrets";
import { plainSecret } from "../secret-patterns";
import type { RequiredSecret } from "../settings-type";
import type { Rule, RuleContext } from "./context";

const WHAT: Readonly<Record<RequiredSecret["purpose"], string>> = {
  "api-token": "Cloudflare's API token",
  "ssh-private-key": "the private key for SSH (the text of the file)",
  "registry-password": "the image registry's password or token",
  "database-admin-password": "the password of the database's administrator",
  "oauth-client-secret": "the client secret of the GitHub OAuth app",
  "aws-key": "a part of the AWS key that writes secrets",
  "s3-key": "a part of the S3 key for backups",
  "backup-alert": "the commands that tell of a failed or late backup",
  value: "a value for the environment",
};

/** Secrets that are named but nowhere to be had. */
export function missingSecrets({ values, secrets, otherSecrets }: RuleContext): RequiredSecret[] {
  const { present } = secrets;
  if (present === undefined) return [];
  return requiredSecretsOf(values).filter(
    ({ name }) => !present.includes(name) && !otherSecrets.includes(name),
  );
}

/** The command that sets a secret, asking for it rather than taking it as an argument. */
export function setSecretCommand(name: string, stack: string, purpose?: RequiredSecret["purpose"]): string {
  const input = purpose === "ssh-private-key" ? " < ~/.ssh/id_ed25519" : "";
  return `pulumi config set --secret --path 'groundwork:secrets.${name}' -s ${stack}${input}`;
}

export const requireSecrets: Rule = (context) => {
  const present = context.secrets.present ?? [];
  const required = requiredSecretsOf(context.values).map(({ name }) => name);
  for (const { name, purpose, usedBy } of missingSecrets(context)) {
    const unused = present.filter((other) => !required.includes(other));
    const similar = nearest(name, unused);
    context.report({
      keys: ["secrets", name],
      what:
        `the secret ${name} is missing: ${WHAT[purpose]}, for ${listOf(usedBy, 3)}` +
        (similar === undefined ? "" : ` (there is a secret ${similar} that nothing uses)`),
      allowed:
        purpose === "api-token"
          ? "an entry in groundwork:secrets, or the environment's CLOUDFLARE_API_TOKEN"
          : "an entry in groundwork:secrets",
      fix: `${setSecretCommand(name, context.stack, purpose)}  (\`npx groundwork sandbox -s ${context.stack}\` runs without it)`,
    });
  }
};

/** What a vault needs, and where it cannot be. */
export const vaultRules: Rule = (context) => {
  const { secretsVault, origins } = context.values;
  if (secretsVault === undefined || context.isTouched(["secretsVault"])) return;
  const { accessKeyIdSecret: id, secretAccessKeySecret: secret } = secretsVault;
  if ((id === undefined) !== (secret === undefined)) {
    const [there, missing] =
      id === undefined
        ? ["secretAccessKeySecret", "accessKeyIdSecret"]
        : ["accessKeyIdSecret", "secretAccessKeySecret"];
    context.report({
      keys: ["secretsVault", there],
      what: `a key has two parts, and ${missing} is not there`,
      allowed: "accessKeyIdSecret and secretAccessKeySecret, or neither",
      fix: `add ${missing}, or remove ${there}: AWS's own tools' credentials are taken then`,
    });
  }
  for (const [name, { kind }] of Object.entries(origins)) {
    if (kind !== "swarm") continue;
    context.report({
      keys: ["origins", name, "kind"],
      what: "a swarm keeps its services' variables itself, which a vault would not change",
      value: true,
      allowed: "compose or tunnel with secretsVault",
      fix: "write kind: compose, or remove groundwork:secretsVault",
    });
  }
};

/** Secrets in groundwork:secrets that are not encrypted. */
export const sealedSecrets: Rule = (context) => {
  for (const name of context.secrets.plain) {
    context.report({
      keys: ["secrets", name],
      what: `the secret ${name} stands in plain text`,
      allowed: "encrypted entries (`secure: …`), which `--secret` makes",
      fix: `${setSecretCommand(name, context.stack)}, and change the secret where it comes from: it counts as known`,
    });
  }
};

/** Texts anywhere in the file that look like secrets. `config` is all of it, other namespaces included. */
export function findPlainSecrets(
  config: Readonly<Record<string, unknown>>,
  report: RuleContext["report"],
  stack: string,
): void {
  const visit = (value: unknown, keys: Keys): void => {
    if (typeof value === "string") {
      const look = plainSecret(keys, value);
      if (look === undefined) return;
      const variable = keys.findLast((key) => typeof key === "string") ?? "VALUE";
      const name = /^[A-Z][A-Z0-9_]*$/.test(String(variable))
        ? String(variable)
        : toSecretName(String(variable));
      report({
        keys,
        what: `a secret in plain text: this looks like ${look}`,
        allowed: "secrets in groundwork:secrets only, encrypted",
        fix: `${setSecretCommand(name, stack)}, write {secret: ${name}} here, and change the secret where it comes from`,
      });
    } else if (Array.isArray(value)) value.forEach((item, index) => visit(item, [...keys, index]));
    else if (typeof value === "object" && value !== null) {
      for (const [key, inner] of Object.entries(value)) visit(inner, [...keys, key]);
    }
  };
  for (const [key, value] of Object.entries(config)) visit(value, [key]);
}

function toSecretName(text: string): string {
  const name = text
    .replace(/([a-z0-9])([A-Z])/g, "$1_$2")
    .toUpperCase()
    .replace(/[^A-Z0-9]+/g, "_")
    .slice(0, 60);
  return /^[A-Z]/.test(name) ? name : "VALUE";
}
