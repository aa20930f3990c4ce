import { join } from "node:path";
import { browserTest, launchBrowser } from "../support/browser";
import { SandboxHome } from "../support/command";
import { parsedAnswer } from "../support/json-answer";
import { transcribe } from "../support/transcript";
import { plyrStaging } from "./plyr-paths";

// A real browser before the whole of plyr.fm's staging, the rest of which is tested in systems.engine.test.ts.
describe("plyr.fm staging", () => {
  const home = new SandboxHome();
  const named = ["-s", "staging", "--directory", join("examples", "plyr")];

  afterAll(async () => {
    await home.run(["sandbox", "destroy", ...named]);
    await home.remove([]);
  }, 120_000);

  browserTest(
    "a browser is asked for a login at every path but the public ones, and once it has one, at none",
    async () => {
      const up = await home.run(["sandbox", ...named, "--without-docker"]);
      expect(up).toMatchObject({ code: 0 });
      const { stdout } = await home.run(["sandbox", "status", ...named, "--json"]);
      const { sandbox } = parsedAnswer("sandbox status", stdout);
      const team = "sandbox.cloudflareaccess.com";
      const { open, closed } = plyrStaging;
      const { before, after } = await walkByBrowser({
        urls: [...open, ...closed],
        httpsPort: sandbox!.edge.httpsPort,
        domain: "plyr.fm",
        team,
        email: "team@plyr.fm",
        pin: async () => {
          const { stdout: told } = await home.run(["sandbox", "status", ...named]);
          return /one-time PIN +(\d{6}) for team@plyr\.fm/.exec(told)?.[1] ?? "";
        },
      });
      for (const [heading, walked] of [
        ["by a headless browser, without a login:", before],
        ["by the same browser, after one login by one-time PIN:", after],
      ] as const) {
        transcribe(heading);
        for (const { url, status, host } of walked) transcribe(`  ${url}  ${status} at ${host}`);
      }
      const own = (url: string) => new URL(url).host;
      const isOpen = (url: string) => open.some((one) => one === url);
      for (const { url, status, host } of before) {
        expect([url, host]).toEqual([url, isOpen(url) ? own(url) : team]);
        expect([200, 404]).toContain(status);
      }
      for (const { url, status, host } of after) {
        expect([url, host]).toEqual([url, own(url)]);
        expect([200, 404]).toContain(status);
      }
    },
    240_000,
  );
});

/** One page, and what came of it. */
interface Walked {
  readonly url: string;
  readonly status: number;
  /** Where the browser stood at the end. */
  readonly host: string;
}

/** What the walk needs to know. */
interface Walk {
  readonly urls: readonly string[];
  /** The edge's HTTPS port on this machine. */
  readonly httpsPort: number;
  /** The zone, and the name that the login page has. */
  readonly domain: string;
  readonly team: string;
  readonly email: string;
  /** The code that was sent by e-mail. */
  readonly pin: () => Promise<string>;
}

/** Every address before a login, then again after one at the first of them that asks for it. */
async function walkByBrowser({
  urls,
  httpsPort,
  domain,
  team,
  email,
  pin,
}: Walk): Promise<{ readonly before: readonly Walked[]; readonly after: readonly Walked[] }> {
  const edge = `127.0.0.1:${httpsPort}`;
  const browser = await launchBrowser({ hosts: { [`*${domain}:443`]: edge, [`${team}:443`]: edge } });
  try {
    const tab = await browser.newPage();
    let status = 0;
    tab.on("response", (answer) => {
      if (answer.request().isNavigationRequest()) status = answer.status();
    });
    const all = async (): Promise<Walked[]> => {
      const walked: Walked[] = [];
      for (const url of urls) {
        await tab.goto(url);
        walked.push({ url, status, host: new URL(tab.url()).host });
      }
      return walked;
    };
    const before = await all();
    const closed = before.find(({ host }) => host === team);
    if (closed === undefined) throw new Error(`none of these asks for a login: ${urls.join(" ")}`);
    await tab.goto(closed.url);
    await tab.fill("input[name=email]", email);
    await tab.click("button");
    await tab.waitForSelector("input[name=code]");
    await tab.fill("input[name=code]", await pin());
    await Promise.all([tab.waitForURL(closed.url), tab.click("button")]);
    return { before, after: await all() };
  } finally {
    await browser.close();
  }
}
