import { liveVersions, sameTokens } from "../../../components/buckets/consumers";
import { overlap } from "../../../components/buckets/events";
import { configPath } from "../paths";
import type { Rule } from "./context";

const each: Rule = (context) => {
  const names = new Map<string, string>();
  for (const [name, bucket] of Object.entries(context.values.buckets)) {
    const at = ["buckets", name];
    const first = names.get(bucket.name);
    if (first === undefined) names.set(bucket.name, name);
    else {
      context.report({
        keys: [...at, "name"],
        what: `buckets.${first} has this name already`,
        value: true,
        allowed: "each bucket of the account once",
        fix: "write another name",
      });
    }
    if (bucket.location !== undefined && bucket.jurisdiction !== "default") {
      context.report({
        keys: [...at, "location"],
        what: `jurisdiction: ${bucket.jurisdiction} decides where the data is`,
        value: true,
        allowed: "location or jurisdiction, not both",
        fix: "remove location",
      });
    }
    bucket.notifications.forEach((rule, index) => {
      const keys = [...at, "notifications", index];
      if (context.isTouched(keys)) return;
      if ((rule.queue === undefined) === (rule.queueId === undefined)) {
        context.report({
          keys,
          what: rule.queue === undefined ? "the rule names no queue" : "the rule names two queues",
          allowed: "either queue, a name, or queueId, the id of one that is there already",
          fix: rule.queue === undefined ? "add queue" : "remove queueId",
        });
      }
      const before = bucket.notifications.findIndex((other, place) => place < index && overlap(other, rule));
      if (before < 0) return;
      context.report({
        keys,
        what: `one event can fit this rule and buckets.${name}.notifications[${before}], which R2 refuses`,
        allowed: "other actions, or prefixes or suffixes of which none starts or ends with the other",
        fix: "narrow one of the two",
      });
    });
    bucket.lifecycle?.forEach((rule, index) => {
      const keys = [...at, "lifecycle", index];
      if (context.isTouched(keys)) return;
      const { deleteAfterDays, infrequentAccessAfterDays, abortUploadsAfterDays } = rule;
      if ((deleteAfterDays ?? infrequentAccessAfterDays ?? abortUploadsAfterDays) === undefined) {
        context.report({
          keys,
          what: "the rule does nothing",
          allowed: "deleteAfterDays, infrequentAccessAfterDays or abortUploadsAfterDays",
          fix: "add one of them, or remove the rule",
        });
      }
      if (infrequentAccessAfterDays === undefined) return;
      if (deleteAfterDays !== undefined && deleteAfterDays <= infrequentAccessAfterDays) {
        context.report({
          keys: [...keys, "infrequentAccessAfterDays"],
          what: `objects are deleted after ${deleteAfterDays} days, so they never move`,
          value: true,
          allowed: `a number of days below ${deleteAfterDays}`,
          fix: "write fewer days, or remove it",
        });
      }
      if (bucket.storageClass === "InfrequentAccess") {
        context.report({
          keys: [...keys, "infrequentAccessAfterDays"],
          what: "the bucket's objects are in that class from the start",
          value: true,
          allowed: "infrequentAccessAfterDays with storageClass: Standard",
          fix: "remove one of the two",
        });
      }
    });
  }
};

const oneKeyEach: Rule = (context) => {
  const { buckets, storage } = context.values;
  if (context.isTouched(["storage"])) return;
  const places = new Map(
    Object.entries(buckets).flatMap(([name, { consumers }]) =>
      Object.keys(consumers).map((consumer) => [consumer, ["buckets", name, "consumers", consumer]] as const),
    ),
  );
  for (const { consumer, other, key } of sameTokens([...places.keys()], liveVersions(storage ?? {}))) {
    const keys = places.get(consumer) ?? ["buckets"];
    context.report({
      keys,
      atKey: true,
      what: `the S3 key ${key} would be that of ${configPath(places.get(other) ?? [])} as well, in another version of the keys`,
      allowed: "names of which none is another's with a version, as api-v2 is beside api",
      fix: "rename one of the two consumers: it gets a new key",
    });
  }
};

export const bucketRules: readonly Rule[] = [each, oneKeyEach];
