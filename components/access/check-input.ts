import type { ResolveOverride } from "../../remote/access";
import type { CredentialedCors } from "./credentialed-cors";

/** Standard input of dist/check-access.js, as JSON. Secret: it holds a service token. */
export interface AccessCheckInput {
  /** Hosts that need a login. */
  readonly hostnames: readonly string[];
  /** What anybody may read, as `host/path`; a `*` stands for anything. @default [] */
  readonly publicPaths?: readonly string[] | undefined;
  /** A service token that may enter everything. @default nothing is asked with one */
  readonly token?: { readonly clientId: string; readonly clientSecret: string } | undefined;
  /** Whether a preflight (OPTIONS) must reach the origins. @default false */
  readonly preflight?: boolean | undefined;
  /** Pages that ask another host with cookies. @default [] */
  readonly cors?: readonly CredentialedCors[] | undefined;
  /** Where hosts really are. @default [] */
  readonly resolve?: readonly ResolveOverride[] | undefined;
  /** Seconds in which all must have come true: a new application is not everywhere at once. @default 30 */
  readonly timeoutSeconds?: number | undefined;
  /** Changes when all is to be asked again; not looked at. @default asked again when anything else changes */
  readonly trigger?: unknown;
}
