import { UserError } from "../../common/user-error";
import { verifyPublic } from "../../components/origin/verify-public";
import { addressesOf } from "../../platform/public-addresses";
import { resolveOverrides } from "../../platform/host-access";
import type { Settings } from "../../platform/settings";
import type { OriginReleases } from "../releases";

/** How long an address of the environment before may take to be well, in seconds. */
const patience = 20;

/**
 * Makes sure that an environment is well: each origin on a host has a release that runs and none under way, and each
 * public address answers as a visitor gets it.
 *
 * @returns what was looked at, one line each
 * @throws UserError with everything that is not well
 */
export async function assertHealthy(
  settings: Settings,
  releases: readonly OriginReleases[],
): Promise<string[]> {
  const addresses = addressesOf(settings).map(({ url }) => url);
  const { answers, problems } = await verifyPublic({
    checks: addresses.map((url) => ({ url })),
    resolve: resolveOverrides(settings),
    timeoutSeconds: patience,
  });
  const all = [...releases.flatMap(releaseProblems), ...problems];
  if (all.length > 0) {
    throw new UserError({
      what: `${settings.stack} is not well, so nothing is released`,
      value: all.map((problem) => `\n  ${problem}`).join(""),
      next: `mend what is named, or bring it up again: npx groundwork up -s ${settings.stack}`,
    });
  }
  return [
    ...releases.map(({ origin, releases: [first] }) => `${origin} runs release ${first?.id ?? ""}`),
    ...answers.map(({ url, status }) => `${url} answers ${status}`),
  ];
}

function releaseProblems({ origin, running, releases }: OriginReleases): string[] {
  const active = releases.find(({ state }) => state === "active");
  if (running !== undefined) return [`${origin}: release ${running} is under way`];
  if (active === undefined) return [`${origin}: no release runs`];
  return active.ledger?.aborted === true ? [`${origin}: release ${active.id} was switched back`] : [];
}
