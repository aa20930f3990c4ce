import { GetSecretValueCommand, PutSecretValueCommand } from "@aws-sdk/client-secrets-manager";
import type { ResourceDefinition } from "../definition";
import { asking, type AwsConfig, unlessMissing } from "./client";

/**
 * One value of a secret. Another value is another version: it takes AWSCURRENT, and the one of before stays readable by its
 * id as AWSPREVIOUS, so that a release of before still finds it.
 */
export const secretVersion: ResourceDefinition<AwsConfig> = {
  inputs: {
    secretId: { required: true, replace: true },
    secretString: { required: true, replace: true, secret: true },
    region: { replace: true },
  },
  computed: ["arn", "secretArn", "versionId", "versionStages", "hasSecretStringWo"],
  async create({ inputs, config }) {
    const { secretId, secretString, region } = inputs as Record<string, string>;
    const put = new PutSecretValueCommand({ SecretId: secretId, SecretString: secretString });
    const made = await asking(
      `the value of the secret ${secretId ?? ""} cannot be put`,
      config.client(region).send(put),
    );
    const versionId = made.VersionId ?? "";
    return {
      id: `${secretId ?? ""}|${versionId}`,
      outputs: {
        arn: made.ARN,
        secretArn: made.ARN,
        versionId,
        versionStages: [...(made.VersionStages ?? [])].sort(),
        region: region ?? config.region,
        hasSecretStringWo: false,
      },
    };
  },
  async read({ id, isImport, oldOutputs, config }) {
    const [secretId = "", versionId = ""] = id.split("|");
    if (versionId === "")
      throw new Error(`the id of an import has to be <arn of the secret>|<version>, not ${id}`);
    const get = new GetSecretValueCommand({ SecretId: secretId, VersionId: versionId });
    const found = await asking(
      `the version ${versionId} of the secret ${secretId} cannot be read`,
      unlessMissing(config.client(oldOutputs["region"]).send(get)),
    );
    if (found === undefined) return undefined;
    const outputs = {
      ...oldOutputs,
      secretId,
      secretString: found.SecretString ?? "",
      arn: found.ARN,
      secretArn: found.ARN,
      versionId,
      versionStages: [...(found.VersionStages ?? [])].sort(),
      region: oldOutputs["region"] ?? config.region,
      hasSecretStringWo: false,
    };
    const { secretString } = outputs;
    return isImport ? { outputs, inputs: { secretId, secretString } } : { outputs };
  },
  // No `delete`: AWS has none for a version. The newest one goes with its secret, older ones are AWS's to drop.
};
