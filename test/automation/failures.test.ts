import { explainFailure } from "../../automation/failures";
import { UserError } from "../../common/user-error";

test.each([
  [
    "error: incorrect passphrase",
    /passphrase of stack staging is missing or wrong/,
    /PULUMI_CONFIG_PASSPHRASE/,
  ],
  [
    "error: the stack is currently locked by 1 lock(s).\n  file:///x: created by me@host (pid 4711) at 2026-11-21T10:00:00Z",
    /another run holds the lock of stack staging: me@host, process 4711, since 2026-11-21T10:00:00Z/,
    /pulumi cancel -s staging/,
  ],
  ["error: PULUMI_ACCESS_TOKEN must be set for login", /no state backend is chosen/, /pulumi login/],
  ["write state: no space left on device", /the disk is full/, /free some space/],
])("a known failure of the engine is explained with the next command: %s", (text, what, next) => {
  const error = explainFailure("up", "staging", [], new Error(text));
  expect(error.parts.what).toMatch(what);
  expect(error.parts.next).toMatch(next);
});

test("an unknown failure gives every message of the run once, and not the engine's whole output", () => {
  const error = explainFailure(
    "up",
    "dev",
    ["record exists", "record exists ", "host refused"],
    new Error("code: 255 …"),
  );
  expect(error.message).toBe(
    [
      "up of dev failed: ",
      "  record exists",
      "  host refused",
      "  next: mend what is named above and run the same command again: what is done already stays done",
    ].join("\n"),
  );
});

test("a run that told no error is explained by the error lines of the engine's output", () => {
  const cause = new Error("code: 255\n stdout: noise\n stderr: error: no Pulumi.yaml found\n");
  expect(explainFailure("preview", "dev", [], cause).message).toContain("no Pulumi.yaml found");
});

test("a mistake that is explained already passes as it is", () => {
  const mistake = new UserError({ what: "no such stack" });
  expect(explainFailure("up", "dev", ["other"], mistake)).toBe(mistake);
});
