/** What of `groundwork:zone` a plan of Cloudflare's does not have. Pure. */
import type { Finding } from "../issue";
import type { StackValues } from "../schema/stack";

/** Plans of a zone, the cheapest first. */
export const planNames = ["free", "pro", "business", "enterprise"] as const;

/** A plan by the name that the API and the settings give it. */
export type PlanName = (typeof planNames)[number];

type Zone = NonNullable<StackValues["zone"]>;

/**
 * Everything that a zone's settings ask for and a plan does not have, whatever plan they name.
 *
 * @example
 * beyondPlan(zone, "free").map(({ what }) => what); // ["6 WAF custom rules, but the free plan has 5"]
 */
export function beyondPlan(zone: Zone, plan: PlanName): Finding[] {
  return [...(plan === "free" ? beyondFree(zone) : []), ...expressions(zone, plan)];
}

/** What expressions of rules may hold on dearer plans only. */
const paidWords: readonly (readonly [pattern: RegExp, what: string, plans: readonly PlanName[]])[] = [
  [/ (?:matches|~) /, "a regular expression (matches)", ["business", "enterprise"]],
  [/\bcf\.bot_management\./, "Bot Management (cf.bot_management)", ["enterprise"]],
  [/\bcf\.waf\.score\b/, "the WAF attack score (cf.waf.score)", ["business", "enterprise"]],
  [/\bhttp\.request\.body\./, "the content of request bodies (http.request.body)", ["enterprise"]],
];

function expressions(zone: Zone, plan: PlanName): Finding[] {
  return (["firewallRules", "cacheRules"] as const).flatMap((key) =>
    zone[key].flatMap(({ expression }, index): Finding[] => {
      const outsideTexts = expression.replace(/"(?:[^"\\]|\\.)*"/g, '""');
      const found = paidWords.find(
        ([pattern, , plans]) => pattern.test(outsideTexts) && !plans.includes(plan),
      );
      if (found === undefined) return [];
      const [, what, plans] = found;
      return [
        {
          keys: ["zone", key, index, "expression"],
          what: `the ${plan} plan does not have ${what}`,
          value: true,
          allowed: `${what} on the plan ${plans.join(" or ")}`,
          fix: "write the rule without it (contains, starts_with, wildcard), or say which plan it is in groundwork:zone.plan",
        },
      ];
    }),
  );
}

function beyondFree(zone: Zone): Finding[] {
  const limits = [
    ["firewallRules", zone.firewallRules.length, 5, "WAF custom rules"],
    ["cacheRules", zone.cacheRules.length, 10, "cache rules"],
    ["redirects", zone.redirects.length, 10, "redirect rules"],
  ] as const;
  return [
    ...limits
      .filter(([, count, limit]) => count > limit)
      .map(([key, count, limit, what]): Finding => ({
        keys: ["zone", key],
        atKey: true,
        what: `${count} ${what}, but the free plan has ${limit}`,
        allowed: `at most ${limit} ${what} on the free plan`,
        fix: "put several conditions into one rule, or say which plan it is in groundwork:zone.plan",
      })),
    ...zone.cacheRules.flatMap(({ edgeTtl }, index): Finding[] =>
      edgeTtl === undefined || edgeTtl >= 7200
        ? []
        : [
            {
              keys: ["zone", "cacheRules", index, "edgeTtl"],
              what: "the free plan keeps answers at the edge for 2 hours or more",
              value: true,
              allowed: "7200 seconds or more on the free plan",
              fix: "write 7200, or leave it out so that the origin decides",
            },
          ],
    ),
  ];
}
