import { mkdtempSync, rmSync } from "node:fs";
import { createSecureServer as createHttp2, type Http2SecureServer } from "node:http2";
import { createServer as createHttps, type Server } from "node:https";
import { type AddressInfo, createServer as createTcp } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { VerifyPublicInput } from "../../../components/origin/rollout-input";
import { verifyPublic, whatIsWrong } from "../../../components/origin/verify-public";
import { type Authority, createAuthority } from "../../../sandbox/certificates";
import { buildPrograms, runLocalProgram } from "../../support/local-program";
import { freePort } from "../../support/open-ssh";

let directory: string;
let authority: Authority;
const servers: (Server | Http2SecureServer | ReturnType<typeof createTcp>)[] = [];

beforeAll(async () => {
  buildPrograms();
  directory = mkdtempSync(join(tmpdir(), "groundwork-public-"));
  authority = await createAuthority(directory, "verify-public test");
});
afterEach(async () => {
  for (const server of servers.splice(0)) await new Promise((resolve) => server.close(resolve));
});
afterAll(() => rmSync(directory, { recursive: true, force: true }));

async function listening<T extends (typeof servers)[number]>(server: T): Promise<number> {
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return (server.address() as AddressInfo).port;
}

/** A site that speaks HTTP/2 and HTTP/1.1. */
async function site(names: readonly string[] = ["app.example.com"], status = () => 200): Promise<number> {
  const { certificatePem: cert, keyPem: key } = await authority.issue({ hostnames: names });
  return listening(
    createHttp2({ cert, key, allowHTTP1: true }, (request, response) => {
      response.writeHead(status(), { "x-asked": request.url });
      response.end(`{"ok":true,"host":"${request.headers[":authority"] ?? request.headers.host ?? ""}"}`);
    }),
  );
}

function run(input: VerifyPublicInput) {
  return runLocalProgram("verify-public.js", input, { NODE_EXTRA_CA_CERTS: authority.certificateFile });
}

const at = (port: number) => [{ host: "app.example.com", port: 443, toAddress: "127.0.0.1", toPort: port }];

test("asks under the public name: status, text, HTTP/2, and says what answered", async () => {
  const port = await site();
  const { code, stdout, stderr } = await run({
    resolve: at(port),
    checks: [
      { url: "https://app.example.com/", http2: true },
      { url: "https://app.example.com/api/health", status: 200, contains: '"host":"app.example.com"' },
    ],
  });
  expect(stderr).toBe("");
  expect(code).toBe(0);
  expect(JSON.parse(stdout)).toEqual({
    step: "verify-public",
    answers: [
      { url: "https://app.example.com/", status: 200, version: "2" },
      { url: "https://app.example.com/api/health", status: 200, version: "1.1" },
    ],
    closed: [],
  });
});

test("names everything that is not as it must be, and what next", async () => {
  const port = await site(["app.example.com"], () => 521);
  const { certificatePem: cert, keyPem: key } = await authority.issue({ hostnames: ["old.example.com"] });
  const old = await listening(createHttps({ cert, key }, (_request, response) => response.end("fine")));
  const { code, stdout, stderr } = await run({
    resolve: [...at(port), { host: "old.example.com", port: 443, toAddress: "127.0.0.1", toPort: old }],
    timeoutSeconds: 1,
    checks: [
      { url: "https://app.example.com/", status: 200 },
      { url: "https://old.example.com/", http2: true },
      { url: "https://old.example.com/", contains: "needle" },
      { url: "https://nobody.invalid/" },
    ],
  });
  expect(code).toBe(20);
  expect(stdout).toBe("");
  expect(stderr.split("\n").slice(0, -1)).toEqual([
    "verify-public: the release serves, and from outside not all is as it must be",
    "  https://app.example.com/ answers 521, not 200 (the origin refuses the connection: is its port open to Cloudflare?)",
    "  https://old.example.com/ answers over HTTP/1.1, not HTTP/2",
    '  https://old.example.com/ answers 200, and its answer does not hold "needle"',
    "  https://nobody.invalid/ has no DNS record that is known here (ENOTFOUND)",
    "  next: mend what is named and run the same command again: only this step is repeated",
  ]);
});

test("refuses a certificate that is not valid for the name, or that nobody vouches for", async () => {
  const other = await site(["other.example.com"]);
  const checks = [{ url: "https://app.example.com/" }];
  const wrongName = await run({ resolve: at(other), timeoutSeconds: 1, checks });
  expect(wrongName.code).toBe(20);
  expect(wrongName.stderr).toContain("ERR_TLS_CERT_ALTNAME_INVALID");
  const port = await site();
  const unknown = await runLocalProgram("verify-public.js", { resolve: at(port), timeoutSeconds: 1, checks });
  expect(unknown.code).toBe(20);
  expect(unknown.stderr).toMatch(/certificate/);
});

test("waits for an answer that comes true after a while", async () => {
  let asked = 0;
  const port = await site(["app.example.com"], () => (++asked < 3 ? 530 : 200));
  const { code } = await run({
    resolve: at(port),
    checks: [{ url: "https://app.example.com/", status: 200 }],
  });
  expect(code).toBe(0);
  expect(asked).toBe(3);
});

test("an open port that must be closed is named, at once; a closed one is listed", async () => {
  const open = await listening(createTcp((socket) => socket.end()));
  const closed = await freePort();
  const began = Date.now();
  const { problems, closed: shut } = await verifyPublic({
    checks: [],
    closed: { addresses: ["127.0.0.1", "203.0.113.10"], ports: [open, closed] },
    resolve: [open, closed].map((port) => ({
      host: "203.0.113.10",
      port,
      toAddress: "127.0.0.1",
      toPort: closed,
    })),
  });
  expect(problems).toEqual([
    `127.0.0.1:${open} answers from outside: take it out of \`ports\` of the compose file, or close it in the firewall`,
  ]);
  expect(shut).toEqual([`127.0.0.1:${closed}`, `203.0.113.10:${open}`, `203.0.113.10:${closed}`]);
  expect(Date.now() - began).toBeLessThan(30_000);
});

test.each([
  [{}, { status: 302 }, undefined],
  [{}, { status: 404 }, "answers 404, not 200 to 399"],
  [{ status: 404 }, { status: 404 }, undefined],
  [{ status: 301 }, { status: 200 }, "answers 200, not 301"],
  [{ http2: true }, { status: 200, version: "1.1" }, "answers over HTTP/1.1, not HTTP/2"],
  [
    { status: 200 },
    { status: 526 },
    "answers 526, not 200 (the origin's certificate is not valid, which ssl: strict demands)",
  ],
])("%p of %p: %p", (check, answer, problem) => {
  expect(whatIsWrong(check, { version: "2", body: "", ...answer })).toBe(problem);
});
