import { AccessWorld, site, team, Visitor } from "./world";

// What time does to logins and tokens, on a clock of the test's own. It begins at this moment: PINs are read by the real one.

const hour = 3_600_000;
let clock = Date.now();
let world: AccessWorld;

beforeAll(async () => {
  world = await AccessWorld.start(() => clock);
  await world.provider("onetimepin", "One-time PIN", {});
}, 60_000);

afterAll(() => world.close());

test("a token ends with its session, a new one comes by itself while the login holds, then people log in again", async () => {
  const people = await world.policy({
    decision: "allow",
    include: [{ everyone: {} }],
    session_duration: "2h",
  });
  const app = await world.application([site], [people]);
  const visitor = new Visitor(world);
  await visitor.logIn(world, `https://${site}/`, "team@plyr.example");
  clock += 2 * hour - 1_000;
  expect((await visitor.get(`https://${site}/`)).status).toBe(200);
  clock += 1_000;
  expect((await visitor.get(`https://${site}/`)).status).toBe(302);
  const renewed = await visitor.follow(`https://${site}/`);
  expect(renewed.status).toBe(200);
  expect(renewed.way.map((url) => new URL(url).host)).toEqual([site, team, site, site]);
  clock += 22 * hour;
  const again = await visitor.follow(`https://${site}/`);
  expect(new URL(again.way.at(-1)!).host).toBe(team);
  expect(again.text).toContain("Send me a code");
  await world.cloudflare.zeroTrust.access.applications.delete(app.id, world.account);
});

test("a service token ends with its duration, and goes on when it is refreshed", async () => {
  const { serviceTokens } = world.cloudflare.zeroTrust.access;
  const made = await serviceTokens.create({ ...world.account, name: "short", duration: "1h" });
  const any = await world.policy({ decision: "non_identity", include: [{ any_valid_service_token: {} }] });
  const app = await world.application([site], [any], { service_auth_401_redirect: true });
  const status = async () => {
    const headers = {
      "cf-access-client-id": made.client_id!,
      "cf-access-client-secret": made.client_secret!,
    };
    return (await world.ask(`https://${site}/`, { headers })).status;
  };
  expect(await status()).toBe(200);
  clock += hour;
  expect(await status()).toBe(401);
  await serviceTokens.refresh(made.id!, world.account);
  expect(await status()).toBe(200);
  await serviceTokens.delete(made.id!, world.account);
  expect(await status()).toBe(401);
  await world.cloudflare.zeroTrust.access.applications.delete(app.id, world.account);
});
