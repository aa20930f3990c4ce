import type { ProbeInput, VerifyPublicInput } from "../../../components/origin/rollout-input";
import { rolloutFrames } from "../../../components/origin/rollout-input";
import { accessHeaders } from "../../../components/shared/access-headers";
import { AccessWorld, api, site } from "../../sandbox/edge/access/world";
import { type FakeSteps, fakeRollout, fakeSteps } from "../../support/fake-steps";
import { buildPrograms, runLocalProgram } from "../../support/local-program";
import { type RealSsh, startSandboxSsh } from "../../support/open-ssh";

// What asks a release through its public name comes in by the service token, where Access is in front of it.

let world: AccessWorld;
let steps: FakeSteps;
let ssh: RealSsh;
let headers: Record<string, string>;

beforeAll(async () => {
  buildPrograms();
  steps = fakeSteps();
  ssh = await startSandboxSsh({ directory: steps.directory, bin: steps.bin });
  world = await AccessWorld.start();
  const made = await world.cloudflare.zeroTrust.access.serviceTokens.create({
    ...world.account,
    name: "checks",
  });
  headers = accessHeaders({ clientId: made.client_id!, clientSecret: made.client_secret! });
  const machines = await world.policy({
    decision: "non_identity",
    include: [{ service_token: { token_id: made.id } }],
  });
  const people = await world.policy({ decision: "allow", include: [{ everyone: {} }] });
  await world.application([site, api], [machines, people]);
}, 120_000);

afterAll(async () => {
  await world.close();
  await ssh.close();
  steps.remove();
});

const resolve = () => [{ host: api, port: 443, toAddress: "127.0.0.1", toPort: world.edge.httpsPort }];
const run = (program: string, input: object) =>
  runLocalProgram(program, input, { NODE_EXTRA_CA_CERTS: world.edge.authority.certificateFile });

const release = (probe: Partial<ProbeInput>) =>
  run("rollout.js", {
    origin: "api",
    project: "sample",
    host: { server: ssh.server },
    frames: rolloutFrames({ release: "r2", rolling: [], images: {} }),
    probe: { url: `https://${api}/health`, resolve: resolve(), ...probe },
  });

const ledgerOf = (stdout: string): Record<string, unknown> =>
  (JSON.parse(stdout.trim().split("\n").at(-1) ?? "") as { ledger: Record<string, unknown> }).ledger;

test("the prober counts what it gets with the token, and keeps the token to itself", async () => {
  steps.answer("rollout", fakeRollout({ before: 2, after: 0.5 }));
  const { code, stdout, stderr } = await release({ headers });
  expect(code).toBe(0);
  expect(ledgerOf(stdout)).toMatchObject({ armed: true, lost: 0 });
  expect(stdout + stderr).not.toContain(headers["CF-Access-Client-Secret"]);
  expect(world.received!.headers["cf-access-client-id"]).toBe(headers["CF-Access-Client-Id"]);
}, 120_000);

test("without the token it counts nothing: a login is no answer of the release", async () => {
  steps.answer("rollout", fakeRollout({ before: 1, after: 0.2 }));
  const { stdout } = await release({});
  expect(ledgerOf(stdout)).toMatchObject({ armed: false });
  expect(JSON.stringify(ledgerOf(stdout))).toContain("the login of Access");
}, 120_000);

test("the check of a public address comes in with the token, and fails without it", async () => {
  const input = (given: VerifyPublicInput["checks"][number]["headers"]): VerifyPublicInput => ({
    checks: [{ url: `https://${api}/health`, status: 200, headers: given }],
    resolve: resolve(),
    timeoutSeconds: given === undefined ? 1 : 60,
  });
  expect((await run("verify-public.js", input(headers))).code).toBe(0);
  const without = await run("verify-public.js", input(undefined));
  expect(without.code).toBe(20);
  expect(without.stderr).toContain("answers 302, not 200");
}, 120_000);
