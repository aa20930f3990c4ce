import { accessHeadersOf, checkAccessOf } from "../../automation/access";
import { type Settings, validateStackFile } from "../../platform/settings";

function settings(access: string): Settings {
  const text = `config:
  groundwork:domain: example.com
  groundwork:cloudflare: { accountId: "000000000000000000000000000000a1", zoneId: "000000000000000000000000000000b1" }
  groundwork:sites:
    web: { project: web, hostnames: [stg.example.com] }
${access}`;
  const result = validateStackFile(
    { file: "Pulumi.staging.yaml", text, stack: "staging" },
    { secrets: "optional" },
  );
  if ("issues" in result) throw new Error(JSON.stringify(result.issues, undefined, 2));
  return result.settings;
}

const open = settings("");
const closed = settings("  groundwork:access: { hostnames: [stg.example.com], emails: [dev@example.com] }\n");
const tokens = {
  checks: { clientId: "id.access", clientSecret: "of tests" },
  ci: { clientId: "other.access" },
};

test("a protected host is asked with the stack's own token, and no other host is", () => {
  expect(accessHeadersOf(closed, tokens)).toEqual({
    "stg.example.com": { "CF-Access-Client-Id": "id.access", "CF-Access-Client-Secret": "of tests" },
  });
  expect(accessHeadersOf(open, tokens)).toEqual({});
  expect(accessHeadersOf(closed, undefined)).toEqual({});
  expect(accessHeadersOf(closed, { ci: tokens.ci })).toEqual({});
});

test("what cannot be checked is said, with the next command", async () => {
  await expect(checkAccessOf({ settings: open, stack: "staging" }, tokens)).rejects.toMatchObject({
    message: expect.stringContaining("the stack has no host behind Access") as string,
  });
  await expect(checkAccessOf({ settings: closed, stack: "staging" }, {})).rejects.toMatchObject({
    message: expect.stringMatching(
      /no service token for its checks yet[^]*npx groundwork up -s staging/,
    ) as string,
  });
});
