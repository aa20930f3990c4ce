/** What stands at Cloudflare -> a stack file, and a list of what it cannot say. Pure. */
import { stringify } from "yaml";
import { formatIssue, validateStackFile } from "../../platform/settings";
import type { Keys } from "../../platform/settings/paths";
import { type AdoptedAccess, describeAccess } from "./access";
import { describeBuckets } from "./buckets";
import type { Live } from "./live";
import { describeSites } from "./sites";
import { describeTunnels } from "./tunnels";
import { describeZone } from "./zone";

/** What is to be taken over. */
export interface DescribeOptions {
  readonly stack: string;
  /** Another address of the API than Cloudflare's own. */
  readonly apiUrl?: string | undefined;
  /** Names of Pages projects. @default those with a custom domain in the zone */
  readonly projects?: readonly string[] | undefined;
  /** Names of R2 buckets. @default all of the account */
  readonly buckets?: readonly string[] | undefined;
  /** Without the zone's settings and its further records, which one stack only may have. @default false */
  readonly withoutZone?: boolean;
}

/** A stack file and what it leaves out. */
export interface Description {
  readonly text: string;
  /** Settings without their namespace. */
  readonly config: Readonly<Record<string, unknown>>;
  readonly access: AdoptedAccess | undefined;
  /** Paths for the import list's `leave`. */
  readonly leave: readonly string[];
  /** What stays by hand, a line each. */
  readonly remarks: readonly string[];
}

/** Says what there is in a stack file that has no mistake; what the settings refuse is told in `remarks`. */
export function describe(live: Live, options: DescribeOptions): Description {
  const sites = describeSites(live, options.projects);
  const buckets = describeBuckets(live, options.buckets);
  const tunnels = describeTunnels(live);
  const covered = new Set([...(sites.records ?? []), ...(tunnels.records ?? [])]);
  const zone = describeZone(live, covered);
  const access = describeAccess(live);
  const remarks = [
    ...live.unread.map((each) => `could not be read: ${each}`),
    ...(options.withoutZone === true
      ? ["settings, rules and further records of the zone: they were not asked for"]
      : zone.remarks),
    ...sites.remarks,
    ...buckets.remarks,
    ...tunnels.remarks,
    ...access.remarks,
  ];
  const some = (key: string, part: Record<string, unknown>) =>
    Object.keys(part).length === 0 ? {} : { [key]: part };
  const config: Record<string, unknown> = {
    domain: live.zone.name,
    cloudflare: {
      accountId: live.zone.accountId,
      zoneId: live.zone.id,
      ...(options.apiUrl === undefined ? {} : { apiUrl: options.apiUrl }),
    },
    ...(options.withoutZone === true ? {} : { zone: zone.part }),
    ...some("sites", sites.part),
    ...some("buckets", buckets.part),
    ...some("tunnels", tunnels.part),
    ...(access.part === undefined ? {} : { access: access.part.settings }),
  };
  const pruned = prune(config, options.stack);
  const settled = pruned.config;
  return {
    text: textOf(settled),
    config: settled,
    access: settled["access"] === undefined ? undefined : access.part,
    leave: [...(buckets.leave ?? []), ...(tunnels.leave ?? []), ...(access.leave ?? [])].filter((path) =>
      isThere(settled, path),
    ),
    remarks: [...remarks, ...pruned.remarks],
  };
}

/** Is the part there that a path of `leave` is about? */
function isThere(config: Readonly<Record<string, unknown>>, path: string): boolean {
  const [part = "", name = ""] = path.split(".");
  const entries = config[part] as Record<string, unknown> | undefined;
  return entries !== undefined && (part === "access" || name in entries);
}

/** Takes out, entry by entry, what the settings would refuse. */
function prune(
  config: Readonly<Record<string, unknown>>,
  stack: string,
): { config: Record<string, unknown>; remarks: string[] } {
  const left = structuredClone(config) as Record<string, unknown>;
  const remarks: string[] = [];
  for (;;) {
    const file = `Pulumi.${stack}.yaml`;
    const checked = validateStackFile({ file, text: textOf(left), stack }, { secrets: "optional" });
    const [issue] = "issues" in checked ? checked.issues : [];
    if (issue === undefined) return { config: left, remarks };
    const taken = takeOut(left, issue.keys);
    const said = formatIssue({ ...issue, file: undefined, line: undefined, column: undefined });
    const [place = "", what = ""] = said.split("\n").map((line) => line.trim());
    remarks.push(`${taken} is not in the stack file, which would refuse it: ${place}: ${what}`);
  }
}

/** Parts whose entries are each one thing: what is wrong with an entry takes the whole of it. */
const whole = new Set(["records", "redirects", "firewallRules", "cacheRules", "tunnels", "buckets"]);

/** @returns what was taken out, in the words of settings */
function takeOut(config: Record<string, unknown>, keys: Keys): string {
  const from = keys.findIndex((key) => whole.has(String(key)));
  const wanted = from === -1 || keys.length <= from + 2 ? keys : keys.slice(0, from + 2);
  for (let depth = Math.max(1, wanted.length); depth >= 1; depth--) {
    const path = wanted.slice(0, depth);
    const parent = path
      .slice(0, -1)
      .reduce<unknown>(
        (at, key) =>
          typeof at === "object" && at !== null ? (at as Record<string, unknown>)[String(key)] : undefined,
        config,
      );
    const last = path.at(-1);
    if (typeof parent !== "object" || parent === null || last === undefined) continue;
    if (Array.isArray(parent) && typeof last === "number" && last < parent.length) {
      parent.splice(last, 1);
      return path.join(".");
    }
    if (!Array.isArray(parent) && String(last) in parent) {
      delete (parent as Record<string, unknown>)[String(last)];
      return path.join(".");
    }
  }
  throw new Error(`a description of what there is has a mistake at ${keys.join(".") || "its top"}`);
}

function textOf(config: Readonly<Record<string, unknown>>): string {
  const named = Object.fromEntries(
    Object.entries(config).map(([key, value]) => [`groundwork:${key}`, value]),
  );
  // The engine reads YAML 1.1, in which dates, yes and on are no texts unless they are quoted.
  return stringify({ config: named }, { lineWidth: 110, schema: "yaml-1.1" });
}
