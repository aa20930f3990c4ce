import {
  CreateSecretCommand,
  DeleteSecretCommand,
  DescribeSecretCommand,
  type DescribeSecretCommandOutput,
  TagResourceCommand,
  UntagResourceCommand,
  UpdateSecretCommand,
} from "@aws-sdk/client-secrets-manager";
import type { ResourceDefinition } from "../definition";
import { sameValue, type Values } from "../values";
import { asking, type AwsConfig, unlessMissing } from "./client";

const tagsOf = (values: Values): Record<string, string> =>
  (values["tags"] as Record<string, string> | undefined) ?? {};

const tagList = (tags: Readonly<Record<string, string>>) =>
  Object.entries(tags).map(([Key, Value]) => ({ Key, Value }));

/** What is found of a secret, under the SDK's names. */
function foundOutputs(found: DescribeSecretCommandOutput): Values {
  const tags = Object.fromEntries((found.Tags ?? []).map(({ Key = "", Value = "" }) => [Key, Value]));
  return {
    arn: found.ARN,
    name: found.Name,
    description: found.Description ?? "",
    ...(found.KmsKeyId === undefined ? {} : { kmsKeyId: found.KmsKeyId }),
    ...(Object.keys(tags).length === 0 ? {} : { tags }),
    tagsAll: tags,
  };
}

/** A secret without a value: its name, who may read it, how long it can be had back. */
export const secretResource: ResourceDefinition<AwsConfig> = {
  inputs: {
    name: { required: true, replace: true },
    description: { implied: "" },
    kmsKeyId: {},
    recoveryWindowInDays: { implied: 30 },
    region: { replace: true },
    tags: {},
  },
  computed: ["arn", "tagsAll"],
  check({ news }) {
    const days = news["recoveryWindowInDays"];
    if (typeof days !== "number" || days === 0 || (days >= 7 && days <= 30)) return {};
    const reason = `recoveryWindowInDays has to be 0 or 7 to 30, not ${days}`;
    return { failures: [{ property: "recoveryWindowInDays", reason }] };
  },
  async create({ inputs, config }) {
    const { name, description, kmsKeyId, region } = inputs;
    const made = await asking(
      `the secret ${name as string} cannot be made`,
      config.client(region).send(
        new CreateSecretCommand({
          Name: name as string,
          ...(description === undefined || description === "" ? {} : { Description: description as string }),
          ...(kmsKeyId === undefined ? {} : { KmsKeyId: kmsKeyId as string }),
          ...(Object.keys(tagsOf(inputs)).length === 0 ? {} : { Tags: tagList(tagsOf(inputs)) }),
        }),
      ),
    );
    const arn = made.ARN ?? "";
    return { id: arn, outputs: { arn, region: region ?? config.region, tagsAll: tagsOf(inputs) } };
  },
  async read({ id, isImport, oldOutputs, config }) {
    const found = await asking(
      `the secret ${id} cannot be read`,
      unlessMissing(config.client(oldOutputs["region"]).send(new DescribeSecretCommand({ SecretId: id }))),
    );
    // One that waits for its end is gone for who uses it.
    if (found === undefined || found.DeletedDate !== undefined) return undefined;
    const kept = isImport ? { recoveryWindowInDays: 30, region: config.region } : oldOutputs;
    const { tags, ...rest } = kept;
    void tags;
    return { id: found.ARN ?? id, outputs: { ...rest, ...foundOutputs(found) } };
  },
  async update({ id, oldInputs, inputs, config }) {
    const client = config.client(inputs["region"]);
    const what = `the secret ${inputs["name"] as string} cannot be changed`;
    const { description, kmsKeyId } = inputs;
    if (!sameValue(oldInputs["description"], description) || !sameValue(oldInputs["kmsKeyId"], kmsKeyId)) {
      const change = new UpdateSecretCommand({
        SecretId: id,
        Description: (description as string | undefined) ?? "",
        ...(kmsKeyId === undefined ? {} : { KmsKeyId: kmsKeyId as string }),
      });
      await asking(what, client.send(change));
    }
    const [before, after] = [tagsOf(oldInputs), tagsOf(inputs)];
    const gone = Object.keys(before).filter((key) => !(key in after));
    const changed = Object.fromEntries(Object.entries(after).filter(([key, value]) => before[key] !== value));
    if (gone.length > 0) {
      await asking(what, client.send(new UntagResourceCommand({ SecretId: id, TagKeys: gone })));
    }
    if (Object.keys(changed).length > 0) {
      await asking(what, client.send(new TagResourceCommand({ SecretId: id, Tags: tagList(changed) })));
    }
    return { tagsAll: after };
  },
  async delete({ id, oldInputs, config }) {
    const days = (oldInputs["recoveryWindowInDays"] as number | undefined) ?? 30;
    const end = new DeleteSecretCommand({
      SecretId: id,
      ...(days === 0 ? { ForceDeleteWithoutRecovery: true } : { RecoveryWindowInDays: days }),
    });
    await asking(
      `the secret ${oldInputs["name"] as string} cannot be deleted`,
      unlessMissing(config.client(oldInputs["region"]).send(end)),
    );
  },
};
