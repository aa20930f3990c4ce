import { examine } from "../../../automation/doctor/examine";
import {
  scopedTokenFindings,
  type ServiceToken,
  serviceTokenFindings,
} from "../../../automation/doctor/issued-tokens";
import type { Environment } from "../../../automation/environment";
import type { StateResource } from "../../../automation/state";
import { type Settings, validateStackFile } from "../../../platform/settings";
import { accountId, type Bench, startBench } from "../../sandbox/cloudflare/support";

const now = new Date("2026-03-31T12:00:00Z");
const resource = (type: string, name: string, more: Partial<StateResource>): StateResource => ({
  urn: `urn:pulumi:prod::groundwork::groundwork:x$${type}::${name}`,
  type,
  ...more,
});
const serviceToken = (name: string, id: string): StateResource =>
  resource("cloudflare:index/zeroTrustAccessServiceToken:ZeroTrustAccessServiceToken", name, { id });

describe("service tokens", () => {
  const state = { resources: [serviceToken("access-token-ci", "1")] };
  const found = (token: Omit<ServiceToken, "id"> | undefined) =>
    serviceTokenFindings(state, token === undefined ? [] : [{ id: "1", ...token }], now, "prod");

  test.each([
    [
      "a year",
      { duration: "8760h", expires_at: "2027-03-31T12:00:00Z" },
      "well",
      "is valid until 2027-03-31",
    ],
    [
      "30 days",
      { duration: "8760h", expires_at: "2026-04-30T12:00:00Z" },
      "well",
      "is valid until 2026-04-30",
    ],
    [
      "29 days",
      { duration: "8760h", expires_at: "2026-04-29T12:00:00Z" },
      "look",
      "expires on 2026-04-29, in 29 days",
    ],
    [
      "nothing",
      { duration: "8760h", expires_at: "2026-03-31T11:00:00Z" },
      "bad",
      "has expired on 2026-03-31",
    ],
    ["no end told", { duration: "forever", expires_at: null }, "well", "does not expire"],
    [
      "no end, whatever is told",
      { duration: "forever", expires_at: "0001-01-01T00:00:00Z" },
      "well",
      "does not expire",
    ],
  ])("with %s left", (_left, token, state, says) => {
    expect(found(token)).toMatchObject([{ subject: "service token ci", state, says }]);
  });

  test("what is near its end or over is renewed by another duration, so that nobody needs another secret", () => {
    expect(found({ duration: "8760h", expires_at: "2026-04-02T12:00:00Z" })[0]?.next).toBe(
      "npx groundwork up -s prod, once groundwork:access.serviceTokens.ci has another duration than 8760h (or forever): its secret stays",
    );
  });

  test("one that somebody has removed is told", () => {
    expect(found(undefined)).toMatchObject([{ state: "bad", says: "is not at Cloudflare any more" }]);
  });

  test("tokens of others are not told", () => {
    const others = [{ id: "2", duration: "8760h", expires_at: "2020-01-01T00:00:00Z" }];
    expect(serviceTokenFindings({}, others, now, "prod")).toEqual([]);
  });
});

test("API tokens for applications are told where they end, by the state", () => {
  const of = (name: string, expiresOn?: string) =>
    resource("cloudflare:index/accountToken:AccountToken", name, { outputs: { expiresOn } });
  const resources = [of("edge", "2026-04-10T00:00:00Z"), of("old", "2026-03-01T00:00:00Z"), of("live")];
  expect(scopedTokenFindings({ resources }, now, "prod")).toMatchObject([
    {
      subject: "token edge",
      state: "look",
      next: "npx groundwork up -s prod, once groundwork:tokens.edge.expiresOn is a later day: its value stays",
    },
    { subject: "token old", state: "bad", says: "has expired on 2026-03-01" },
  ]);
});

describe("the doctor, of an account", () => {
  let bench: Bench;
  let time = new Date("2026-06-01T00:00:00Z");
  const later = (days: number): Date => new Date(time.getTime() + days * 86_400_000);
  beforeAll(async () => {
    bench = await startBench({ now: () => time });
  });
  afterAll(() => bench.close());

  test("a year after it was made a service token has expired, unless it got another duration by then", async () => {
    const text = `config:
  groundwork:domain: example.com
  groundwork:cloudflare: { accountId: "${accountId}", apiUrl: "${bench.server.url}" }
`;
    const checked = validateStackFile(
      { file: "Pulumi.live.yaml", text, stack: "live" },
      { secrets: "optional" },
    );
    const { settings } = checked as { settings: Settings };
    const tokens = bench.client.zeroTrust.access.serviceTokens;
    const account = { account_id: accountId };
    const ci = await tokens.create({ ...account, name: "live ci" });
    const checks = await tokens.create({ ...account, name: "live checks", duration: "forever" });
    const resources = [
      serviceToken("access-token-ci", ci.id!),
      serviceToken("access-token-checks", checks.id!),
    ];
    const config = { stack: "live", settings, secrets: { CLOUDFLARE_API_TOKEN: bench.apiToken } };
    const environment = {
      name: "live",
      config: () => Promise.resolve(config),
      state: () => Promise.resolve({ resources }),
    } as unknown as Environment;
    const told = async (): Promise<string[]> =>
      (await examine(environment, { now: time }))
        .filter(({ subject }) => subject.startsWith("service token"))
        .map(({ says, state, subject }) => `${subject}: ${state}, ${says}`);
    const ofChecks = "service token checks: well, does not expire";
    expect(await told()).toEqual(["service token ci: well, is valid until 2027-06-01", ofChecks]);
    time = later(340);
    expect(await told()).toEqual(["service token ci: look, expires on 2027-06-01, in 25 days", ofChecks]);
    time = later(30);
    expect(await told()).toEqual(["service token ci: bad, has expired on 2027-06-01", ofChecks]);
    await tokens.update(ci.id!, { ...account, name: "live ci", duration: "17520h" });
    expect(await told()).toEqual(["service token ci: well, is valid until 2029-06-05", ofChecks]);
  });
});
