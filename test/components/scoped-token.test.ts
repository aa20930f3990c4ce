import { ScopedToken, scopedTokenIssues, type ScopedTokenArgs } from "../../components/scoped-token";
import { told } from "../support/issues";
import { known, Mocks, runWith } from "../support/mocks";

const answers = {
  "cloudflare:index/accountToken:AccountToken": () => ({ id: "token-id", value: "swordfish" }),
};
const base: ScopedTokenArgs = { accountId: "acc", grants: [{ permission: "Stream Write" }] };

test("a known permission needs no call, and the value is secret", async () => {
  const mocks = new Mocks(answers);
  const token = await runWith(mocks, () => new ScopedToken("live", base));
  expect(mocks.children()).toEqual([
    {
      type: "cloudflare:index/accountToken:AccountToken",
      name: "live",
      inputs: {
        accountId: "acc",
        name: "live",
        policies: [
          {
            effect: "allow",
            permissionGroups: [{ id: "714f9c13a5684c2885a793f5edb36f59" }],
            resources: '{"com.cloudflare.api.account.acc":"*"}',
          },
        ],
      },
      secrets: [],
    },
  ]);
  expect(await known(token.value)).toEqual({ value: "swordfish", secret: true });
  expect(await known(token.tokenId)).toEqual({ value: "token-id", secret: false });
});

test("others are looked up; a policy for each grant; limits in time and place; a new version is a new token", async () => {
  const mocks = new Mocks(answers, {
    "cloudflare:index/getAccountApiTokenPermissionGroupsList:getAccountApiTokenPermissionGroupsList": () => ({
      results: [{ id: "0".repeat(32), name: "Cache Purge", scopes: [] }],
    }),
  });
  await runWith(
    mocks,
    () =>
      new ScopedToken("edge", {
        ...base,
        tokenName: "example edge",
        grants: [{ permission: "Cache Purge", zoneId: "zone" }, { permission: "a".repeat(32) }],
        expiresOn: "2027-01-31T00:00:00Z",
        allowedNetworks: ["203.0.113.0/24"],
        version: 2,
      }),
  );
  expect(mocks.get("edge-v2").inputs).toEqual({
    accountId: "acc",
    name: "example edge",
    policies: [
      {
        effect: "allow",
        permissionGroups: [{ id: "0".repeat(32) }],
        resources: '{"com.cloudflare.api.account.zone.zone":"*"}',
      },
      {
        effect: "allow",
        permissionGroups: [{ id: "a".repeat(32) }],
        resources: '{"com.cloudflare.api.account.acc":"*"}',
      },
    ],
    expiresOn: "2027-01-31T00:00:00Z",
    condition: { requestIp: { ins: ["203.0.113.0/24"] } },
  });
});

test.each<[string, Partial<ScopedTokenArgs>, string[]]>([
  ["nothing wrong", {}, []],
  ["no grants", { grants: [] }, ["grants: a token that may do nothing is of no use"]],
  ["an empty permission", { grants: [{ permission: " " }] }, ["grants[0].permission: is empty"]],
  [
    "time and version",
    { expiresOn: "soon", version: 0 },
    ['expiresOn: is not a time "soon"', "version: is not a whole number from 1 0"],
  ],
])("mistakes: %s", (_what, changes, expected) => {
  expect(told(scopedTokenIssues({ ...base, ...changes }))).toEqual(expected);
});
