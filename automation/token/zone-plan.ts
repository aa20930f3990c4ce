/** The plan that a zone really has, beside the one that its settings name. */
import { UserError } from "../../common/user-error";
import { beyondPlan, type PlanName, planNames, type Settings, settingName } from "../../platform/settings";
import { type CloudflareApi, CloudflareRefusal } from "../cloudflare-api";

/** What a stack's settings take a zone for, and what it is. */
export interface ZonePlan {
  readonly described: PlanName;
  /** Undefined where the token may not read the zone. */
  readonly real: PlanName | undefined;
  /** What the settings ask for and the real plan does not have. */
  readonly beyond: readonly { readonly where: string; readonly what: string }[];
}

/**
 * Asks for a zone's plan where the settings name a dearer one than `free`, in one request: what the free plan lacks is
 * refused by the settings already.
 *
 * @returns undefined where there is nothing to compare, or the zone has that plan, a dearer one or one by another name
 */
export async function zonePlanOf(
  api: CloudflareApi,
  { zone }: Pick<Settings, "zone">,
  zoneId: string | undefined,
): Promise<ZonePlan | undefined> {
  if (zone === undefined || zone.plan === "free" || zoneId === undefined) return undefined;
  const told = await planOf(api, zoneId);
  if (told === undefined) return { described: zone.plan, real: undefined, beyond: [] };
  // Plans by other names (of partners, of old) are not compared.
  const real = planNames.find((name) => name === told);
  if (real === undefined || planNames.indexOf(real) >= planNames.indexOf(zone.plan)) return undefined;
  const beyond = beyondPlan(zone, real).map(({ keys, what }) => ({ where: settingName(keys), what }));
  return { described: zone.plan, real, beyond };
}

/** @throws UserError that names both plans, and each thing that the real one does not have */
export function assertPlan(
  plan: ZonePlan | undefined,
  { stack, settings }: { readonly stack: string; readonly settings: Pick<Settings, "domain"> },
): void {
  if (plan === undefined || plan.beyond.length === 0) return;
  const { described, real = "", beyond } = plan;
  throw new UserError({
    what: `the zone ${settings.domain} has the plan ${real}, and groundwork:zone.plan of ${stack} says ${described}`,
    value: `\n    ${beyond.map(({ where, what }) => `${where}: ${what}`).join("\n    ")}`,
    allowed: `what the plan ${real} has`,
    next: `write plan: ${real} into groundwork:zone and mend what is then refused, or change the zone's plan in Cloudflare's dashboard: nothing was changed`,
  });
}

/** A line for a plan that is named too dear while nothing needs it, or cannot be read; undefined where all is well. */
export function planRemark(
  plan: ZonePlan | undefined,
  { domain }: Pick<Settings, "domain">,
): string | undefined {
  if (plan === undefined || plan.beyond.length > 0) return undefined;
  if (plan.real === undefined) {
    return `the plan of the zone ${domain} could not be read (Zone Read): groundwork:zone.plan, ${plan.described}, is taken as it is`;
  }
  return `the zone ${domain} has the plan ${plan.real}, although groundwork:zone.plan says ${plan.described}; nothing in the stack needs that yet`;
}

async function planOf(api: CloudflareApi, zoneId: string): Promise<string | undefined> {
  try {
    const zone = await api.get<{ plan?: { legacy_id?: string } }>(`/zones/${zoneId}`);
    return zone.plan?.legacy_id;
  } catch (error) {
    if (error instanceof CloudflareRefusal) return undefined;
    throw error;
  }
}
