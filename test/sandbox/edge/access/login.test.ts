import { createPublicKey, verify, X509Certificate } from "node:crypto";
import { AccessWorld, accountId, api, site, team, Visitor, zone } from "./world";

const admin = `admin.${zone}`;

let world: AccessWorld;
let app: { id: string; aud: string };
let pin: string;
let github: string;

beforeAll(async () => {
  world = await AccessWorld.start();
  pin = await world.provider("onetimepin", "One-time PIN", {});
  github = await world.provider("github", "GitHub", {
    client_id: "client",
    client_secret: "a secret of tests",
  });
  const barred = await world.policy({
    decision: "deny",
    include: [{ email: { email: "barred@plyr.example" } }],
  });
  const people = await world.policy({
    decision: "allow",
    include: [
      { email: { email: "team@plyr.example" } },
      { email_domain: { domain: "plyr.example" } },
      { "github-organization": { identity_provider_id: github, name: "plyr", team: "backend" } },
    ],
    exclude: [{ email: { email: "former@plyr.example" } }],
    session_duration: "2h",
  });
  app = await world.application([site, api], [barred, people], { allowed_idps: [pin, github] });
  const { policies } = world.cloudflare.zeroTrust.access;
  const own = await policies.create({
    ...world.account,
    name: "admins",
    decision: "allow",
    include: [{ email: { email: "team@plyr.example" } }],
    session_duration: "15m",
  });
  await world.application([admin], [own.id!]);
}, 60_000);

afterAll(() => world.close());

/** Verified as an origin does that knows the team's domain only. */
async function claimsOf(token: string): Promise<Record<string, unknown>> {
  const { keys } = JSON.parse((await world.ask(`https://${team}/cdn-cgi/access/certs`)).text) as {
    keys: { kid: string }[];
  };
  const [head = "", body = "", signature = ""] = token.split(".");
  const { alg, kid } = JSON.parse(Buffer.from(head, "base64url").toString()) as { alg: string; kid: string };
  expect(alg).toBe("RS256");
  const key = createPublicKey({ key: keys.find((one) => one.kid === kid)! as never, format: "jwk" });
  expect(verify("RSA-SHA256", Buffer.from(`${head}.${body}`), key, Buffer.from(signature, "base64url"))).toBe(
    true,
  );
  return JSON.parse(Buffer.from(body, "base64url").toString()) as Record<string, unknown>;
}

test("one login by PIN reaches every host, and the origin is told by whom", async () => {
  const visitor = new Visitor(world);
  const came = await visitor.logIn(world, `https://${site}/wanted?page=2`, "team@plyr.example");
  expect(came.status).toBe(200);
  expect(came.text).toContain(`the origin of ${site}`);
  expect(world.received).toMatchObject({
    url: "/wanted?page=2",
    headers: { "cf-access-authenticated-user-email": "team@plyr.example" },
  });
  // By way of the other host: its cookie is there before anybody goes there.
  expect(came.way.map((url) => new URL(url).host)).toEqual([team, api, site, site]);
  expect((await visitor.get(`https://${api}/`)).status).toBe(200);

  const token = visitor.cookie(site, "CF_Authorization")!;
  expect(world.received!.headers["cf-access-jwt-assertion"]).toBe(visitor.cookie(api, "CF_Authorization"));
  const claims = await claimsOf(token);
  expect(claims).toMatchObject({
    aud: [app.aud],
    email: "team@plyr.example",
    iss: `https://${team}`,
    type: "app",
    country: "XX",
  });
  expect(Number(claims["exp"]) - Number(claims["iat"])).toBe(2 * 3600);
  const global = await claimsOf(visitor.cookie(team, "CF_Authorization")!);
  expect(global).toMatchObject({ type: "org", email: "team@plyr.example" });
  expect(Number(global["exp"]) - Number(global["iat"])).toBe(24 * 3600);
});

test("the login is good for another application without a question, with a token of its own", async () => {
  const visitor = new Visitor(world);
  await visitor.logIn(world, `https://${site}/`, "team@plyr.example");
  const came = await visitor.follow(`https://${admin}/`);
  // 409 is the edge's own: there is no record, and the request has come past Access.
  expect(came.status).toBe(409);
  expect(came.way.map((url) => new URL(url).host)).toEqual([admin, team, admin, admin]);
  const claims = await claimsOf(visitor.cookie(admin, "CF_Authorization")!);
  expect(claims["aud"]).not.toEqual([app.aud]);
  expect(Number(claims["exp"]) - Number(claims["iat"])).toBe(15 * 60);
  const { "cf-access-jwt-assertion": _other, ...answer } = (await visitor.get(`https://${site}/`)).headers;
  expect(answer).not.toHaveProperty("location");
});

test("a token of one application does not open another, and the login's own opens none", async () => {
  const visitor = new Visitor(world);
  await visitor.logIn(world, `https://${site}/`, "team@plyr.example");
  for (const [host, name] of [
    [admin, site],
    [site, team],
  ] as const) {
    const cookie = `CF_Authorization=${visitor.cookie(name, "CF_Authorization")!}`;
    expect((await world.ask(`https://${host}/`, { headers: { cookie } })).status).toBe(302);
  }
});

test("a token that was changed, or signed by somebody else or by nobody, is none", async () => {
  const visitor = new Visitor(world);
  await visitor.logIn(world, `https://${site}/`, "team@plyr.example");
  const token = visitor.cookie(site, "CF_Authorization")!;
  const [head = "", body = "", signature = ""] = token.split(".");
  const claims = JSON.parse(Buffer.from(body, "base64url").toString()) as object;
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url");
  for (const forged of [
    `${head}.${part({ ...claims, email: "root@plyr.example" })}.${signature}`,
    `${part({ alg: "none", typ: "JWT" })}.${body}.`,
    `${head}.${body}.${Buffer.alloc(256).toString("base64url")}`,
    "not a token",
  ]) {
    const headers = { cookie: `CF_Authorization=${forged}` };
    expect((await world.ask(`https://${site}/`, { headers })).status).toBe(302);
  }
  // Beside a good one it does no harm: a browser may send several.
  const headers = { cookie: `CF_Authorization=broken; CF_Authorization=${token}` };
  expect((await world.ask(`https://${site}/`, { headers })).status).toBe(200);
});

test("whoever may not enter gets no PIN, and is not told so", async () => {
  for (const email of ["stranger@elsewhere.example", "barred@plyr.example", "former@plyr.example"]) {
    const visitor = new Visitor(world);
    const form = await visitor.follow(`https://${site}/`);
    const waiting = await visitor.submit(team, form, { email });
    expect(waiting.text).toContain("A code has been emailed to you");
    expect((await world.pins()).some((pending) => pending.email === email)).toBe(false);
    expect((await visitor.submit(team, waiting, { code: "000000" })).status).toBe(403);
    expect(visitor.cookie(team, "CF_Authorization")).toBeUndefined();
  }
});

test("a PIN is void after five wrong guesses, and after its use", async () => {
  const guesser = new Visitor(world);
  const waiting = await guesser.submit(team, await guesser.follow(`https://${site}/`), {
    email: "eve@plyr.example",
  });
  const right = (await world.pins()).find(({ email }) => email === "eve@plyr.example")!.pin;
  const wrong = right === "000000" ? "000001" : "000000";
  for (let guess = 0; guess < 5; guess++) await guesser.submit(team, waiting, { code: wrong });
  expect((await guesser.submit(team, waiting, { code: right })).status).toBe(403);

  const visitor = new Visitor(world);
  const again = await visitor.submit(team, await visitor.follow(`https://${site}/`), {
    email: "eve@plyr.example",
  });
  const code = (await world.pins()).find(({ email }) => email === "eve@plyr.example")!.pin;
  expect((await visitor.submit(team, again, { code })).status).toBe(200);
  expect((await visitor.submit(team, again, { code })).status).toBe(403);
});

test("another browser cannot go on with a login, nor use what was handed over", async () => {
  const visitor = new Visitor(world);
  const waiting = await visitor.submit(team, await visitor.follow(`https://${site}/`), {
    email: "ann@plyr.example",
  });
  const code = (await world.pins()).find(({ email }) => email === "ann@plyr.example")!.pin;
  expect((await new Visitor(world).submit(team, waiting, { code })).status).toBe(400);
  const came = await visitor.submit(team, waiting, { code });
  const handedOver = came.way.find((url) => url.includes("/authorized?"))!;
  expect((await new Visitor(world).get(handedOver)).status).toBe(400);
});

test("the login leads to the application's own paths only", async () => {
  const at = (target: string) =>
    world.ask(`https://${team}/cdn-cgi/access/login/${site}?redirect_url=${encodeURIComponent(target)}`);
  expect((await at("/here")).status).toBe(200);
  for (const target of ["//elsewhere.example", "/\\elsewhere.example", "https://elsewhere.example/"]) {
    expect((await at(target)).status).toBe(404);
  }
  expect((await world.ask(`https://${team}/cdn-cgi/access/login/unknown.example`)).status).toBe(404);
});

test("by GitHub: the organisation's team is let in, another one is not", async () => {
  const enter = async (organizations: string) => {
    const visitor = new Visitor(world);
    const form = await visitor.follow(`https://${api}/`);
    const link = /href="(\/cdn-cgi\/access\/github[^"]+)"/.exec(form.text)![1]!.replaceAll("&amp;", "&");
    const atGithub = await visitor.follow(`https://${team}${link}`);
    const asked = new URL(atGithub.way.at(-1)!).searchParams;
    expect(asked.get("client_id")).toBe("client");
    expect(asked.get("redirect_uri")).toBe(`https://${team}/cdn-cgi/access/callback`);
    return {
      visitor,
      came: await visitor.submit(team, atGithub, { email: "dev@elsewhere.example", organizations }),
    };
  };
  const member = await enter("plyr/backend, other");
  expect(member.came.status).toBe(200);
  const identity = JSON.parse(
    (await member.visitor.get(`https://${api}/cdn-cgi/access/get-identity`)).text,
  ) as object;
  expect(identity).toMatchObject({
    email: "dev@elsewhere.example",
    idp: { id: github, type: "github" },
    account_id: accountId,
    groups: [
      { name: "plyr", teams: ["backend"] },
      { name: "other", teams: [] },
    ],
  });
  const outsider = await enter("plyr/design, backend");
  expect(outsider.came.status).toBe(403);
  expect(outsider.came.text).toContain("no policy lets dev@elsewhere.example in");
});

test("where GitHub is the only method, the login goes straight there", async () => {
  const anybody = await world.policy({ decision: "allow", include: [{ everyone: {} }] });
  const made = await world.application([`${api}/straight`], [anybody], {
    allowed_idps: [github],
    auto_redirect_to_identity: true,
  });
  const came = await new Visitor(world).follow(`https://${api}/straight`);
  expect(came.way.at(-1)).toContain("/stand-in/github.com/login/oauth/authorize");
  // Who came in by PIN is asked again: that is no method of this application.
  const visitor = new Visitor(world);
  await visitor.logIn(world, `https://${site}/`, "team@plyr.example");
  expect((await visitor.follow(`https://${api}/straight`)).way.at(-1)).toContain("/stand-in/github.com/");
  await world.cloudflare.zeroTrust.access.applications.delete(made.id, world.account);
});

test("logging out ends the login everywhere, also for who kept the tokens", async () => {
  const visitor = new Visitor(world);
  await visitor.logIn(world, `https://${site}/`, "zoe@plyr.example");
  const kept = `CF_Authorization=${visitor.cookie(api, "CF_Authorization")!}`;
  expect((await world.ask(`https://${api}/`, { headers: { cookie: kept } })).status).toBe(200);
  const out = await visitor.get(`https://${site}/cdn-cgi/access/logout`);
  expect(out.text).toContain("You are logged out");
  expect(visitor.cookie(site, "CF_Authorization")).toBeUndefined();
  expect((await world.ask(`https://${api}/`, { headers: { cookie: kept } })).status).toBe(302);
  expect((await visitor.follow(`https://${api}/`)).way.at(-1)).toContain(`${team}/cdn-cgi/access/login/`);
  expect((await visitor.get(`https://${site}/cdn-cgi/access/get-identity`)).status).toBe(401);
});

test("a revoked application lets no token in that is older", async () => {
  const { applications } = world.cloudflare.zeroTrust.access;
  const visitor = new Visitor(world);
  await visitor.logIn(world, `https://${site}/`, "team@plyr.example");
  await applications.revokeTokens(app.id, world.account);
  expect((await visitor.get(`https://${site}/`)).status).toBe(302);
});

test("a policy that is changed through the API is in force for those who are in", async () => {
  const guests = await world.policy({
    decision: "allow",
    include: [{ email: { email: "team@plyr.example" } }],
  });
  const made = await world.application([`${site}/guests`], [guests]);
  const visitor = new Visitor(world);
  expect((await visitor.logIn(world, `https://${site}/guests`, "team@plyr.example")).status).toBe(200);
  await world.cloudflare.zeroTrust.access.policies.update(guests, {
    ...world.account,
    name: "policy",
    decision: "allow",
    include: [{ email: { email: "somebody@else.example" } }],
  });
  const got = await visitor.get(`https://${site}/guests`);
  expect(got.status).toBe(403);
  expect(got.text).toContain("no policy lets you in");
  await world.cloudflare.zeroTrust.access.applications.delete(made.id, world.account);
});

test("the team's domain publishes the key as JWK and as a certificate", async () => {
  const { text } = await world.ask(`https://${team}/cdn-cgi/access/certs`);
  const { keys, public_cert: certificate } = JSON.parse(text) as {
    keys: Record<string, string>[];
    public_cert: { kid: string; cert: string };
  };
  expect(keys).toEqual([
    {
      kid: certificate.kid,
      kty: "RSA",
      alg: "RS256",
      use: "sig",
      e: "AQAB",
      n: expect.any(String) as string,
    },
  ]);
  const fromCertificate = new X509Certificate(certificate.cert).publicKey.export({ format: "jwk" });
  expect(fromCertificate.n).toBe(keys[0]!["n"]);
});
