/** Cloudflare Access as an environment has it: how programs get past its login, and whether it holds. */
import { readFileSync } from "node:fs";
import { rootCertificates } from "node:tls";
import { UserError } from "../common/user-error";
import { type AccessCheckResult, checkAccess } from "../components/access/check-access";
import { accessHeaders, type HeadersByHost, headersByHost } from "../components/shared/access-headers";
import { checksToken } from "../platform/checks-token";
import { resolveOverrides } from "../platform/host-access";
import type { Settings } from "../platform/settings";

export type { AccessCheckResult } from "../components/access/check-access";

interface Token {
  readonly clientId: string;
  readonly clientSecret: string;
}

/**
 * Headers that let a request in at each protected host name, by the stack's own service token. Secret.
 *
 * @param tokens the stack's output `accessTokens`
 * @returns nothing where no host is protected, or where the stack was not brought up yet
 */
export function accessHeadersOf({ access }: Pick<Settings, "access">, tokens: unknown): HeadersByHost {
  const token = tokenIn(tokens);
  return access === undefined || token === undefined
    ? {}
    : headersByHost(access.hostnames, accessHeaders(token));
}

/** Options of {@link checkAccessOf}. */
export interface AccessCheckOptions {
  /** Seconds in which all must have come true. @default 15 */
  readonly timeoutSeconds?: number | undefined;
  /** PEM file with further certificate authorities. @default none */
  readonly authoritiesFile?: string | undefined;
}

/**
 * Walks the protected and the public paths of a stack from here, as the check after each change does.
 *
 * @param tokens the stack's output `accessTokens`
 * @throws UserError where the stack has no Access, or was not brought up yet
 */
export async function checkAccessOf(
  { settings, stack }: { readonly settings: Settings; readonly stack: string },
  tokens: unknown,
  { timeoutSeconds = 15, authoritiesFile }: AccessCheckOptions = {},
): Promise<AccessCheckResult> {
  const { access } = settings;
  if (access === undefined) {
    throw new UserError({
      what: "the stack has no host behind Access",
      value: stack,
      next: "add groundwork:access to its stack file: docs/settings.md has an example",
    });
  }
  const token = tokenIn(tokens);
  if (token === undefined) {
    throw new UserError({
      what: "the stack has no service token for its checks yet",
      value: stack,
      next: `npx groundwork up -s ${stack}`,
    });
  }
  const further = authoritiesFile === undefined ? [] : [readFileSync(authoritiesFile, "utf8")];
  return checkAccess(
    {
      hostnames: access.hostnames,
      publicPaths: access.publicPaths,
      token,
      preflight: true,
      cors: access.cors,
      resolve: resolveOverrides(settings),
      timeoutSeconds,
    },
    { authorities: [...further, ...rootCertificates].join("\n") },
  );
}

function tokenIn(tokens: unknown): Token | undefined {
  const token = (tokens as Readonly<Record<string, Partial<Token>>> | undefined)?.[checksToken];
  const { clientId, clientSecret } = token ?? {};
  return clientId === undefined || clientSecret === undefined ? undefined : { clientId, clientSecret };
}
