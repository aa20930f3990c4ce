import { type Drift, type KnownDrift, driftOf, remembered } from "../../automation/drift";
import { driftIssue } from "../../automation/drift-issue";
import { gitHubIssues } from "../../automation/drift-issue/github";
import { gitLabIssues } from "../../automation/drift-issue/gitlab";
import { issueBeginning, issueText, memoryIn } from "../../automation/drift-issue/text";
import {
  driftLabel,
  type IssueTracker,
  type KeptIssue,
  keepDriftIssue,
} from "../../automation/drift-issue/tracker";
import type { HistoryEntry } from "../../automation/history";
import { eventOf, reportOf, type Step } from "../report/events";
import { GitHubServer } from "../support/github-server";
import { GitLabServer } from "../support/gitlab-server";

const place = { project: "groundwork", stack: "staging" };
const gitHub = new Promise<GitHubServer>((resolve) => {
  beforeAll(async () => {
    resolve(await GitHubServer.start());
  });
});
const gitLab = new Promise<GitLabServer>((resolve) => {
  beforeAll(async () => {
    resolve(await GitLabServer.start());
  });
});
afterAll(async () => {
  await (await gitHub).close();
  await (await gitLab).close();
});
beforeEach(async () => {
  (await gitHub).reset();
  (await gitLab).reset();
});

const changed = (name: string, to = "198.51.100.1"): Step => ({
  op: "update",
  name,
  before: { name, type: "A", content: "203.0.113.1" },
  after: { name, type: "A", content: "203.0.113.1" },
  beforeOutputs: { name, type: "A", content: "203.0.113.1" },
  afterOutputs: { name, type: "A", content: to },
  diffs: ["content"],
});

/** What a check finds, the day of which is given; what it knows is left out where it is the first. */
function driftAt(day: number, steps: readonly Step[], known?: KnownDrift): Drift {
  const report = reportOf(
    steps.map((step) => eventOf(step, "done")),
    { kind: "drift" },
  );
  return driftOf(report, { resources: [] }, known, `2026-11-0${day}T05:23:00.000Z`);
}

const lastRun = {
  kind: "update",
  result: "succeeded",
  startedAt: "2026-10-31T12:00:00Z",
  changes: {},
  by: { author: "someone", commit: "0123456789abcdef" },
} as HistoryEntry;
const facts = {
  adopt: "npx groundwork refresh -s staging",
  revert: "npx groundwork up -s staging --refresh",
  lastRun,
};

interface Host {
  readonly tracker: () => Promise<IssueTracker>;
  readonly issues: () => Promise<
    readonly {
      readonly title: string;
      readonly text: string;
      readonly open: boolean;
      readonly said: readonly string[];
    }[]
  >;
  readonly add: (issue: { text: string; open: boolean; mine?: boolean; label?: string }) => Promise<void>;
}

const hosts: Readonly<Record<string, Host>> = {
  GitHub: {
    tracker: async () => {
      const { url: api, token } = await gitHub;
      const at = { api, token, owner: "acme", repo: "shop", number: undefined, sha: undefined };
      return gitHubIssues({ ...at, summaryFile: undefined, runUrl: undefined }, () => {}, { second: 5 });
    },
    issues: async () =>
      (await gitHub).issues.map(({ title, body, state, comments }) => ({
        ...{ title, text: body, open: state === "open", said: comments },
      })),
    add: async ({ text, open, mine = true, label = driftLabel }) => {
      const login = mine ? {} : { user: { login: "somebody" } };
      (await gitHub).addIssue({ body: text, state: open ? "open" : "closed", labels: [label], ...login });
    },
  },
  GitLab: {
    tracker: async () => {
      const { url: api, token } = await gitLab;
      const at = { api, token, project: "42", projectUrl: "", mergeRequest: undefined };
      return gitLabIssues({ ...at, folder: "", jobUrl: undefined }, () => {}, { second: 5 });
    },
    issues: async () =>
      (await gitLab).issues.map(({ title, description, state, notes }) => ({
        ...{ title, text: description, open: state === "opened", said: notes },
      })),
    add: async ({ text, open, mine = true, label = driftLabel }) => {
      const author = mine ? {} : { author: { id: 5, username: "somebody" } };
      (await gitLab).addIssue({
        ...{ description: text, state: open ? "opened" : "closed", labels: [label], ...author },
      });
    },
  },
};

describe.each(Object.entries(hosts))("at %s", (_name, host) => {
  const check = async (drift: Drift): Promise<KeptIssue> => {
    const tracker = await host.tracker();
    return keepDriftIssue(tracker, await tracker.find(issueBeginning(place)), drift, facts);
  };

  test("one issue is opened, edited, told news, closed when nothing differs; the next drift opens another", async () => {
    const first = driftAt(1, [changed("www")]);
    expect(await check(first)).toMatchObject({
      what: "opened",
      url: expect.stringMatching(/issues\/1$/) as string,
    });
    // As the next runner, which has nothing but the issue.
    const known = memoryIn((await host.issues())[0]?.text ?? "");
    expect(known).toEqual(remembered(first));
    expect(await check(driftAt(2, [changed("www")], known))).toMatchObject({ what: "edited" });
    const third = driftAt(3, [changed("www"), { op: "delete", name: "api", before: { name: "api" } }], known);
    expect(await check(third)).toMatchObject({ what: "edited" });
    const [issue, ...others] = await host.issues();
    expect(others).toEqual([]);
    expect(issue?.title).toBe("staging of groundwork: 2 things were changed outside of the stack file");
    expect(issue?.text).toMatch(/www.* was changed\n.*content.*203\.0\.113\.1.*→.*198\.51\.100\.1/);
    expect(issue?.text).toMatch(/known since 2026-11-01T05:23:00\.000Z/);
    expect(issue?.text).toMatch(/api.* \*\*is gone\*\*\n.*known since 2026-11-03/);
    for (const command of [facts.adopt, facts.revert]) expect(issue?.text).toContain(`\`${command}\``);
    expect(issue?.text).toContain(
      "update by someone from `0123456789ab`, succeeded, begun 2026-10-31T12:00:00Z",
    );
    // Only what is new is told to those who watch.
    expect(issue?.said).toEqual([expect.stringMatching(/since the last check:\n\n- `.*api.*`$/) as string]);

    expect(await check(driftAt(4, []))).toMatchObject({ what: "closed" });
    expect((await host.issues()).map(({ open, said }) => [open, said.at(-1)])).toEqual([
      [false, "Nothing differs any more, as of 2026-11-04T05:23:00.000Z."],
    ]);
    expect(await check(driftAt(5, []))).toEqual({ what: "none" });
    expect(await check(driftAt(6, [changed("www")]))).toMatchObject({ what: "opened" });
    expect((await host.issues()).map(({ open }) => open)).toEqual([false, true]);
  });

  test("one that somebody closed while something differs is opened again", async () => {
    await host.add({ text: issueText(driftAt(1, [changed("www")]), facts), open: false });
    expect(await check(driftAt(2, [changed("www")]))).toMatchObject({ what: "opened again" });
    expect(await host.issues()).toMatchObject([
      { open: true, said: [expect.stringContaining("Still otherwise")] },
    ]);
  });

  test("it is found behind 120 others; neither another environment's nor somebody else's is touched; of two one stays", async () => {
    const text = issueText(driftAt(1, [changed("www")]), facts);
    await host.add({ text, open: true });
    await host.add({ text: text.replace("/staging ", "/prod "), open: true });
    await host.add({ text, open: true, mine: false });
    await host.add({ text, open: true });
    for (let index = 0; index < 120; index += 1)
      await host.add({ text: `issue ${index}`, open: index % 2 === 0 });
    const before = await host.issues();
    expect(await check(driftAt(2, [changed("www", "192.0.2.9")]))).toMatchObject({
      what: "edited",
      url: expect.stringMatching(/issues\/4$/) as string,
    });
    const after = await host.issues();
    expect(after).toHaveLength(124);
    expect(after[3]?.text).toContain("192.0.2.9");
    expect(after[0]).toMatchObject({ open: false, said: [expect.stringMatching(/Goes on in .*issues\/4$/)] });
    expect([after[1], after[2], ...after.slice(4)]).toEqual([before[1], before[2], ...before.slice(4)]);
  });
});

test("a text of 2,000 things is below the limit, and what does not fit is counted; names end no comment", () => {
  const steps = Array.from({ length: 2_000 }, (_unused, index) =>
    changed(`--> @team #1 record-${index}.example.com`),
  );
  const drift = driftAt(1, steps);
  const text = issueText(drift, facts);
  expect(Buffer.byteLength(text)).toBeLessThanOrEqual(65_536);
  expect(text).toMatch(/- and \d+ more, which do not fit here/);
  expect(text).toContain(facts.revert);
  const known = memoryIn(text);
  expect(Object.keys(known?.since ?? {}).length).toBeGreaterThan(20);
  expect(remembered(drift)).toMatchObject(known ?? {});
  expect(
    text
      .split("\n")
      .slice(0, 2)
      .every((line) => /^<!--(?:(?!-->).)* -->$/.test(line)),
  ).toBe(true);
});

test.each([
  ["no line", "text"],
  ["no JSON", "<!-- groundwork known {oops} -->"],
  ["no moment", '<!-- groundwork known {"checkedAt":"[click](https://example.com)","since":{}} -->'],
])("an issue that was edited so that it remembers nothing (%s) is no failure", (_what, text) => {
  expect(memoryIn(text)).toBeUndefined();
});

describe("what the host does not take is said, and nothing is thrown", () => {
  const variables = async (token?: string) => ({
    GITHUB_REPOSITORY: "acme/shop",
    GITHUB_API_URL: (await gitHub).url,
    ...(token === undefined ? {} : { GITHUB_TOKEN: token }),
  });

  test.each([
    ["no token", () => Promise.resolve(undefined), /^no issue: the job has no GITHUB_TOKEN$/],
    ["a token that may only read", async () => (await gitHub).readOnlyToken, /^no issue: .*\(status 403\)$/],
    ["an expired token", () => Promise.resolve("made-up"), /^no issue: Bad credentials.*\(status 401\)$/],
  ])("%s", async (_what, token, expected) => {
    const said: string[] = [];
    const issue = driftIssue(await variables(await token()), place, (line) => said.push(line));
    expect(await issue?.known()).toBeUndefined();
    expect(await issue?.keep(driftAt(1, [changed("www")]), facts)).toEqual({ what: "none" });
    expect(said).toEqual([expect.stringMatching(expected) as string]);
    expect((await gitHub).issues).toEqual([]);
  });

  test("outside of a pipeline there is none to keep", () => {
    expect(driftIssue({}, place, () => {})).toBeUndefined();
  });
});
