import * as cloudflare from "@pulumi/cloudflare";
import * as pulumi from "@pulumi/pulumi";
import { componentType } from "./shared/names";
import { tokenDuration, tokenDurations } from "./shared/token-duration";
import { isHostname, Issues, refuse } from "./shared/validation";

/** Login by GitHub: an OAuth app of one's own, or an identity provider that exists in the account. */
export type GithubLogin =
  | { readonly clientId: pulumi.Input<string>; readonly clientSecret: pulumi.Input<string> }
  | { readonly id: pulumi.Input<string> };

/** Who may enter: one match is enough. At least one entry in all. */
export interface AccessAllow {
  /** @default [] */
  readonly emails?: readonly pulumi.Input<string>[];
  /** Domains of e-mail addresses, without the at sign. @default [] */
  readonly emailDomains?: readonly pulumi.Input<string>[];
  /** Members of GitHub organisations (and of a team in them); needs `github`. @default [] */
  readonly githubOrganizations?: readonly { readonly name: string; readonly team?: string }[];
}

/** A token for machines: monitoring, CI, the verification of a rollout. */
export interface AccessServiceTokenArgs {
  /** How long it is valid, such as `8760h` or `forever`. @default "8760h", a year */
  readonly duration?: string;
  /** Raise by one to get a new secret. @default 1 */
  readonly secretVersion?: number;
}

/** Arguments of {@link AccessProtectedEnv}. */
export interface AccessProtectedEnvArgs {
  readonly accountId: pulumi.Input<string>;
  /** Hosts behind the login, proxied by Cloudflare; one login is good for all of them. */
  readonly hostnames: readonly string[];
  /** What anybody may read, as `host/path`; `/*` at the end means everything below. @default [] */
  readonly publicPaths?: readonly string[];
  /** How many public paths one application holds, 1 to 5. @default 5, as many as it takes */
  readonly pathsPerApplication?: number;
  readonly allow: AccessAllow;
  /** @default no GitHub login */
  readonly github?: GithubLogin;
  /** A code by e-mail. `"create"` makes the account's only such provider; `{ id }` uses the one that exists. @default none */
  readonly oneTimePin?: "create" | { readonly id: pulumi.Input<string> };
  /** How long a login is good for, such as `24h`. @default "24h" */
  readonly sessionDuration?: string;
  /** Tokens by name; each may enter everything here. @default {} */
  readonly serviceTokens?: Readonly<Record<string, AccessServiceTokenArgs>>;
  /**
   * Name shown on the login page, and before what policies, tokens and login methods are called. Cloudflare has them of all
   * environments of an account in one list, so each environment wants another one. @default the component's name
   */
  readonly displayName?: string;
  /** Lets a browser's CORS preflight (OPTIONS) through to the origin. @default true */
  readonly allowPreflight?: boolean;
}

/** A service token's two headers. */
export interface AccessServiceTokenCredentials {
  /** Header `CF-Access-Client-Id`. */
  readonly clientId: pulumi.Output<string>;
  /** Header `CF-Access-Client-Secret`. Secret. */
  readonly clientSecret: pulumi.Output<string>;
}

/** How many hosts or paths one Access application takes. */
const destinationsPerApplication = 5;

/**
 * Hosts behind a Cloudflare Access login, with public paths and tokens for machines. One login serves all hosts. Public
 * paths are applications of their own, which win as the more specific ones and bypass everybody. A Pages project's own
 * `*.pages.dev` names are not behind it.
 *
 * @example
 * // The smallest: a code by e-mail, from the account's own one-time PIN provider.
 * import { AccessProtectedEnv } from "groundwork/components";
 *
 * export const access = new AccessProtectedEnv("staging", {
 *   accountId: "0000000000000000000000000000ac01",
 *   hostnames: ["stg.example.com"],
 *   allow: { emailDomains: ["example.com"] },
 * });
 *
 * @example
 * // Everything: GitHub or one-time PIN on two hosts, public paths, a token for CI.
 * import { AccessProtectedEnv } from "groundwork/components";
 * import * as pulumi from "@pulumi/pulumi";
 *
 * const access = new AccessProtectedEnv("staging", {
 *   accountId: "0000000000000000000000000000ac01",
 *   hostnames: ["stg.example.com", "api-stg.example.com"],
 *   publicPaths: [
 *     "api-stg.example.com/health",
 *     "api-stg.example.com/docs",
 *     "stg.example.com/manifest.webmanifest",
 *     "stg.example.com/icons/*",
 *   ],
 *   pathsPerApplication: 5,
 *   github: { clientId: "client", clientSecret: new pulumi.Config().requireSecret("githubClientSecret") },
 *   oneTimePin: "create",
 *   allow: { emails: ["guest@example.org"], githubOrganizations: [{ name: "example", team: "backend" }] },
 *   serviceTokens: { ci: { duration: "8760h", secretVersion: 1 } },
 *   sessionDuration: "24h",
 *   displayName: "Example staging",
 *   allowPreflight: true,
 * });
 * export const audiences = access.audiences;
 * export const ciClientId = access.serviceTokens["ci"]?.clientId;
 */
export class AccessProtectedEnv extends pulumi.ComponentResource {
  /** Ids of the protected applications (one for each five hosts). */
  readonly applicationIds: pulumi.Output<string[]>;
  /** Audience tags, by which an origin verifies tokens. */
  readonly audiences: pulumi.Output<string[]>;
  /** Service tokens by name; the client secrets are secret. */
  readonly serviceTokens: Readonly<Record<string, AccessServiceTokenCredentials>>;
  /** The applications themselves, for `behind` of what makes the hosts reachable. */
  readonly applications: readonly pulumi.Resource[];

  constructor(name: string, args: AccessProtectedEnvArgs, opts?: pulumi.ComponentResourceOptions) {
    super(componentType("AccessProtectedEnv"), name, {}, opts);
    refuse(this, "AccessProtectedEnv", name, accessIssues(args));
    const displayName = args.displayName ?? name;

    const providers = this.identityProviders(name, displayName, args);
    const tokens = this.tokens(name, displayName, args);
    const policies = this.policies(name, displayName, args, providers.github, Object.values(tokens));
    const applications = chunk(args.hostnames, destinationsPerApplication).map((hostnames, index) =>
      this.application(`${name}${index === 0 ? "" : `-${index + 1}`}`, args, {
        name: index === 0 ? displayName : `${displayName} ${index + 1}`,
        destinations: hostnames,
        policies,
        ...(providers.all.length === 0
          ? {}
          : { allowedIdps: providers.all, autoRedirectToIdentity: providers.all.length === 1 }),
      }),
    );
    this.applications = [...applications, ...this.bypass(name, displayName, args)];

    this.applicationIds = pulumi.all(applications.map(({ id }) => id));
    this.audiences = pulumi.all(applications.map(({ aud }) => aud));
    this.serviceTokens = Object.fromEntries(
      Object.entries(tokens).map(([token, { clientId, clientSecret }]) => [
        token,
        { clientId, clientSecret: pulumi.secret(clientSecret) },
      ]),
    );
    this.registerOutputs({
      applicationIds: this.applicationIds,
      audiences: this.audiences,
      serviceTokens: this.serviceTokens,
    });
  }

  /** Ids of the login methods; none means every method of the account. */
  private identityProviders(
    name: string,
    displayName: string,
    { accountId, github, oneTimePin }: AccessProtectedEnvArgs,
  ) {
    const githubId =
      github === undefined
        ? undefined
        : "id" in github
          ? pulumi.output(github.id)
          : new cloudflare.ZeroTrustAccessIdentityProvider(
              `${name}-github`,
              {
                accountId,
                name: `${displayName} GitHub`,
                type: "github",
                config: { clientId: github.clientId, clientSecret: pulumi.secret(github.clientSecret) },
              },
              { parent: this },
            ).id;
    const pinId =
      oneTimePin === undefined
        ? undefined
        : oneTimePin !== "create"
          ? pulumi.output(oneTimePin.id)
          : new cloudflare.ZeroTrustAccessIdentityProvider(
              `${name}-one-time-pin`,
              { accountId, name: `${displayName} one-time PIN`, type: "onetimepin", config: {} },
              { parent: this },
            ).id;
    return { github: githubId, all: [githubId, pinId].filter((id) => id !== undefined) };
  }

  private tokens(
    name: string,
    displayName: string,
    { accountId, serviceTokens = {} }: AccessProtectedEnvArgs,
  ) {
    return Object.fromEntries(
      Object.entries(serviceTokens).map(([token, { duration = "8760h", secretVersion = 1 }]) => [
        token,
        new cloudflare.ZeroTrustAccessServiceToken(
          `${name}-token-${token}`,
          { accountId, name: `${displayName} ${token}`, duration, clientSecretVersion: secretVersion },
          { parent: this },
        ),
      ]),
    );
  }

  /** In order of precedence: tokens of machines first, then people. */
  private policies(
    name: string,
    displayName: string,
    { accountId, allow, sessionDuration = "24h" }: AccessProtectedEnvArgs,
    github: pulumi.Output<string> | undefined,
    tokens: readonly cloudflare.ZeroTrustAccessServiceToken[],
  ): cloudflare.ZeroTrustAccessPolicy[] {
    const machines =
      tokens.length === 0
        ? []
        : [
            new cloudflare.ZeroTrustAccessPolicy(
              `${name}-machines`,
              {
                accountId,
                name: `${displayName} machines`,
                decision: "non_identity",
                includes: tokens.map(({ id }) => ({ serviceToken: { tokenId: id } })),
                sessionDuration,
              },
              { parent: this },
            ),
          ];
    if (peopleOf(allow) === 0) return machines;
    const people = new cloudflare.ZeroTrustAccessPolicy(
      `${name}-people`,
      {
        accountId,
        name: `${displayName} people`,
        decision: "allow",
        includes: [
          ...(allow.emails ?? []).map((email) => ({ email: { email } })),
          ...(allow.emailDomains ?? []).map((domain) => ({ emailDomain: { domain } })),
          ...(allow.githubOrganizations ?? []).map(({ name: organization, team }) => ({
            githubOrganization: {
              identityProviderId: github ?? "",
              name: organization,
              ...(team === undefined ? {} : { team }),
            },
          })),
        ],
        sessionDuration,
      },
      { parent: this },
    );
    return [...machines, people];
  }

  private application(
    name: string,
    args: AccessProtectedEnvArgs,
    app: {
      name: string;
      destinations: readonly string[];
      policies: readonly cloudflare.ZeroTrustAccessPolicy[];
      allowedIdps?: readonly pulumi.Output<string>[];
      autoRedirectToIdentity?: boolean;
      appLauncherVisible?: boolean;
    },
  ) {
    const { destinations, policies, allowedIdps, ...rest } = app;
    return new cloudflare.ZeroTrustAccessApplication(
      name,
      {
        accountId: args.accountId,
        type: "self_hosted",
        destinations: destinations.map((uri) => ({ type: "public", uri })),
        policies: policies.map(({ id }, index) => ({ id, precedence: index + 1 })),
        sessionDuration: args.sessionDuration ?? "24h",
        httpOnlyCookieAttribute: true,
        serviceAuth401Redirect: true,
        optionsPreflightBypass: args.allowPreflight ?? true,
        appLauncherVisible: true,
        ...(allowedIdps === undefined ? {} : { allowedIdps: [...allowedIdps] }),
        ...rest,
      },
      { parent: this },
    );
  }

  /** Applications for what is public; the more specific path wins over the protected host. */
  private bypass(name: string, displayName: string, args: AccessProtectedEnvArgs): pulumi.Resource[] {
    const { publicPaths = [], pathsPerApplication = destinationsPerApplication } = args;
    if (publicPaths.length === 0) return [];
    const everybody = new cloudflare.ZeroTrustAccessPolicy(
      `${name}-public`,
      {
        accountId: args.accountId,
        name: `${displayName} public`,
        decision: "bypass",
        includes: [{ everyone: {} }],
      },
      { parent: this },
    );
    return chunk(publicPaths, pathsPerApplication).map((paths, index) => {
      const number = index === 0 ? "" : String(index + 1);
      return this.application(`${name}-public-paths${number === "" ? "" : `-${number}`}`, args, {
        name: `${displayName} public${number === "" ? "" : ` ${number}`}`,
        destinations: paths,
        policies: [everybody],
        appLauncherVisible: false,
      });
    });
  }
}

/** How many entries let people in. */
function peopleOf({
  emails = [],
  emailDomains = [],
  githubOrganizations = [],
}: AccessProtectedEnvArgs["allow"]): number {
  return emails.length + emailDomains.length + githubOrganizations.length;
}

function chunk<T>(items: readonly T[], size: number): T[][] {
  return Array.from({ length: Math.ceil(items.length / size) }, (_, index) =>
    items.slice(index * size, (index + 1) * size),
  );
}

/** Every mistake in the arguments. */
export function accessIssues(args: AccessProtectedEnvArgs): Issues {
  const issues = new Issues();
  const { hostnames, publicPaths = [], allow, github, oneTimePin, serviceTokens = {} } = args;
  if (hostnames.length === 0) issues.add("hostnames", "nothing would be protected");
  hostnames.forEach((hostname, index) => {
    issues.check(`hostnames[${index}]`, hostname, isHostname, "is not a full host name in lower case");
    if (hostnames.indexOf(hostname) !== index)
      issues.add(`hostnames[${index}]`, "is there twice", { value: hostname });
  });
  publicPaths.forEach((path, index) => {
    const at = `publicPaths[${index}]`;
    const slash = path.indexOf("/");
    const host = slash === -1 ? path : path.slice(0, slash);
    const rest = slash === -1 ? "" : path.slice(slash);
    if (!isHostname(host))
      issues.add(at, "is not host/path", { value: path, allowed: "api.example.com/health" });
    else if (!hostnames.includes(host)) {
      issues.add(at, "is on a host that is not protected here", {
        value: path,
        allowed: hostnames.join(", "),
      });
    } else if (/^[/*]*$/.test(rest)) {
      issues.add(at, "would make the whole host public", { value: path });
    } else if (/[\s?#]/.test(rest) || rest.split("/").some((part) => part.split("*").length > 2)) {
      issues.add(at, "has characters that Access does not take", {
        value: path,
        allowed: "no query, no white space, one * between two slashes",
      });
    }
    if (publicPaths.indexOf(path) !== index) issues.add(at, "is there twice", { value: path });
  });
  issues.check(
    "pathsPerApplication",
    args.pathsPerApplication,
    (value) => Number.isInteger(value) && value >= 1 && value <= destinationsPerApplication,
    `is not a whole number from 1 to ${destinationsPerApplication}`,
  );
  const { emails = [], emailDomains = [], githubOrganizations = [] } = allow;
  if (peopleOf(allow) + Object.keys(serviceTokens).length === 0) {
    issues.add("allow", "lets nobody in", {
      allowed: "emails, emailDomains or githubOrganizations; nobody where there are serviceTokens",
    });
  }
  emails.forEach((email, index) =>
    issues.check(
      `allow.emails[${index}]`,
      email,
      (value) => /^[^\s@]+@[^\s@]+$/.test(value),
      "is not an e-mail address",
    ),
  );
  emailDomains.forEach((domain, index) =>
    issues.check(
      `allow.emailDomains[${index}]`,
      domain,
      isHostname,
      "is not a domain (write it without the at sign)",
    ),
  );
  if (githubOrganizations.length > 0 && github === undefined) {
    issues.add("github", "is needed for allow.githubOrganizations");
  }
  if (
    github !== undefined &&
    oneTimePin === undefined &&
    githubOrganizations.length === 0 &&
    emails.length + emailDomains.length === 0
  ) {
    issues.add("allow.githubOrganizations", "is empty, so nobody could log in by GitHub");
  }
  issues.check(
    "sessionDuration",
    args.sessionDuration,
    (value) => /^(\d+(ms|s|m|h))+$/.test(value),
    "is not a duration",
    "such as 24h or 30m",
  );
  for (const [token, { duration, secretVersion }] of Object.entries(serviceTokens)) {
    const at = `serviceTokens.${token}`;
    if (!/^[a-z0-9][a-z0-9-]*$/.test(token))
      issues.add(at, "is not a name", { allowed: "lower case, digits, hyphens" });
    issues.check(
      `${at}.duration`,
      duration,
      (value) => tokenDuration.test(value),
      "is not a duration",
      tokenDurations,
    );
    issues.check(
      `${at}.secretVersion`,
      secretVersion,
      (value) => Number.isInteger(value) && value >= 1,
      "is not a whole number from 1",
    );
  }
  return issues;
}
