import type { R2CorsRule, R2LifecycleRule } from "../r2-buckets";

const secondsPerDay = 86_400;

export function corsRule(rule: R2CorsRule) {
  return {
    allowed: {
      origins: [...rule.origins],
      methods: [...(rule.methods ?? ["GET", "HEAD"])],
      headers: [...(rule.headers ?? [])],
    },
    exposeHeaders: [...(rule.exposeHeaders ?? [])],
    maxAgeSeconds: rule.maxAgeSeconds ?? 3600,
  };
}

/** The rules in seconds; R2's own rule about unfinished uploads is restated, as writing rules replaces all of them. */
export function lifecycleRules(rules: readonly R2LifecycleRule[]) {
  const age = (days: number) => ({ type: "Age", maxAge: days * secondsPerDay });
  const own = rules.map((rule, index) => ({
    id: `groundwork-${index + 1}`,
    enabled: true,
    conditions: { prefix: rule.prefix ?? "" },
    ...(rule.deleteAfterDays === undefined
      ? {}
      : { deleteObjectsTransition: { condition: age(rule.deleteAfterDays) } }),
    ...(rule.infrequentAccessAfterDays === undefined
      ? {}
      : {
          storageClassTransitions: [
            { storageClass: "InfrequentAccess", condition: age(rule.infrequentAccessAfterDays) },
          ],
        }),
    ...(rule.abortUploadsAfterDays === undefined
      ? {}
      : { abortMultipartUploadsTransition: { condition: age(rule.abortUploadsAfterDays) } }),
  }));
  const everywhere = rules.some(
    ({ prefix = "", abortUploadsAfterDays }) => prefix === "" && abortUploadsAfterDays !== undefined,
  );
  if (everywhere) return own;
  return [
    ...own,
    {
      id: "Default Multipart Abort Rule",
      enabled: true,
      conditions: { prefix: "" },
      abortMultipartUploadsTransition: { condition: age(7) },
    },
  ];
}
