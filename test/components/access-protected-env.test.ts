import {
  accessIssues,
  AccessProtectedEnv,
  type AccessProtectedEnvArgs,
} from "../../components/access-protected-env";
import { told } from "../support/issues";
import { known, Mocks, runWith } from "../support/mocks";

const answers = {
  "cloudflare:index/zeroTrustAccessIdentityProvider:ZeroTrustAccessIdentityProvider": () => ({}),
  "cloudflare:index/zeroTrustAccessServiceToken:ZeroTrustAccessServiceToken": () => ({
    clientId: "id.access",
    clientSecret: "swordfish",
  }),
  "cloudflare:index/zeroTrustAccessPolicy:ZeroTrustAccessPolicy": () => ({}),
  "cloudflare:index/zeroTrustAccessApplication:ZeroTrustAccessApplication": (
    _inputs: unknown,
    name: string,
  ) => ({
    aud: `${name}-aud`,
  }),
};

const base: AccessProtectedEnvArgs = {
  accountId: "account",
  hostnames: ["stg.example.com", "api-stg.example.com"],
  allow: { emails: ["dev@example.com"] },
};

const application = {
  accountId: "account",
  type: "self_hosted",
  sessionDuration: "24h",
  httpOnlyCookieAttribute: true,
  serviceAuth401Redirect: true,
  optionsPreflightBypass: true,
  appLauncherVisible: true,
};

test("the smallest: one application for all hosts, one policy, every login method of the account", async () => {
  const mocks = new Mocks(answers);
  const access = await runWith(mocks, () => new AccessProtectedEnv("staging", base));
  expect(mocks.list()).toEqual([
    "ZeroTrustAccessApplication staging",
    "ZeroTrustAccessPolicy staging-people",
  ]);
  expect(mocks.get("staging")).toMatchObject({
    inputs: {
      ...application,
      name: "staging",
      destinations: [
        { type: "public", uri: "stg.example.com" },
        { type: "public", uri: "api-stg.example.com" },
      ],
      policies: [{ id: "staging-people-id", precedence: 1 }],
    },
  });
  expect(mocks.get("staging").inputs).not.toHaveProperty("allowedIdps");
  expect(mocks.get("staging-people").inputs).toEqual({
    accountId: "account",
    name: "staging people",
    decision: "allow",
    includes: [{ email: { email: "dev@example.com" } }],
    sessionDuration: "24h",
  });
  expect((await known(access.audiences)).value).toEqual(["staging-aud"]);
});

test("everything: two login methods, machines before people, public paths in applications of five", async () => {
  const mocks = new Mocks(answers);
  const publicPaths = ["health", "docs", "openapi.json", "a/*", "b", "c"].map(
    (path) => `api-stg.example.com/${path}`,
  );
  const access = await runWith(
    mocks,
    () =>
      new AccessProtectedEnv("staging", {
        ...base,
        publicPaths,
        github: { clientId: "client", clientSecret: "hunter2hunter2" },
        oneTimePin: "create",
        allow: { emailDomains: ["example.com"], githubOrganizations: [{ name: "org", team: "backend" }] },
        serviceTokens: { ci: { secretVersion: 2 } },
        sessionDuration: "12h",
        displayName: "Example staging",
        allowPreflight: false,
      }),
  );
  expect(mocks.list()).toEqual([
    "ZeroTrustAccessApplication staging",
    "ZeroTrustAccessApplication staging-public-paths",
    "ZeroTrustAccessApplication staging-public-paths-2",
    "ZeroTrustAccessIdentityProvider staging-github",
    "ZeroTrustAccessIdentityProvider staging-one-time-pin",
    "ZeroTrustAccessPolicy staging-machines",
    "ZeroTrustAccessPolicy staging-people",
    "ZeroTrustAccessPolicy staging-public",
    "ZeroTrustAccessServiceToken staging-token-ci",
  ]);
  expect(mocks.get("staging-github")).toMatchObject({
    inputs: {
      accountId: "account",
      name: "Example staging GitHub",
      type: "github",
      config: { clientId: "client", clientSecret: "hunter2hunter2" },
    },
  });
  expect(mocks.get("staging-github").secrets.join()).toContain("config");
  expect(mocks.get("staging-one-time-pin").inputs).toEqual({
    accountId: "account",
    name: "Example staging one-time PIN",
    type: "onetimepin",
    config: {},
  });
  expect(mocks.get("staging").inputs).toMatchObject({
    name: "Example staging",
    policies: [
      { id: "staging-machines-id", precedence: 1 },
      { id: "staging-people-id", precedence: 2 },
    ],
    allowedIdps: ["staging-github-id", "staging-one-time-pin-id"],
    autoRedirectToIdentity: false,
    sessionDuration: "12h",
    optionsPreflightBypass: false,
  });
  // Told apart from those of the account's other environments.
  expect(
    ["machines", "people", "public", "token-ci"].map((part) => mocks.get(`staging-${part}`).inputs["name"]),
  ).toEqual(["machines", "people", "public", "ci"].map((what) => `Example staging ${what}`));
  expect(mocks.get("staging-machines").inputs).toMatchObject({
    decision: "non_identity",
    includes: [{ serviceToken: { tokenId: "staging-token-ci-id" } }],
  });
  expect(mocks.get("staging-people").inputs).toMatchObject({
    includes: [
      { emailDomain: { domain: "example.com" } },
      { githubOrganization: { identityProviderId: "staging-github-id", name: "org", team: "backend" } },
    ],
  });
  expect(mocks.get("staging-public").inputs).toMatchObject({
    decision: "bypass",
    includes: [{ everyone: {} }],
  });
  expect(mocks.get("staging-public-paths").inputs).toMatchObject({
    destinations: publicPaths.slice(0, 5).map((uri) => ({ type: "public", uri })),
    policies: [{ id: "staging-public-id", precedence: 1 }],
    appLauncherVisible: false,
  });
  expect(mocks.get("staging-public-paths-2").inputs["destinations"]).toEqual([
    { type: "public", uri: "api-stg.example.com/c" },
  ]);
  expect(mocks.get("staging-token-ci").inputs).toMatchObject({ duration: "8760h", clientSecretVersion: 2 });
  const { ci } = access.serviceTokens;
  expect(await known(ci?.clientId ?? "")).toEqual({ value: "id.access", secret: false });
  expect(await known(ci?.clientSecret ?? "")).toEqual({ value: "swordfish", secret: true });
});

test("without people there is no policy for any: tokens alone come in", async () => {
  const mocks = new Mocks(answers);
  await runWith(
    mocks,
    () => new AccessProtectedEnv("staging", { ...base, allow: {}, serviceTokens: { ci: {} } }),
  );
  expect(mocks.list().filter((made) => made.includes("Policy"))).toEqual([
    "ZeroTrustAccessPolicy staging-machines",
  ]);
  expect(mocks.get("staging").inputs["policies"]).toEqual([{ id: "staging-machines-id", precedence: 1 }]);
});

test("providers that exist are used and none is made; more than five hosts are two applications", async () => {
  const mocks = new Mocks(answers);
  const access = await runWith(
    mocks,
    () =>
      new AccessProtectedEnv("staging", {
        ...base,
        hostnames: ["a", "b", "c", "d", "e", "f"].map((host) => `${host}.example.com`),
        github: { id: "github-id" },
        allow: { githubOrganizations: [{ name: "org" }] },
      }),
  );
  expect(mocks.list()).toEqual([
    "ZeroTrustAccessApplication staging",
    "ZeroTrustAccessApplication staging-2",
    "ZeroTrustAccessPolicy staging-people",
  ]);
  expect(mocks.get("staging-2").inputs).toMatchObject({
    destinations: [{ type: "public", uri: "f.example.com" }],
    allowedIdps: ["github-id"],
    autoRedirectToIdentity: true,
  });
  expect((await known(access.applicationIds)).value).toEqual(["staging-id", "staging-2-id"]);
});

test.each<[string, Partial<AccessProtectedEnvArgs>, string[]]>([
  ["nothing wrong", { publicPaths: ["stg.example.com/icons/*"] }, []],
  ["nobody may enter", { allow: {} }, ["allow: lets nobody in"]],
  ["no hosts", { hostnames: [] }, ["hostnames: nothing would be protected"]],
  [
    "an organisation without GitHub",
    { allow: { githubOrganizations: [{ name: "org" }] } },
    ["github: is needed for allow.githubOrganizations"],
  ],
  [
    "public paths",
    {
      publicPaths: [
        "/health",
        "other.example.com/health",
        "stg.example.com/*",
        "stg.example.com/*/",
        "stg.example.com",
        "stg.example.com/a?b",
        "stg.example.com/a*b*c",
      ],
    },
    [
      'publicPaths[0]: is not host/path "/health"',
      'publicPaths[1]: is on a host that is not protected here "other.example.com/health"',
      'publicPaths[2]: would make the whole host public "stg.example.com/*"',
      'publicPaths[3]: would make the whole host public "stg.example.com/*/"',
      'publicPaths[4]: would make the whole host public "stg.example.com"',
      'publicPaths[5]: has characters that Access does not take "stg.example.com/a?b"',
      'publicPaths[6]: has characters that Access does not take "stg.example.com/a*b*c"',
    ],
  ],
  [
    "addresses",
    { allow: { emails: ["me"], emailDomains: ["@example.com"] } },
    [
      'allow.emails[0]: is not an e-mail address "me"',
      'allow.emailDomains[0]: is not a domain (write it without the at sign) "@example.com"',
    ],
  ],
  [
    "durations and tokens",
    { sessionDuration: "a day", serviceTokens: { CI: { duration: "1y", secretVersion: 0 } } },
    [
      'sessionDuration: is not a duration "a day"',
      "serviceTokens.CI: is not a name",
      'serviceTokens.CI.duration: is not a duration "1y"',
      "serviceTokens.CI.secretVersion: is not a whole number from 1 0",
    ],
  ],
])("mistakes: %s", (_what, changes, expected) => {
  expect(told(accessIssues({ ...base, ...changes }))).toEqual(expected);
});
