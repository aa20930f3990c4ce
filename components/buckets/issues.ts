import type { R2BucketsArgs } from "../r2-buckets";
import { liveVersions, sameTokens } from "./consumers";
import { overlap } from "./events";
import { isHostname, Issues } from "../shared/validation";
import { bucketName } from "./names";

/** Every mistake in the arguments. */
export function r2BucketsIssues(name: string, args: R2BucketsArgs): Issues {
  const issues = new Issues();
  const entries = Object.entries(args.buckets);
  if (entries.length === 0) issues.add("buckets", "is empty");
  const names = new Map<string, string>();
  for (const [key, spec] of entries) {
    const at = `buckets.${key}`;
    const physical = bucketName(name, key, spec);
    issues.check(
      `${at}.name`,
      physical,
      (value) => /^[a-z0-9][a-z0-9-]{1,61}[a-z0-9]$/.test(value),
      "is not a bucket name",
      "3 to 63 lower-case letters, digits, hyphens, not starting or ending with a hyphen",
    );
    const other = names.get(physical);
    if (other !== undefined) issues.add(`${at}.name`, `is the name of ${other} as well`, { value: physical });
    names.set(physical, at);
    if (spec.location !== undefined && (spec.jurisdiction ?? "default") !== "default") {
      issues.add(`${at}.location`, "has no meaning with a jurisdiction", { value: spec.location });
    }
    issues.check(
      `${at}.customDomain`,
      spec.customDomain,
      isHostname,
      "is not a full host name in lower case",
    );
    if (spec.customDomain !== undefined && args.zoneId === undefined) {
      issues.add("zoneId", `is needed for ${at}.customDomain`);
    }
    (spec.cors ?? []).forEach((rule, index) => {
      if (rule.origins.length === 0) issues.add(`${at}.cors[${index}].origins`, "is empty");
      rule.origins.forEach((origin, position) =>
        issues.check(
          `${at}.cors[${index}].origins[${position}]`,
          origin,
          (value) => value === "*" || /^https?:\/\/[^\s/]+$/.test(value),
          "is not an origin",
          "scheme and host without a slash at the end",
        ),
      );
    });
    (spec.lifecycle ?? []).forEach((rule, index) => {
      const when = ["deleteAfterDays", "infrequentAccessAfterDays", "abortUploadsAfterDays"] as const;
      if (when.every((kind) => rule[kind] === undefined))
        issues.add(`${at}.lifecycle[${index}]`, "does nothing");
      for (const kind of when) {
        issues.check(
          `${at}.lifecycle[${index}].${kind}`,
          rule[kind],
          (days) => Number.isInteger(days) && days >= 1 && days <= 36_500,
          "is not a number of days",
          "1 to 36500 days",
        );
      }
    });
    const notifications = spec.notifications ?? [];
    notifications.forEach((rule, index) => {
      const place = `${at}.notifications[${index}]`;
      if ((rule.queue === undefined) === (rule.queueId === undefined))
        issues.add(place, "names no queue, or two", { allowed: "either queue or queueId" });
      issues.check(
        `${place}.queue`,
        rule.queue,
        (value) => /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/.test(value),
        "is not the name of a queue",
        "1 to 63 lower-case letters, digits, hyphens, not starting or ending with a hyphen",
      );
      if (rule.actions.length === 0) issues.add(`${place}.actions`, "is empty");
      const other = notifications.findIndex((before, at) => at < index && overlap(before, rule));
      if (other >= 0) {
        issues.add(place, `fits events that ${at}.notifications[${other}] fits as well, which R2 refuses`, {
          allowed: "other actions, or prefixes or suffixes of which none starts or ends with the other",
        });
      }
    });
    for (const consumer of Object.keys(spec.consumers ?? {})) {
      if (!/^[a-z0-9][a-z0-9-]*$/.test(consumer)) {
        issues.add(`${at}.consumers.${consumer}`, "is not a name", {
          allowed: "lower case, digits, hyphens",
        });
      }
    }
  }
  const consumers = entries.flatMap(([, spec]) => Object.keys(spec.consumers ?? {}));
  for (const { consumer, other, key } of sameTokens(consumers, liveVersions(args))) {
    issues.add("consumers", `${consumer} and ${other} would both have the S3 key ${key}`, {
      allowed: "names of which none is another's with a version: api-v2 beside api",
    });
  }
  issues.check(
    "credentialsVersion",
    args.credentialsVersion,
    (value) => Number.isInteger(value) && value >= 1,
    "is not a whole number from 1",
  );
  issues.check(
    "endpoint",
    args.endpoint,
    (value) => URL.canParse(value) && /^https?:$/.test(new URL(value).protocol),
    "is not an http or https URL",
  );
  return issues;
}
