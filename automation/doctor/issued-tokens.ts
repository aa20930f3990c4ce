/** When the tokens end that the stack has made for others: their pipelines and applications stop then without a word. Pure. */
import { nameOf, type StackState, type StateResource } from "../state";
import { endingFinding, type Finding, soonDays } from "./finding";

/** A service token of Access, as Cloudflare tells it. */
export interface ServiceToken {
  readonly id: string;
  readonly duration?: string;
  /** Not to be had of one that never ends. */
  readonly expires_at?: string | null;
}

/** The service tokens that the state has. */
export function serviceTokensOf({ resources = [] }: StackState): StateResource[] {
  return resources.filter(
    ({ delete: isReplaced, id, type }) =>
      type === "cloudflare:index/zeroTrustAccessServiceToken:ZeroTrustAccessServiceToken" &&
      id !== undefined &&
      isReplaced !== true,
  );
}

/**
 * Of the service tokens, by what Cloudflare says: there they are renewed in the dashboard as well, of which the state does not know.
 *
 * @param account all of the account
 */
export function serviceTokenFindings(
  state: StackState,
  account: readonly ServiceToken[],
  now: Date,
  stack: string,
): Finding[] {
  return serviceTokensOf(state).map(({ id, urn }) => {
    const name = nameOf(urn).replace(/^access-token-/, "");
    const subject = `service token ${name}`;
    const token = account.find((one) => one.id === id);
    if (token === undefined) {
      const next = `npx groundwork refresh -s ${stack}, then npx groundwork up -s ${stack}, which makes another one`;
      return { subject, state: "bad", says: "is not at Cloudflare any more", next };
    }
    const end = token.duration === "forever" ? undefined : (token.expires_at ?? undefined);
    const other = `another duration than ${token.duration ?? "now"} (or forever)`;
    const next = `npx groundwork up -s ${stack}, once groundwork:access.serviceTokens.${name} has ${other}: its secret stays`;
    return endingFinding(subject, end, { now, soonDays, next });
  });
}

/** Of API tokens with few rights, as the state has it; those that never end are not told. */
export function scopedTokenFindings({ resources = [] }: StackState, now: Date, stack: string): Finding[] {
  return resources.flatMap(({ outputs, type, urn }) => {
    const at = outputs?.["expiresOn"];
    if (type !== "cloudflare:index/accountToken:AccountToken" || typeof at !== "string") return [];
    const name = nameOf(urn);
    const next = `npx groundwork up -s ${stack}, once groundwork:tokens.${name}.expiresOn is a later day: its value stays`;
    return endingFinding(`token ${name}`, at, { now, soonDays, next });
  });
}
