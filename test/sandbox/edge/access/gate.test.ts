import { AccessWorld, api, site, team } from "./world";

let world: AccessWorld;
let app: { id: string; aud: string };
let token: { id: string; clientId: string; clientSecret: string };
const machine = () => ({
  "cf-access-client-id": token.clientId,
  "cf-access-client-secret": token.clientSecret,
});

beforeAll(async () => {
  world = await AccessWorld.start();
  const { serviceTokens } = world.cloudflare.zeroTrust.access;
  const made = await serviceTokens.create({ ...world.account, name: "ci" });
  token = { id: made.id!, clientId: made.client_id!, clientSecret: made.client_secret! };
  const machines = await world.policy({
    decision: "non_identity",
    include: [{ service_token: { token_id: token.id } }],
  });
  const people = await world.policy({
    decision: "allow",
    include: [{ email_domain: { domain: "plyr.example" } }],
  });
  const everybody = await world.policy({ decision: "bypass", include: [{ everyone: {} }] });
  app = await world.application([site, api], [machines, people], {
    service_auth_401_redirect: true,
    options_preflight_bypass: true,
  });
  await world.application([`${api}/health`, `${site}/icons/*`], [everybody]);
}, 60_000);

afterAll(() => world.close());

test("without a login a request is sent to the team's domain, with the way back", async () => {
  const { status, headers, text } = await world.ask(`https://${site}/some/page?a=1&b=2`);
  expect(status).toBe(302);
  const login = new URL(headers.location!);
  expect([login.host, login.pathname]).toEqual([team, `/cdn-cgi/access/login/${site}`]);
  expect(Object.fromEntries(login.searchParams)).toEqual({
    kid: app.aud,
    redirect_url: "/some/page?a=1&b=2",
  });
  expect(headers).toMatchObject({ "cf-access-domain": site, "cf-access-aud": app.aud });
  expect(headers["cache-control"]).toContain("no-store");
  expect(text).toBe("");
});

test("a script's request is refused instead: it could not follow", async () => {
  const headers = { "x-requested-with": "XMLHttpRequest" };
  expect((await world.ask(`https://${api}/`, { headers })).status).toBe(401);
});

test("a bypassed path is open, what is beside it and above it is not", async () => {
  const open = async (url: string) => (await world.ask(`https://${url}`)).status;
  expect(await open(`${api}/health`)).toBe(200);
  expect(await open(`${api}/health/deep`)).toBe(200);
  expect(await open(`${site}/icons/a.png`)).toBe(200);
  expect(await open(`${api}/healthy`)).toBe(302);
  expect(await open(`${site}/icons`)).toBe(302);
  expect(await open(`${site}/health`)).toBe(302);
});

test.each([
  "/health/../secret",
  "/health/%2e%2E/secret",
  "/health//..//secret",
  "/health\\..\\secret",
  "/./secret",
])("a path that leads out of an open one is closed: %s", async (path) => {
  expect((await world.ask(`https://${api}${path}`)).status).toBe(302);
});

test("a service token is let in, the origin is told which, and its secret stays at the edge", async () => {
  const { status, headers } = await world.ask(`https://${api}/jobs`, { headers: machine() });
  expect(status).toBe(200);
  expect(headers["set-cookie"]).toBeUndefined();
  const received = world.received!.headers;
  expect(received["cf-access-client-secret"]).toBeUndefined();
  expect(received["cf-access-authenticated-user-email"]).toBeUndefined();
  const [, claims = ""] = String(received["cf-access-jwt-assertion"]).split(".");
  expect(JSON.parse(Buffer.from(claims, "base64url").toString())).toMatchObject({
    type: "app",
    aud: [app.aud],
    iss: `https://${team}`,
    common_name: token.clientId,
    sub: "",
  });
});

test("a wrong, a halved and an unknown service token are refused, and no login is offered", async () => {
  const { "cf-access-client-id": id, "cf-access-client-secret": secret } = machine();
  for (const headers of [
    { "cf-access-client-id": id, "cf-access-client-secret": `${secret}x` },
    { "cf-access-client-id": id },
    { "cf-access-client-secret": secret },
    { "cf-access-client-id": "somebody.access", "cf-access-client-secret": secret },
  ] as Record<string, string>[]) {
    const got = await world.ask(`https://${site}/`, { headers });
    expect(got.status).toBe(401);
    expect(got.headers["www-authenticate"]).toBe("Cloudflare-Access");
  }
});

test("a valid service token that no policy names is forbidden, whatever cookie comes with it", async () => {
  const { serviceTokens } = world.cloudflare.zeroTrust.access;
  const other = await serviceTokens.create({ ...world.account, name: "other" });
  const headers = {
    "cf-access-client-id": other.client_id!,
    "cf-access-client-secret": other.client_secret!,
  };
  expect((await world.ask(`https://${site}/`, { headers })).status).toBe(403);
  expect((await world.ask(`https://${api}/health`, { headers })).status).toBe(200);
});

test("a raised secret is good at once, and the one before until its grace is over", async () => {
  const { serviceTokens } = world.cloudflare.zeroTrust.access;
  const made = await serviceTokens.create({ ...world.account, name: "rotating" });
  const any = await world.policy({ decision: "non_identity", include: [{ any_valid_service_token: {} }] });
  const host = `rotating.${site.slice(4)}`;
  const { id } = await world.application([host], [any]);
  const status = async (secret: string) => {
    const headers = { "cf-access-client-id": made.client_id!, "cf-access-client-secret": secret };
    return (await world.ask(`https://${host}/`, { headers })).status;
  };
  const raise = async (version: number, graceMs: number) => {
    const changed = await serviceTokens.update(made.id!, {
      ...world.account,
      client_secret_version: version,
      previous_client_secret_expires_at: new Date(Date.now() + graceMs).toISOString(),
    });
    return (changed as { client_secret?: string }).client_secret!;
  };
  // 409 is the edge's own: the host has no record, and the request has come past Access.
  expect(await status(made.client_secret!)).toBe(409);
  const second = await raise(2, 3_600_000);
  expect([await status(made.client_secret!), await status(second)]).toEqual([409, 409]);
  const third = await raise(3, -1_000);
  expect([await status(second), await status(third)]).toEqual([401, 409]);
  await world.cloudflare.zeroTrust.access.applications.delete(id, world.account);
});

test("where only service tokens could help, there is no login to be sent to", async () => {
  const machines = await world.policy({
    decision: "non_identity",
    include: [{ service_token: { token_id: token.id } }],
  });
  const status = async (path: string) => (await world.ask(`https://${api}${path}`)).status;
  await world.application([`${api}/hooks`], [machines], { service_auth_401_redirect: true });
  await world.application([`${api}/cron`], [machines]);
  expect([await status("/hooks"), await status("/cron")]).toEqual([401, 403]);
});

test("an application may take both parts of a token in one header", async () => {
  const any = await world.policy({ decision: "non_identity", include: [{ any_valid_service_token: {} }] });
  await world.application([`${api}/single`], [any], { read_service_tokens_from_header: "Authorization" });
  const ask = async (authorization: string) =>
    (await world.ask(`https://${api}/single`, { headers: { authorization } })).status;
  expect(await ask(JSON.stringify(machine()))).toBe(200);
  expect(await ask(JSON.stringify({ ...machine(), "cf-access-client-secret": "wrong" }))).toBe(401);
});

test("OPTIONS goes to the origin where the application says so, else it is forbidden", async () => {
  const asked = {
    method: "OPTIONS",
    headers: { origin: `https://${site}`, "access-control-request-method": "PUT" },
  };
  const through = await world.ask(`https://${api}/upload`, asked);
  expect(through.status).toBe(200);
  expect(through.headers["access-control-allow-origin"]).toBe(`https://${site}`);
  const people = await world.policy({ decision: "allow", include: [{ everyone: {} }] });
  await world.application([`${api}/closed`], [people]);
  expect((await world.ask(`https://${api}/closed`, asked)).status).toBe(403);
});

test("OPTIONS is answered by Access where the application has CORS settings", async () => {
  const people = await world.policy({ decision: "allow", include: [{ everyone: {} }] });
  await world.application([`${api}/cors`], [people], {
    cors_headers: {
      allowed_origins: [`https://${site}`],
      allowed_methods: ["GET"],
      allowed_headers: ["X-Asked"],
      allow_credentials: true,
      max_age: 600,
    },
  });
  const ask = (origin: string, method = "GET") =>
    world.ask(`https://${api}/cors`, {
      method: "OPTIONS",
      headers: {
        origin,
        "access-control-request-method": method,
        "access-control-request-headers": "x-asked",
      },
    });
  world.received = undefined;
  expect((await ask(`https://${site}`)).headers).toMatchObject({
    "access-control-allow-origin": `https://${site}`,
    "access-control-allow-credentials": "true",
    "access-control-allow-methods": "GET",
    "access-control-allow-headers": "x-asked",
    "access-control-max-age": "600",
  });
  expect((await ask("https://elsewhere.example")).headers).not.toHaveProperty("access-control-allow-origin");
  expect((await ask(`https://${site}`, "PUT")).headers).not.toHaveProperty("access-control-allow-origin");
  expect(world.received).toBeUndefined();
});

test("nobody can tell the origin by themselves who they are", async () => {
  const headers = {
    "cf-access-jwt-assertion": "made.up.token",
    "cf-access-authenticated-user-email": "root@plyr.example",
  };
  await world.ask(`https://${api}/health`, { headers });
  expect(world.received!.headers).not.toHaveProperty("cf-access-jwt-assertion");
  expect(world.received!.headers).not.toHaveProperty("cf-access-authenticated-user-email");
});

test("a WebSocket is let in with a service token only", async () => {
  const upgrade = {
    connection: "Upgrade",
    upgrade: "websocket",
    "sec-websocket-version": "13",
    "sec-websocket-key": Buffer.alloc(16).toString("base64"),
  };
  world.received = undefined;
  expect((await world.ask(`https://${api}/socket`, { headers: upgrade })).status).toBe(302);
  expect(world.received).toBeUndefined();
  await world.ask(`https://${api}/socket`, { headers: { ...upgrade, ...machine() } });
  expect(world.received!.headers.upgrade).toBe("websocket");
});

test("a selector that the sandbox cannot evaluate lets nobody in, and is named in the answer", async () => {
  const posture = await world.policy({
    decision: "bypass",
    include: [{ device_posture: { integration_uid: "00000000-0000-4000-8000-000000000001" } }],
  });
  await world.application([`${api}/posture`], [posture]);
  const got = await world.ask(`https://${api}/posture`);
  expect(got.status).toBe(403);
  expect(got.headers["x-groundwork-sandbox"]).toBe("access-selector-not-evaluated: device_posture");
});
