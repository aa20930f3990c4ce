import { type Bench, accountId, collect, startBench } from "./support";

let bench: Bench;
beforeAll(async () => {
  bench = await startBench();
});
afterAll(() => bench.close());

const account = { account_id: accountId };

describe("Access", () => {
  it("applications carry reusable policies in order, and a policy in use stays", async () => {
    const { applications, policies } = bench.client.zeroTrust.access;
    const team = await policies.create({
      ...account,
      name: "team",
      decision: "allow",
      include: [{ email_domain: { domain: "example.com" } }],
    });
    expect(team).toMatchObject({
      decision: "allow",
      session_duration: "24h",
      reusable: true,
      app_count: 0,
      exclude: [],
      require: [],
    });
    const app = await applications.create({
      ...account,
      type: "self_hosted",
      name: "staging",
      destinations: [
        { type: "public", uri: "stg.example.com" },
        { type: "public", uri: "api-stg.example.com" },
      ],
      policies: [{ id: team.id!, precedence: 1 }],
    } as never);
    expect(app).toMatchObject({
      domain: "stg.example.com",
      self_hosted_domains: ["stg.example.com", "api-stg.example.com"],
      session_duration: "24h",
      http_only_cookie_attribute: true,
      policies: [{ id: team.id, precedence: 1, decision: "allow" }],
    });
    expect((app as { aud: string }).aud).toMatch(/^[0-9a-f]{64}$/);
    expect(await policies.get(team.id!, account)).toMatchObject({ app_count: 1 });
    await expect(policies.delete(team.id!, account)).rejects.toMatchObject({ status: 400 });
    const updated = await applications.update(app.id!, {
      ...account,
      type: "self_hosted",
      name: "staging",
      domain: "stg.example.com",
      destinations: [{ type: "public", uri: "stg.example.com" }],
      policies: [],
      session_duration: "12h",
    } as never);
    expect(updated).toMatchObject({
      policies: [],
      session_duration: "12h",
      aud: (app as { aud: string }).aud,
    });
    await policies.delete(team.id!, account);
    expect(await collect(applications.list(account))).toHaveLength(1);
    await applications.delete(app.id!, account);
    await expect(applications.get(app.id!, account)).rejects.toMatchObject({ status: 404 });
  });

  it("applications own inline policies and those added below them", async () => {
    const { applications } = bench.client.zeroTrust.access;
    const app = await applications.create({
      ...account,
      type: "self_hosted",
      name: "inline",
      domain: "inline.example.com",
      policies: [{ name: "all", decision: "bypass", include: [{ everyone: {} }], precedence: 1 }],
    } as never);
    const own = await applications.policies.create(app.id!, {
      ...account,
      name: "second",
      decision: "deny",
      include: [{ everyone: {} }],
    } as never);
    expect(own).toMatchObject({ reusable: false, precedence: 2 });
    expect(await collect(applications.policies.list(app.id!, account))).toMatchObject([
      { name: "all" },
      { name: "second" },
    ]);
    await applications.policies.delete(own.id!, { ...account, app_id: app.id! });
    expect(await applications.get(app.id!, account)).toMatchObject({
      policies: [{ name: "all", precedence: 1 }],
    });
    await applications.delete(app.id!, account);
  });

  it("groups and tags are kept and referred to", async () => {
    const { groups, tags, policies } = bench.client.zeroTrust.access;
    const group = await groups.create({
      ...account,
      name: "staff",
      include: [{ email: { email: "a@example.com" } }],
    });
    const policy = await policies.create({
      ...account,
      name: "by group",
      decision: "allow",
      include: [{ group: { id: group.id! } }],
    });
    expect(policy.include).toEqual([{ group: { id: group.id } }]);
    await groups.update(group.id!, {
      ...account,
      name: "staff 2",
      include: [{ email: { email: "b@example.com" } }],
    });
    expect(await groups.get(group.id!, account)).toMatchObject({ name: "staff 2" });
    expect(await collect(groups.list(account))).toHaveLength(1);
    await groups.delete(group.id!, account);
    await tags.create({ ...account, name: "blue" });
    expect(await tags.get("blue", account)).toMatchObject({ name: "blue", app_count: 0 });
    expect(await tags.delete("blue", account)).toEqual({ name: "blue" });
  });

  it("identity providers never show their secret", async () => {
    const { identityProviders } = bench.client.zeroTrust;
    const github = await identityProviders.create({
      ...account,
      type: "github",
      name: "GitHub",
      config: { client_id: "id", client_secret: "hidden-value" },
    } as never);
    expect(JSON.stringify(github)).not.toContain("hidden-value");
    const pin = await identityProviders.create({ ...account, type: "onetimepin", name: "otp", config: {} });
    expect(pin).not.toHaveProperty("scim_config");
    await identityProviders.update(github.id!, {
      ...account,
      type: "github",
      name: "GitHub 2",
      config: { client_id: "id2" },
    } as never);
    expect(await identityProviders.get(github.id!, account)).toMatchObject({
      name: "GitHub 2",
      config: { client_id: "id2" },
    });
    expect(await collect(identityProviders.list(account))).toHaveLength(2);
    await identityProviders.delete(pin.id!, account);
    await identityProviders.delete(github.id!, account);
  });

  it("service tokens show their secret when made and rotated, and expire", async () => {
    const { serviceTokens } = bench.client.zeroTrust.access;
    const token = await serviceTokens.create({ ...account, name: "ci" });
    expect(token.client_id).toMatch(/^[0-9a-f]{32}\.access$/);
    expect(token.client_secret).toHaveLength(64);
    const read = await serviceTokens.get(token.id!, account);
    expect(read).toMatchObject({ duration: "8760h" });
    expect(read).not.toHaveProperty("client_secret");
    const days = (Date.parse(String(read.expires_at)) - Date.now()) / 86_400_000;
    expect(days).toBeGreaterThan(364);
    expect(days).toBeLessThanOrEqual(365);
    const rotated = await serviceTokens.rotate(token.id!, account);
    expect(rotated.client_secret).not.toBe(token.client_secret);
    const raised = await bench.send("PUT", `/accounts/${accountId}/access/service_tokens/${token.id!}`, {
      name: "ci",
      client_secret_version: 5,
    });
    expect(raised.body.result).toMatchObject({
      client_secret: expect.stringMatching(/^.{64}$/) as string,
      client_secret_version: 5,
    });
    await serviceTokens.refresh(token.id!, account);
    const renamed = await serviceTokens.update(token.id!, { ...account, name: "ci 2", duration: "24h" });
    expect(renamed).toMatchObject({ name: "ci 2", duration: "24h" });
    expect(await collect(serviceTokens.list(account))).toHaveLength(1);
    await serviceTokens.delete(token.id!, account);
  });

  it("has one organization, which is there from the start", async () => {
    const { organizations } = bench.client.zeroTrust;
    expect(await organizations.list(account)).toMatchObject({ auth_domain: "sandbox.cloudflareaccess.com" });
    await organizations.update({ ...account, name: "Groundwork", auth_domain: "team.cloudflareaccess.com" });
    expect(await organizations.list(account)).toMatchObject({
      name: "Groundwork",
      auth_domain: "team.cloudflareaccess.com",
    });
  });
});
