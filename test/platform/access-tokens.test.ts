import * as pulumi from "@pulumi/pulumi";
import { validateStackFile } from "../../platform/settings/validate";
import { accessArgs } from "../../platform/wiring";
import { stackText } from "./settings/stack-text";

test("the token of the stack's own checks does not expire: nobody renews it", () => {
  const text = stackText(
    "groundwork:sites: { web: { project: acme, hostnames: [acme.example] } }\n" +
      "groundwork:access: { hostnames: [acme.example], emails: [a@acme.example], serviceTokens: [ci] }",
  );
  const result = validateStackFile({ file: "Pulumi.qa.yaml", stack: "qa", text }, { secrets: "optional" });
  if ("issues" in result) throw new Error(JSON.stringify(result.issues));
  const { access } = result.settings;
  const args = accessArgs(access!, (name) => pulumi.secret(name), ["checks"]);
  expect(args.serviceTokens).toEqual({ ci: {}, checks: { duration: "forever" } });
});
