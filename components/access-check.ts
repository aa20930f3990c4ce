import * as pulumi from "@pulumi/pulumi";
import type { ResolveOverride } from "../remote/host";
import type { AccessServiceTokenCredentials } from "./access-protected-env";
import type { CredentialedCors } from "./access/credentialed-cors";
import { localStep } from "./shared/local-step";
import { componentType } from "./shared/names";
import { isHostname, isUrlPath, Issues, refuse } from "./shared/validation";

export type { CredentialedCors } from "./access/credentialed-cors";

/** Arguments of {@link AccessCheck}. */
export interface AccessCheckArgs {
  /** Hosts that need a login. */
  readonly hostnames: readonly string[];
  /** What anybody may read, as `host/path`; `/*` at the end means everything below. @default [] */
  readonly publicPaths?: readonly string[];
  /** A service token that may enter everything. @default nothing is asked with one */
  readonly serviceToken?: AccessServiceTokenCredentials;
  /** Must a browser's preflight (OPTIONS) reach the origins? @default true */
  readonly preflight?: boolean;
  /** Pages that ask another of the hosts with the visitor's cookies: the answers must allow them to. @default [] */
  readonly cors?: readonly CredentialedCors[];
  /** Where hosts really are, as curl's `--resolve`. @default [] */
  readonly resolve?: readonly ResolveOverride[];
  /** Seconds in which all must have come true: a new application is not everywhere at once. @default 30 */
  readonly timeoutSeconds?: number;
  /** Asked again whenever this changes. @default asked when anything else here changes */
  readonly trigger?: pulumi.Input<unknown>;
}

/**
 * Walks hosts behind Access from outside, after everything it depends on: without a login each protected path must ask
 * for one, also beside a public path and on a way out of one, and each public path must answer; with the service token
 * every path must, and with a wrong one none. The update fails where a path is open that should not be, or closed.
 *
 * @example
 * // The smallest: one host, nothing public.
 * import { AccessCheck, AccessProtectedEnv } from "groundwork/components";
 *
 * const access = new AccessProtectedEnv("staging", {
 *   accountId: "0000000000000000000000000000ac01",
 *   hostnames: ["stg.example.com"],
 *   allow: { emailDomains: ["example.com"] },
 * });
 * new AccessCheck("staging-check", { hostnames: ["stg.example.com"] }, { dependsOn: [access] });
 *
 * @example
 * // Everything: public paths, a service token, a page that asks its API with cookies.
 * import { AccessCheck, AccessProtectedEnv } from "groundwork/components";
 *
 * const hostnames = ["stg.example.com", "api-stg.example.com"];
 * const publicPaths = ["api-stg.example.com/health", "stg.example.com/icons/*"];
 * const access = new AccessProtectedEnv("staging", {
 *   accountId: "0000000000000000000000000000ac01",
 *   hostnames,
 *   publicPaths,
 *   allow: { emailDomains: ["example.com"] },
 *   serviceTokens: { checks: {} },
 * });
 * const { checks } = access.serviceTokens;
 * new AccessCheck(
 *   "staging-check",
 *   {
 *     hostnames,
 *     publicPaths,
 *     ...(checks === undefined ? {} : { serviceToken: checks }),
 *     preflight: true,
 *     cors: [{ page: "stg.example.com", api: "api-stg.example.com", path: "/me" }],
 *     resolve: [],
 *     timeoutSeconds: 120,
 *     trigger: access.applicationIds,
 *   },
 *   { dependsOn: [access] },
 * );
 */
export class AccessCheck extends pulumi.ComponentResource {
  constructor(name: string, args: AccessCheckArgs, opts?: pulumi.ComponentResourceOptions) {
    super(componentType("AccessCheck"), name, {}, opts);
    refuse(this, "AccessCheck", name, accessCheckIssues(args));
    const { hostnames, publicPaths, serviceToken, preflight = true, cors, resolve, timeoutSeconds } = args;
    localStep(
      name,
      {
        program: "check-access.js",
        input: {
          hostnames,
          publicPaths,
          token: serviceToken,
          preflight,
          cors,
          resolve,
          timeoutSeconds,
          trigger: args.trigger,
        },
      },
      { parent: this, ...(opts?.dependsOn === undefined ? {} : { dependsOn: opts.dependsOn }) },
    );
    this.registerOutputs({});
  }
}

/** Every mistake in the arguments. */
export function accessCheckIssues({
  hostnames,
  publicPaths = [],
  cors = [],
  timeoutSeconds,
}: AccessCheckArgs): Issues {
  const issues = new Issues();
  const allowed = hostnames.join(", ");
  if (hostnames.length === 0) issues.add("hostnames", "nothing would be asked");
  hostnames.forEach((hostname, index) =>
    issues.check(`hostnames[${index}]`, hostname, isHostname, "is not a full host name in lower case"),
  );
  publicPaths.forEach((path, index) => {
    if (hostnames.some((hostname) => path.startsWith(`${hostname}/`))) return;
    issues.add(`publicPaths[${index}]`, "is not a path of a host that is asked", { value: path, allowed });
  });
  cors.forEach(({ page, api, path }, index) => {
    const at = `cors[${index}]`;
    issues.check(`${at}.page`, page, isHostname, "is not a full host name in lower case");
    if (!hostnames.includes(api))
      issues.add(`${at}.api`, "is not a host that is asked", { value: api, allowed });
    issues.check(`${at}.path`, path, isUrlPath, "is not a path");
  });
  if (timeoutSeconds !== undefined && !(timeoutSeconds > 0)) {
    issues.add("timeoutSeconds", "is not a time", { value: timeoutSeconds, allowed: "seconds, more than 0" });
  }
  return issues;
}
