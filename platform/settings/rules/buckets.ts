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
    bucket.lifecycle.forEach((rule, index) => {
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

export const bucketRules: readonly Rule[] = [each];
