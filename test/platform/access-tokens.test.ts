import * as pulumi from "@pulumi/pulumi";
import { validateStackFile } from "../../platform/settings/validate";
import { accessArgs } from "../../platform/wiring";
import { stackText } from "./settings/stack-text";

/** What becomes of `access.serviceTokens`, with the stack's own one. */
function tokensOf(serviceTokens: string): unknown {
  const text = stackText(
    "groundwork:sites: { web: { project: acme, hostnames: [acme.example] } }\n" +
      `groundwork:access: { hostnames: [acme.example], serviceTokens: ${serviceTokens} }`,
  );
  const result = validateStackFile({ file: "Pulumi.qa.yaml", stack: "qa", text }, { secrets: "optional" });
  if ("issues" in result) throw new Error(JSON.stringify(result.issues));
  return accessArgs(result.settings.access!, (name) => pulumi.secret(name), ["checks"]).serviceTokens;
}

test("the token of the stack's own checks does not expire: nobody renews it", () => {
  expect(tokensOf("[ci]")).toEqual({ ci: {}, checks: { duration: "forever" } });
});

test("each token takes a duration and a version of its secret from the stack file; names alone are a list", () => {
  expect(tokensOf("{ ci: { duration: 17520h, secretVersion: 2 }, uptime: {} }")).toEqual({
    ci: { duration: "17520h", secretVersion: 2 },
    uptime: {},
    checks: { duration: "forever" },
  });
  expect(tokensOf("[ci, uptime]")).toEqual(tokensOf("{ ci: {}, uptime: {} }"));
});

test("the secret of the stack's own token can be made anew, and does not expire for that", () => {
  expect(tokensOf("{ checks: { secretVersion: 2 } }")).toEqual({
    checks: { duration: "forever", secretVersion: 2 },
  });
});
