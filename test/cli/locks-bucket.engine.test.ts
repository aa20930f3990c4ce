import { hostname } from "node:os";
import { setTimeout as sleep } from "node:timers/promises";
import { identify, isRunning, type ProcessIdentity } from "../../common/processes";
import { Environment } from "../../automation/environment";
import { bucketAddress, bucketStore } from "../../automation/locks/bucket-store";
import type { StateStore } from "../../automation/locks/state-store";
import { childrenOf } from "../support/processes";
import { SmallProject } from "../support/small-project";

// The state in a bucket of R2's protocol: the real engine and the real command, killed, locked by others, brought back.
jest.setTimeout(600_000);

const locks = ".pulumi/locks/organization/small/shop";
const leases = ".pulumi/groundwork-leases/small/shop";

let project: SmallProject;
let store: StateStore;
let environment: Environment;

beforeAll(async () => {
  project = await SmallProject.start("bucket");
  const { directory, variables } = project;
  store = bucketStore(bucketAddress(variables["PULUMI_BACKEND_URL"]!, variables)!, variables);
  // The program runs in this process, and takes its token from here.
  process.env["CLOUDFLARE_API_TOKEN"] = project.apiToken;
  environment = await Environment.open("shop", { directory, variables });
  // Making it takes a lock as well, which is not the one that is looked at below.
  await environment.ensureStack();
});
afterAll(() => project.end());

const paths = async (folder: string): Promise<string[]> =>
  (await store.list(folder))
    .filter(({ name }) => name.endsWith(".json"))
    .map(({ name }) => `${folder}/${name}`);

async function edit(path: string, change: Readonly<Record<string, unknown>>): Promise<void> {
  const before = JSON.parse((await store.read(path))!) as Record<string, unknown>;
  await store.write(path, JSON.stringify({ ...before, ...change }));
}

/** An `up` that has begun, holds its lock, and waits for the API. */
async function begunUp(prefix: string): Promise<{ engine: number; end: () => Promise<void> }> {
  project.describe("shop", 3, prefix);
  project.delay(/\/r2\/buckets/, 5_000);
  const command = project.begin(["up", "-s", "shop"]);
  while ((await paths(locks)).length === 0 || (await paths(leases)).length === 0) {
    if (!command.runs()) throw new Error((await command.ended).all);
    await sleep(50);
  }
  const [lock] = await paths(locks);
  const { pid } = JSON.parse((await store.read(lock!))!) as { pid: number };
  return {
    engine: pid,
    async end() {
      const { code, all } = await command.ended;
      if (code !== 0) throw new Error(all);
    },
  };
}

/** The command and its engine at once, as what runs short of memory. @returns what the command had started beside the engine */
async function killedUp(prefix: string): Promise<(ProcessIdentity | undefined)[]> {
  const { engine, end } = await begunUp(prefix);
  const [lease] = await paths(leases);
  const { pid } = JSON.parse((await store.read(lease!))!) as { pid: number };
  const providers = childrenOf(pid)
    .filter((child) => child !== engine)
    .map((child) => identify(child));
  for (const each of [pid, engine]) process.kill(each, "SIGKILL");
  await end().catch(() => undefined);
  return providers;
}

/** The lock that is there is made one of a job on another machine, whose lease was renewed last then. */
async function ofAnotherMachine(until: Date): Promise<void> {
  const ci = { system: "GitHub Actions", url: "https://github.example/acme/shop/actions/runs/7" };
  for (const lock of await paths(locks)) await edit(lock, { hostname: "ci-7" });
  for (const lease of await paths(leases))
    await edit(lease, { host: "ci-7", until: until.toISOString(), ci });
}

test("a run in a bucket is seen while it lasts, refuses another one, and leaves neither a lock nor a lease", async () => {
  const { end } = await begunUp("first");
  expect(await environment.lockState()).toMatchObject({
    backend: { kind: "bucket" },
    held: true,
    holders: [{ host: hostname(), state: "lives" }],
  });
  const other = await project.run(["unlock", "-s", "shop"]);
  expect(other.stderr).toMatch(
    /another run holds the lock of stack shop: \S+ on \S+ \(process \d+\), since /,
  );
  expect(other.code).toBe(1);
  await end();
  expect([...(await paths(locks)), ...(await paths(leases))]).toEqual([]);
});

test("a job that was killed on another machine: its lease tells that it may live, then that it is gone, and up repairs it", async () => {
  const providers = await killedUp("second");
  expect(providers.length).toBeGreaterThan(0);
  for (const end = Date.now() + 60_000; providers.some(isRunning) && Date.now() < end;) await sleep(200);
  expect(providers.filter(isRunning)).toEqual([]);
  await ofAnotherMachine(new Date(Date.now() + 60_000));
  const living = await project.run(["unlock", "-s", "shop"]);
  expect(living.stderr).toMatch(
    /on ci-7 \(process \d+\), since \S+, GitHub Actions: https:\/\/github\.example\/acme\/shop\/actions\/runs\/7/,
  );
  expect(living.code).toBe(1);
  const before = await paths(locks);
  expect(before).not.toEqual([]);

  await ofAnotherMachine(new Date(Date.now() - 600_000));
  const found = await project.run(["unlock", "-s", "shop", "--look", "--json"]);
  expect(JSON.parse(found.stdout)).toMatchObject({ held: true, holders: [{ host: "ci-7", state: "gone" }] });
  const repaired = await project.run(["up", "-s", "shop"]);
  if (repaired.code !== 0) throw new Error(repaired.all);
  expect(repaired.stderr).toMatch(
    /took off the lock of .* on ci-7 .*: its command on ci-7 has not said that it lives/,
  );
  expect([...(await paths(locks)), ...(await paths(leases))]).toEqual([]);
  expect((await environment.preview()).unchanged).toBe(true);
});

test.each([
  ["keys that are refused", { AWS_SECRET_ACCESS_KEY: "0".repeat(64) }, /SignatureDoesNotMatch|403/],
  ["no such bucket", { bucket: "elsewhere" }, /NoSuchBucket|elsewhere/],
  ["nobody who answers", { endpoint: "127.0.0.1:9" }, /127\.0\.0\.1:9|send request failed/],
])("%s: said by up, preview and unlock in the same words, with exit code 1", async (_, change, why) => {
  const { bucket, endpoint, ...variables } = change as Record<string, string>;
  const url = project.variables["PULUMI_BACKEND_URL"]!;
  const changed = {
    ...variables,
    PULUMI_BACKEND_URL: url
      .replace("s3://states", `s3://${bucket ?? "states"}`)
      .replace(/endpoint=[^&]*/, (whole) => (endpoint === undefined ? whole : `endpoint=${endpoint}`)),
  };
  for (const verb of [["up"], ["preview"], ["unlock", "--look"]]) {
    const { code, stderr } = await project.run([...verb, "-s", "shop"], changed);
    expect(stderr).toMatch(/the backend with the states cannot be reached/);
    expect(stderr).toMatch(why);
    expect(code).toBe(1);
  }
});
