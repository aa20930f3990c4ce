import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { problemOf } from "../../../components/origin/prober";
import { rolloutFrames, type RolloutInput } from "../../../components/origin/rollout-input";
import { type FakeSteps, fakeRollout, fakeSteps } from "../../support/fake-steps";
import { buildPrograms, runLocalProgram } from "../../support/local-program";
import { type RealSsh, startSandboxSsh } from "../../support/open-ssh";

let steps: FakeSteps;
let ssh: RealSsh;

beforeAll(async () => {
  buildPrograms();
  steps = fakeSteps();
  ssh = await startSandboxSsh({ directory: steps.directory, bin: steps.bin });
});
afterAll(async () => {
  await ssh.close();
  steps.remove();
});

const input = (): RolloutInput => ({
  origin: "api",
  project: "sample",
  host: { server: ssh.server },
  frames: rolloutFrames({ release: "r2", rolling: [], images: {} }),
});

test("the program's last line is JSON with the ledger and no secret; events are told beside it", async () => {
  steps.answer("rollout", fakeRollout({ before: 1, after: 0.5 }));
  const server = createServer((_request, response) => response.end("fine"));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/health`;
  const { code, stdout, stderr } = await runLocalProgram("rollout.js", { ...input(), probe: { url } });
  server.closeAllConnections();
  server.close();
  expect(code).toBe(0);
  expect(JSON.parse(stdout.trim().split("\n").at(-1) ?? "")).toMatchObject({
    step: "rollout",
    release: "r2",
    changed: true,
    ledger: { version: 1, url, armed: true, lost: 0 },
  });
  expect(stderr).toMatch(/^api: started \(green\) after \d+\.\d s$/m);
  for (const line of ssh.server.privateKey.split("\n").slice(1, -2))
    expect(stdout + stderr).not.toContain(line);
});

test("a release that failed ends the program with the step's code, what and the next command", async () => {
  steps.answer("rollout", `echo 'rollout: api has ended' >&2; exit 21`);
  const { code, stdout, stderr } = await runLocalProgram("rollout.js", { ...input(), stack: "prod" });
  expect({ code, stdout }).toEqual({ code: 21, stdout: "" });
  expect(stderr).toBe(
    "the new release of sample did not get healthy; it was removed, and what served before serves on: \n" +
      "  rollout: api has ended\n" +
      "  next: mend what its last lines say and run the same command again; npx groundwork releases -s prod shows what runs\n",
  );
});

test.each([
  [200, {}, undefined],
  [302, { location: "/login" }, undefined],
  [302, { location: "https://team.cloudflareaccess.com/cdn-cgi/access/login/x" }, "the login of Access"],
  [404, {}, "HTTP 404"],
  [502, {}, "HTTP 502"],
])("an answer %i with %p: %p", (statusCode, headers, problem) => {
  expect(problemOf({ statusCode, headers })).toBe(problem);
});
