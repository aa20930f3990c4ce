import { ConcurrentUpdateError } from "../../automation/errors";
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
    /another run holds the lock of stack staging: me on host \(process 4711\), since 2026-11-21T10:00:00/,
    /groundwork unlock -s staging/,
  ],
  [
    "error: [409] Conflict: Another update is currently in progress.",
    /another run holds the lock of stack staging: who it is, the backend does not tell/,
    /--lock-wait/,
  ],
  [
    "error: unable to read PULUMI_CONFIG_PASSPHRASE_FILE: open /x: no such file or directory",
    /the passphrase's file cannot be read: .*open \/x/,
    /correct PULUMI_CONFIG_PASSPHRASE_FILE/,
  ],
  [
    "error: unable to open bucket file:///srv/state?no_tmp_dir=true: stat /srv/state: no such file or directory",
    /the backend with the states cannot be reached: .*\/srv\/state/,
    /PULUMI_BACKEND_URL leads elsewhere/,
  ],
  [
    'error: read ".pulumi/meta.yaml": blob (code=Unknown): Get "http://s3.example/b": dial tcp: lookup s3.example: no such host',
    /the backend with the states cannot be reached/,
    /credentials/,
  ],
  [
    "error: no stack named 'staging' found",
    /environment staging was not brought up yet/,
    /groundwork up -s staging/,
  ],
  [
    'error: performing HTTP request: Get "http://127.0.0.1:9/api/user": dial tcp 127.0.0.1:9: connect: connection refused',
    /the backend with the states cannot be reached: .*127\.0\.0\.1:9/,
    /network/,
  ],
  [
    "error: Unauthorized: No credentials provided or are invalid.",
    /the server with the states refuses the access token/,
    /PULUMI_ACCESS_TOKEN/,
  ],
  [
    "error: getting stack configuration: invalid YAML file: yaml: line 3: found unexpected end of stream",
    /the stack file is no YAML: Pulumi\.staging\.yaml, line 3$/,
    /correct Pulumi\.staging\.yaml/,
  ],
  [
    "error: failed to load checkpoint: unsupported checkpoint version 99",
    /written by a newer engine than this one; nothing was changed: .*version 99/,
    /pulumi version/,
  ],
  [
    "error: failed to load checkpoint: place 1: unexpected end of JSON input",
    /the state of stack staging cannot be read: a write of it was cut short: error: failed to load checkpoint: .*JSON input/,
    /staging\.json\.bak/,
  ],
  [
    "error: getting snapshot: failed to load checkpoint: place 1: invalid character '<' looking for beginning of value",
    /the state of stack staging cannot be read: a write of it was cut short: .*invalid character/,
    /staging\.json\.bak/,
  ],
  [
    "error: failed to load checkpoint: json: cannot unmarshal number into Go struct field DeploymentV3.latest.manifest",
    /the state of stack staging cannot be read/,
    /staging\.json\.bak/,
  ],
  [
    "error: place 1: unexpected end of JSON input",
    /the state of stack staging cannot be read/,
    /staging\.json\.bak/,
  ],
  [
    "creating zone-record: invalid character '<' looking for beginning of value; status 403: {\"code\": 10000}",
    /Cloudflare refuses the API token/,
    /CLOUDFLARE_API_TOKEN/,
  ],
  ["error: PULUMI_ACCESS_TOKEN must be set for login", /no state backend is chosen/, /pulumi login/],
  ["write state: no space left on device", /the disk is full/, /free some space/],
  ["ENOSPC: no space left on device, write", /the disk is full/, /df -h/],
  [
    "GET /zones/0/dns_records got no answer after 3 tries: connect ECONNREFUSED 127.0.0.1:1",
    /API cannot be reached/,
    /groundwork:cloudflare\.apiUrl in Pulumi\.staging\.yaml/,
  ],
  [
    'Get "https://api.cloudflare.com/client/v4/zones": dial tcp: lookup api.cloudflare.com: no such host',
    /API cannot be reached/,
    /network/,
  ],
  [
    "GET /zones/0/dns_records was refused with status 403 (9109: Unauthorized to access requested resource)",
    /refuses the API token/,
    /groundwork:secrets\.CLOUDFLARE_API_TOKEN of Pulumi\.staging\.yaml/,
  ],
  [
    'error creating record: 403 Forbidden {"success":false,"errors":[{"code":10000}]}',
    /refuses the API token/,
    /CLOUDFLARE_API_TOKEN/,
  ],
  [
    "after 11 failed attempts: ssh: handshake failed: ssh: host key mismatch",
    /another SSH key than the one that is pinned/,
    /read its key on the machine itself/,
  ],
  [
    "after 11 failed attempts: dial tcp 203.0.113.9:22: connect: connection refused",
    /no SSH server answers at 203\.0\.113\.9:22/,
    /groundwork:hosts\.<name>\.address/,
  ],
  [
    "ssh: handshake failed: ssh: unable to authenticate, attempted methods [none publickey]",
    /refuses the SSH key/,
    /groundwork:secrets\.SSH_PRIVATE_KEY/,
  ],
])("a known failure of the engine is explained with the next command: %s", (text, what, next) => {
  const error = explainFailure("up", "staging", [], new Error(text));
  expect(error.message.split("\n")[0]).toMatch(what);
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

test.each([
  "creating zone-record: error parsing response json: invalid character '<' looking for beginning of value",
  "creating zone-record: error parsing response json: unexpected end of JSON input",
  'updating record: parse "https://api example": invalid character " " in host name',
  'error: failed to load checkpoint: blob (key "dev.json") (code=Unknown): read tcp 10.0.0.2:443: connection reset',
])("an answer that is no JSON, or no address, is told as it is and not as a broken state: %s", (text) => {
  const error = explainFailure("up", "prod", [text], new Error("update failed"));
  expect(error.message).toContain(text);
  expect(error.message).not.toMatch(/state of stack|\.bak/);
});

test("a run that told no error is explained by the error lines of the engine's output", () => {
  const cause = new Error("code: 255\n stdout: noise\n stderr: error: no Pulumi.yaml found\n");
  expect(explainFailure("preview", "dev", [], cause).message).toContain("no Pulumi.yaml found");
});

test("a refusal for a lock is an error of its own kind, with those who hold it", () => {
  const lock = "file:///s/.pulumi/locks/organization/shop/dev/0f1e.json";
  const said = `error: the stack is currently locked by 1 lock(s). Either wait …\n  ${lock}: created by anna@ci-7 (pid 4711) at 2026-11-21T10:00:00Z`;
  const error = explainFailure("up", "dev", [], new Error(said));
  expect(error).toBeInstanceOf(ConcurrentUpdateError);
  expect((error as ConcurrentUpdateError).holders).toEqual([
    { id: "0f1e", pid: 4711, user: "anna", host: "ci-7", since: "2026-11-21T10:00:00.000Z" },
  ]);
});

test("a mistake that is explained already passes as it is", () => {
  const mistake = new UserError({ what: "no such stack" });
  expect(explainFailure("up", "dev", ["other"], mistake)).toBe(mistake);
});

test("a release that failed is told as its program told it, whatever its application has printed", () => {
  const loader = JSON.stringify('const root = [process.env.GROUNDWORK_ROOT];\nrequire("x");');
  const error = explainFailure(
    "up",
    "staging",
    [
      `exit status 21: running ${loader}:\napi: starting (green) after 1.0 s\nthe new release of sample did not get healthy; it was removed, and what served before serves on: \n  boot: unexpected end of JSON input, dial tcp 10.0.0.1:5432: i/o timeout\n  next: mend what its last lines say`,
    ],
    new Error("update failed"),
  );
  expect(error.message).toBe(
    "up of staging failed: \n" +
      "  exit status 21:\n" +
      "  api: starting (green) after 1.0 s\n" +
      "  the new release of sample did not get healthy; it was removed, and what served before serves on: \n" +
      "    boot: unexpected end of JSON input, dial tcp 10.0.0.1:5432: i/o timeout\n" +
      "    next: mend what its last lines say\n" +
      "  next: mend what is named above and run the same command again: what is done already stays done",
  );
});

test("a command of the user's own is shown where it failed", () => {
  const said = 'exit status 1: running "flyctl secrets import":\nno such app';
  expect(explainFailure("up", "prod", [said], new Error("x")).message).toContain(
    'running "flyctl secrets import"',
  );
});
