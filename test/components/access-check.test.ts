import { output } from "@pulumi/pulumi";
import { AccessCheck, type AccessCheckArgs, accessCheckIssues } from "../../components/access-check";
import { told } from "../support/issues";
import { Mocks, runWith } from "../support/mocks";

const hostnames = ["stg.example.com", "api-stg.example.com"];

test("one step, whose input is secret: it holds the service token", async () => {
  const mocks = new Mocks({ "command:local:Command": () => ({ stdout: "", stderr: "" }) });
  await runWith(
    mocks,
    () =>
      new AccessCheck("check", {
        hostnames,
        publicPaths: ["stg.example.com/icons/*"],
        serviceToken: {
          clientId: output("id.access"),
          clientSecret: output("swordfish"),
        },
        cors: [{ page: "stg.example.com", api: "api-stg.example.com" }],
        trigger: output(["app-id"]),
      }),
  );
  expect(mocks.list()).toEqual(["Command check"]);
  const { inputs, secrets } = mocks.get("check");
  expect(secrets).toEqual(["stdin"]);
  expect(JSON.parse(String(inputs["stdin"]))).toEqual({
    hostnames,
    publicPaths: ["stg.example.com/icons/*"],
    token: { clientId: "id.access", clientSecret: "swordfish" },
    preflight: true,
    cors: [{ page: "stg.example.com", api: "api-stg.example.com" }],
    trigger: ["app-id"],
  });
  expect(String(inputs["create"])).toContain("check-access.js");
  expect(String(inputs["create"])).not.toContain("swordfish");
});

test.each<[string, AccessCheckArgs, string[]]>([
  ["nothing wrong", { hostnames, publicPaths: ["stg.example.com/a"] }, []],
  ["no hosts", { hostnames: [] }, ["hostnames: nothing would be asked"]],
  [
    "addresses that do not fit",
    {
      hostnames: ["Stg.example.com"],
      publicPaths: ["elsewhere.example.com/health"],
      cors: [{ page: "stg", api: "elsewhere.example.com", path: "me" }],
      timeoutSeconds: 0,
    },
    [
      'hostnames[0]: is not a full host name in lower case "Stg.example.com"',
      'publicPaths[0]: is not a path of a host that is asked "elsewhere.example.com/health"',
      'cors[0].page: is not a full host name in lower case "stg"',
      'cors[0].api: is not a host that is asked "elsewhere.example.com"',
      'cors[0].path: is not a path "me"',
      "timeoutSeconds: is not a time 0",
    ],
  ],
])("mistakes: %s", (_what, args, expected) => {
  expect(told(accessCheckIssues(args))).toEqual(expected);
});
