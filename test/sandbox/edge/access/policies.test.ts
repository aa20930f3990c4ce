import type { AccessPolicy, Rule, RuleLists } from "../../../../sandbox/edge/access/model";
import { normalizedPath } from "../../../../sandbox/edge/access/path";
import { judge, type Visitor } from "../../../../sandbox/edge/access/policies";
import { organizationsIn } from "../../../../sandbox/edge/access/github";

const policy = (
  decision: AccessPolicy["decision"],
  include: Rule[],
  more: Partial<RuleLists> = {},
): AccessPolicy => ({
  id: decision,
  decision,
  include,
  require: [],
  exclude: [],
  ...more,
});
const everyone: Rule = { everyone: {} };
const stranger: Visitor = { address: "192.0.2.7", country: "XX" };
const ann: Visitor = {
  ...stranger,
  identity: {
    email: "Ann@Example.com",
    idp: { id: "github-id", type: "github" },
    organizations: [{ name: "Org", teams: ["backend"] }],
  },
};
const machine: Visitor = { ...stranger, token: { id: "token-id", clientId: "a.access" } };
const groups: Record<string, RuleLists> = {
  office: { include: [{ ip: { ip: "192.0.2.0/24" } }], require: [], exclude: [{ ip: { ip: "192.0.2.9" } }] },
};
const verdict = (policies: readonly AccessPolicy[], visitor: Visitor) =>
  judge({ policies }, visitor, { group: (id) => groups[id] }).kind;

test.each<[string, readonly AccessPolicy[], Visitor, string]>([
  ["no policy at all refuses", [], stranger, "refused"],
  ["no policy at all refuses who has logged in", [], ann, "refused"],
  ["allow asks a stranger to log in", [policy("allow", [everyone])], stranger, "login"],
  ["allow takes who fits", [policy("allow", [everyone])], ann, "allow"],
  ["a token is no login", [policy("allow", [everyone])], machine, "login"],
  [
    "bypass wins although it comes last",
    [policy("deny", [everyone]), policy("bypass", [everyone])],
    ann,
    "bypass",
  ],
  [
    "a machine wins although it comes last",
    [policy("deny", [everyone]), policy("non_identity", [{ any_valid_service_token: {} }])],
    machine,
    "machine",
  ],
  ["block before allow", [policy("deny", [everyone]), policy("allow", [everyone])], ann, "refused"],
  ["allow before block", [policy("allow", [everyone]), policy("deny", [everyone])], ann, "allow"],
  [
    "only machines: no login could help",
    [policy("non_identity", [{ service_token: { token_id: "x" } }])],
    stranger,
    "refused",
  ],
  ["another machine", [policy("non_identity", [{ service_token: { token_id: "x" } }])], machine, "refused"],
])("%s", (_what, policies, visitor, expected) => {
  expect(verdict(policies, visitor)).toBe(expected);
});

test.each<[string, Partial<RuleLists> & { include: Rule[] }, boolean]>([
  ["an e-mail, whatever its case", { include: [{ email: { email: "ann@example.com" } }] }, true],
  ["another e-mail", { include: [{ email: { email: "bob@example.com" } }] }, false],
  ["a domain", { include: [{ email_domain: { domain: "example.com" } }] }, true],
  ["the end of a domain is not the domain", { include: [{ email_domain: { domain: "ample.com" } }] }, false],
  [
    "one of several",
    { include: [{ email: { email: "x@y.z" } }, { email_domain: { domain: "example.com" } }] },
    true,
  ],
  [
    "an organisation",
    { include: [{ "github-organization": { identity_provider_id: "github-id", name: "org" } }] },
    true,
  ],
  [
    "an organisation by another provider",
    { include: [{ "github-organization": { identity_provider_id: "another", name: "org" } }] },
    false,
  ],
  [
    "a team that somebody is not in",
    {
      include: [
        { "github-organization": { identity_provider_id: "github-id", name: "org", team: "design" } },
      ],
    },
    false,
  ],
  ["the way of login", { include: [{ login_method: { id: "github-id" } }] }, true],
  ["a network", { include: [{ ip: { ip: "192.0.2.0/29" } }] }, true],
  ["another network", { include: [{ ip: { ip: "192.0.2.8/29" } }] }, false],
  ["a network of the other kind", { include: [{ ip: { ip: "2001:db8::/32" } }] }, false],
  ["a network that is none", { include: [{ ip: { ip: "192.0.2.0/99" } }] }, false],
  ["a group", { include: [{ group: { id: "office" } }] }, true],
  ["a group that is not there", { include: [{ group: { id: "gone" } }] }, false],
  [
    "required as well",
    {
      include: [everyone],
      require: [{ email_domain: { domain: "example.com" } }, { geo: { country_code: "XX" } }],
    },
    true,
  ],
  [
    "one required thing is missing",
    { include: [everyone], require: [everyone, { geo: { country_code: "DE" } }] },
    false,
  ],
  ["excluded", { include: [everyone], exclude: [{ email: { email: "ann@example.com" } }] }, false],
  ["required alone is not enough", { include: [{ email: { email: "x@y.z" } }], require: [everyone] }, false],
  ["a selector without a stand-in", { include: [{ device_posture: {} }] }, false],
])("a rule: %s", (_what, { include, ...more }, fits) => {
  expect(verdict([policy("allow", include, more)], ann)).toBe(fits ? "allow" : "refused");
});

test.each([
  ["/", "/"],
  ["/a/b/", "/a/b/"],
  ["/a/./b/../c", "/a/c"],
  ["/a/..", "/"],
  ["/../../a", "/a"],
  ["//a///b", "/a/b"],
  ["/a\\b", "/a/b"],
  ["/%61/%2E%2e/b", "/b"],
  ["/a%2fb%3f", "/a%2Fb%3F"],
  ["/a/%zz", "/a/%zz"],
])("the path %s is looked at as %s", (written, seen) => {
  expect(normalizedPath(written)).toBe(seen);
});

test("organisations are told with their teams", () => {
  expect(organizationsIn("a, b/one  b/two,, c/")).toEqual([
    { name: "a", teams: [] },
    { name: "b", teams: ["one", "two"] },
    { name: "c", teams: [] },
  ]);
});
