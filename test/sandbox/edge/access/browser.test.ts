import { browserTest, launchBrowser } from "../../../support/browser";
import { AccessWorld, api, site, team, zone } from "./world";

/** What a page's script gets of another host, with the visitor's cookies. */
const askApi = `fetch("https://${api}/me", { credentials: "include", headers: { "x-asked": "1" } })
  .then((answer) => answer.text(), (error) => String(error))`;

browserTest(
  "a browser logs in once by PIN, reaches both hosts, and its page asks the other with cookies",
  async () => {
    const world = await AccessWorld.start();
    try {
      const pin = await world.provider("onetimepin", "One-time PIN", {});
      const people = await world.policy({
        decision: "allow",
        include: [{ email: { email: "team@plyr.example" } }],
      });
      const everybody = await world.policy({ decision: "bypass", include: [{ everyone: {} }] });
      await world.application([site, api], [people], { allowed_idps: [pin], options_preflight_bypass: true });
      await world.application([`${site}/open`], [everybody]);
      const edge = `127.0.0.1:${world.edge.httpsPort}`;
      const browser = await launchBrowser({ hosts: { [`*${zone}:443`]: edge, [`${team}:443`]: edge } });
      try {
        const tab = await browser.newPage();
        await tab.goto(`https://${site}/open`);
        expect(await tab.title()).toBe(site);
        // Without a login the preflight passes, and what follows ends at a login that no script may read.
        expect(await tab.evaluate(askApi)).toContain("TypeError");

        await tab.goto(`https://${site}/wanted?page=2`);
        expect(new URL(tab.url()).host).toBe(team);
        await tab.fill("input[name=email]", "team@plyr.example");
        await tab.click("button");
        await tab.waitForSelector("input[name=code]");
        const [pending] = await world.pins();
        await tab.fill("input[name=code]", pending!.pin);
        await tab.click("button");
        await tab.waitForURL(`https://${site}/wanted?page=2`);
        expect(world.received!.headers["cf-access-authenticated-user-email"]).toBe("team@plyr.example");

        // The other host has its cookie before anybody went there.
        expect(await tab.evaluate(askApi)).toBe(`<title>${api}</title>the origin of ${api}`);
        await tab.goto(`https://${api}/`);
        expect(tab.url()).toBe(`https://${api}/`);
        const cookies = await tab.context().cookies();
        expect(
          cookies
            .filter(({ name }) => name === "CF_Authorization")
            .map(({ domain }) => domain)
            .sort(),
        ).toEqual([api, site, team].sort());
        expect(cookies.every(({ secure, httpOnly }) => secure && httpOnly)).toBe(true);

        await tab.goto(`https://${site}/cdn-cgi/access/logout`);
        await tab.goto(`https://${api}/`);
        expect(new URL(tab.url()).host).toBe(team);
      } finally {
        await browser.close();
      }
    } finally {
      await world.close();
    }
  },
  120_000,
);

browserTest(
  "a browser logs in by the stand-in for GitHub; below .localhost the team's domain needs no resolver",
  async () => {
    const world = await AccessWorld.start();
    try {
      const host = "stg.plyr.localhost";
      const { id } = await world.server.ensureZone({ name: "plyr.localhost" });
      await world.cloudflare.zones.settings.edit("ssl", { zone_id: id, value: "flexible" });
      const record = { type: "A", name: host, content: "203.0.113.10", proxied: true, ttl: 1 } as const;
      await world.cloudflare.dns.records.create({ zone_id: id, ...record });
      const github = await world.provider("github", "GitHub", { client_id: "id", client_secret: "of tests" });
      const members = await world.policy({
        decision: "allow",
        include: [{ "github-organization": { identity_provider_id: github, name: "plyr" } }],
      });
      await world.application([host], [members], { allowed_idps: [github], auto_redirect_to_identity: true });
      const browser = await launchBrowser();
      try {
        const tab = await browser.newPage();
        await tab.goto(`https://${host}:${world.edge.httpsPort}/page`);
        expect(new URL(tab.url()).host).toBe(`sandbox.cloudflareaccess.localhost:${world.edge.httpsPort}`);
        await tab.fill("input[name=email]", "dev@elsewhere.example");
        await tab.fill("input[name=organizations]", "plyr");
        await tab.click("button");
        await tab.waitForURL(`https://${host}:${world.edge.httpsPort}/page`);
        expect(await tab.title()).toContain(host);
      } finally {
        await browser.close();
      }
    } finally {
      await world.close();
    }
  },
  120_000,
);
