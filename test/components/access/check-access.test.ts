import type { AccessCheckInput } from "../../../components/access/check-input";
import { AccessWorld, api, site } from "../../sandbox/edge/access/world";
import { buildPrograms, runLocalProgram } from "../../support/local-program";

// The program itself, against the sandbox's edge: what it says must come true there, one way and the other.

let world: AccessWorld;
let everybody: string;
let token: { clientId: string; clientSecret: string };
const publicPaths = [`${api}/health`, `${site}/icons/*`];

beforeAll(async () => {
  buildPrograms();
  world = await AccessWorld.start();
  const made = await world.cloudflare.zeroTrust.access.serviceTokens.create({
    ...world.account,
    name: "checks",
  });
  token = { clientId: made.client_id!, clientSecret: made.client_secret! };
  const machines = await world.policy({
    decision: "non_identity",
    include: [{ service_token: { token_id: made.id } }],
  });
  const people = await world.policy({
    decision: "allow",
    include: [{ email: { email: "team@plyr.example" } }],
  });
  everybody = await world.policy({ decision: "bypass", include: [{ everyone: {} }] });
  await world.application([site, api], [machines, people], {
    options_preflight_bypass: true,
    service_auth_401_redirect: true,
  });
  await world.application(publicPaths, [everybody]);
}, 120_000);

afterAll(() => world.close());

function run(changes: Partial<AccessCheckInput> = {}) {
  const resolve = [site, api].map((host) => ({
    host,
    port: 443,
    toAddress: "127.0.0.1",
    toPort: world.edge.httpsPort,
  }));
  const input: AccessCheckInput = {
    hostnames: [site, api],
    publicPaths,
    token,
    preflight: true,
    cors: [{ page: site, api, path: "/me" }],
    resolve,
    timeoutSeconds: 60,
    ...changes,
  };
  return runLocalProgram("check-access.js", input, {
    NODE_EXTRA_CA_CERTS: world.edge.authority.certificateFile,
  });
}

/** Only what is wrong anyhow is not waited for. */
const soon = { timeoutSeconds: 1 };

test("all is as described", async () => {
  const { code, stdout, stderr } = await run();
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  // Each host's root, a path of nobody's and a neighbour; twice with the token; the public paths; preflights and CORS.
  expect(JSON.parse(stdout)).toEqual({ step: "check-access", closed: 9, open: 13 });
}, 120_000);

test("a path that somebody opened is named, and the token is not", async () => {
  const opened = await world.application([`${site}/*`], [everybody]);
  try {
    const { code, stderr } = await run(soon);
    expect(code).toBe(20);
    expect(stderr).toContain(
      `https://${site}/groundwork-access-check without a login is open: it answers 200`,
    );
    expect(stderr).not.toContain(`https://${api}`);
    expect(stderr).not.toContain(token.clientSecret);
  } finally {
    await world.cloudflare.zeroTrust.access.applications.delete(opened.id, world.account);
  }
}, 120_000);

test("a whole host that is open is named, also to a wrong token", async () => {
  const host = `open.${site.slice(4)}`;
  const { code, stderr } = await run({
    ...soon,
    hostnames: [host],
    publicPaths: [],
    cors: [],
    preflight: false,
    resolve: [{ host, port: 443, toAddress: "127.0.0.1", toPort: world.edge.httpsPort }],
  });
  expect(code).toBe(20);
  expect(stderr).toContain(`https://${host}/ without a login is open: it answers 409`);
  expect(stderr).toContain(`https://${host}/ with a wrong service token is open`);
}, 120_000);

test("a public path that is closed is named", async () => {
  const { code, stderr } = await run({ ...soon, publicPaths: [...publicPaths, `${api}/docs`] });
  expect(code).toBe(20);
  expect(stderr).toContain(`https://${api}/docs without a login is closed: Access asks for a login`);
}, 120_000);

test("a token that is not let in is named by the paths it does not open", async () => {
  const { code, stderr } = await run({ ...soon, token: { ...token, clientSecret: "another one" } });
  expect(code).toBe(20);
  expect(stderr).toContain(`https://${site}/ with the service token is closed: Access refuses with 401`);
}, 120_000);

test("a page that may not read the other host's answers is named", async () => {
  const { code, stderr } = await run({ ...soon, cors: [{ page: api, api: site }] });
  expect(code).toBe(20);
  expect(stderr).toContain(`OPTIONS https://${site}/ as the preflight of a page of ${api} may not be read`);
}, 120_000);

test("an edge that answers nobody is named", async () => {
  const resolve = [{ host: site, port: 443, toAddress: "127.0.0.1", toPort: 1 }];
  const { code, stderr } = await run({ ...soon, hostnames: [site], publicPaths: [], cors: [], resolve });
  expect(code).toBe(20);
  expect(stderr).toMatch(/does not answer: .*ECONNREFUSED/);
}, 120_000);
