/** Walks the hosts of a stack behind Access as a visitor does, by a real browser. */
import { launchBrowser, openPage } from "../support/browser";

/** One page, and what came of it. */
export interface Walked {
  readonly url: string;
  readonly status: number;
  /** Where the browser stood at the end. */
  readonly host: string;
}

/** What the walk needs to know. */
export interface Walk {
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
export async function walkByBrowser({
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
        await openPage(tab, url);
        walked.push({ url, status, host: new URL(tab.url()).host });
      }
      return walked;
    };
    const before = await all();
    const closed = before.find(({ host }) => host === team);
    if (closed === undefined) throw new Error(`none of these asks for a login: ${urls.join(" ")}`);
    await openPage(tab, closed.url);
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
