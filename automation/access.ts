/** Cloudflare Access as an environment has it: how programs get past its login. */
import { accessHeaders, type HeadersByHost, headersByHost } from "../components/shared/access-headers";
import { checksToken } from "../platform/checks-token";
import type { Settings } from "../platform/settings";

/**
 * Headers that let a request in at each protected host name, by the stack's own service token. Secret.
 *
 * @param tokens the stack's output `accessTokens`
 * @returns nothing where no host is protected, or where the stack was not brought up yet
 */
export function accessHeadersOf({ access }: Pick<Settings, "access">, tokens: unknown): HeadersByHost {
  if (access === undefined) return {};
  const token = (
    tokens as Readonly<Record<string, { clientId?: string; clientSecret?: string }>> | undefined
  )?.[checksToken];
  if (token?.clientId === undefined || token.clientSecret === undefined) return {};
  const { clientId, clientSecret } = token;
  return headersByHost(access.hostnames, accessHeaders({ clientId, clientSecret }));
}
