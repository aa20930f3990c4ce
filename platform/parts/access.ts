import * as pulumi from "@pulumi/pulumi";
import { AccessCheck, AccessProtectedEnv } from "../../components";
import { accessHeaders, type HeadersByHost, headersByHost } from "../../components/shared/access-headers";
import { checksToken } from "../checks-token";
import { accessArgs } from "../wiring";
import { type Named, part, type Surroundings } from "./surroundings";

/** Of what was adopted the checks, and the token they enter with, may be left out. */
const leavesChecks = ({ leaves }: Surroundings): boolean => leaves("access.checks");

export function makeAccess(surroundings: Surroundings): AccessProtectedEnv | undefined {
  const { settings, secrets, opts, accountId } = surroundings;
  const { access, domain, stack } = settings;
  if (access === undefined) return undefined;
  const tokens = leavesChecks(surroundings) ? [] : [checksToken];
  const args = { accountId, displayName: `${domain} ${stack}`, ...accessArgs(access, secrets, tokens) };
  return new AccessProtectedEnv("access", args, opts);
}

/** What stands in front of each host name that needs a login. */
export function behindAccess(
  { settings }: Surroundings,
  access: AccessProtectedEnv | undefined,
): Named<readonly pulumi.Resource[]> {
  const hostnames = access === undefined ? [] : (settings.access?.hostnames ?? []);
  return Object.fromEntries(hostnames.map((hostname) => [hostname, access?.applications ?? []]));
}

/** What lets the prober and the checks in where Access is in front, by host name. */
export function headersOfChecks(
  surroundings: Surroundings,
  access: AccessProtectedEnv | undefined,
): pulumi.Output<HeadersByHost> | undefined {
  if (access === undefined || leavesChecks(surroundings)) return undefined;
  const { clientId, clientSecret } = part(access.serviceTokens, checksToken);
  const hostnames = surroundings.settings.access?.hostnames ?? [];
  return pulumi
    .all([clientId, clientSecret])
    .apply(([id, secret]): HeadersByHost =>
      headersByHost(hostnames, accessHeaders({ clientId: id, clientSecret: secret })),
    );
}

/** Last of all, and again with each release and each change of who may enter. */
export function makeAccessCheck(
  surroundings: Surroundings,
  { applicationIds, serviceTokens }: AccessProtectedEnv,
  releases: Named<pulumi.Input<string> | undefined>,
  after: readonly pulumi.Resource[],
): void {
  const { settings, opts, resolve } = surroundings;
  const { access } = settings;
  if (access?.check !== true || leavesChecks(surroundings)) return;
  new AccessCheck(
    "access-check",
    {
      hostnames: access.hostnames,
      publicPaths: access.publicPaths,
      serviceToken: part(serviceTokens, checksToken),
      cors: access.cors,
      resolve,
      // Settings hold names of secrets only.
      trigger: pulumi.jsonStringify({ access, applicationIds, releases }),
    },
    { ...opts, dependsOn: [...after] },
  );
}
