import { nameOf, type StackState } from "../state";
import { endingFinding, type Finding, soonDays } from "./finding";

/** When the origins' certificates end, as the state has it. Pure. */
export function certificateFindings({ resources = [] }: StackState, now: Date, stack: string): Finding[] {
  return resources.flatMap(({ outputs, type, urn }) => {
    const at = outputs?.["expiresOn"];
    if (type !== "cloudflare:index/originCaCertificate:OriginCaCertificate" || typeof at !== "string")
      return [];
    return endingFinding(`certificate ${nameOf(urn)}`, isoOf(at), {
      now,
      soonDays,
      next: `pulumi up -s ${stack} --replace '${urn}' makes another one`,
    });
  });
}

/** Cloudflare writes `2014-01-01 05:20:00 +0000 UTC`. */
function isoOf(at: string): string {
  return at.replace(/^(\S+) (\S+) ([+-]\d{2})(\d{2}) UTC$/, "$1T$2$3:$4");
}
