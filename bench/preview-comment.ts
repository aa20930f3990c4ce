import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { commentMarker, githubLimit, reportMarkdown } from "../report/markdown/comment";
import { type Step, eventOf, reportOf } from "../test/report/events";
import { GitHubServer } from "../test/support/github-server";
import { type Subject, median } from "./measure";

/** A command whose comment goes to a local server of GitHub's API, on a thread of 120 others. */
export interface Commented {
  readonly subject: Subject;
  /** @throws Error where a run did not edit the one comment */
  check(): void;
  end(): Promise<void>;
}

/** @param before the same command without a comment */
export async function commented(before: Subject, folder: string, stack: string): Promise<Commented> {
  const server = await GitHubServer.start();
  for (let index = 0; index < 120; index += 1) server.addComment(`word ${index}`, "somebody");
  mkdirSync(folder, { recursive: true });
  const event = join(folder, "event.json");
  writeFileSync(event, JSON.stringify({ pull_request: { number: 12, head: { sha: "a".repeat(40) } } }));
  return {
    subject: {
      ...before,
      name: `${before.name}, to the posted comment and check`,
      command: [...before.command, "--comment"],
      variables: {
        ...before.variables,
        GITHUB_REPOSITORY: "acme/shop",
        GITHUB_EVENT_PATH: event,
        GITHUB_API_URL: server.url,
        GITHUB_TOKEN: server.token,
        GITHUB_STEP_SUMMARY: undefined,
      },
    },
    end: () => server.close(),
    check: () => {
      const own = server.comments.filter(({ body }) =>
        body.includes(commentMarker({ project: "groundwork", stack })),
      );
      const edits = server.requests.filter((line) => line.startsWith("PATCH") && line.includes("/comments/"));
      if (own.length !== 1 || edits.length !== server.checks.length - 1)
        throw new Error(`${own.length} comments, ${edits.length} edits, ${server.checks.length} checks`);
    },
  };
}

/** A comment of 2,000 changes: from the engine's events to the text. Fails where it is too long, or a deletion is not in it. */
export function largeComment(rounds: number): void {
  const steps = Array.from({ length: 2_000 }, (_unused, index): Step => {
    const op = ["create", "update", "delete", "replace"][index % 4] ?? "";
    const name = `host-${String(index).padStart(4, "0")}.region-${index % 7}.example.com`;
    const values = { name, type: "A", content: `203.0.113.${index % 256}` };
    return {
      op,
      name: `zone-record-a-${name}`,
      component: ["ZoneBaseline", `zone-${index % 5}`],
      ...(op === "create" ? {} : { before: values }),
      ...(op === "delete" ? {} : { after: { ...values, content: "198.51.100.1" } }),
      diffs: ["content"],
    };
  });
  const events = steps.map((step) => eventOf(step));
  // Both what a clock shows and what the processor was busy for, which other work on the machine does not lengthen.
  const took: number[] = [];
  const busy: number[] = [];
  let text = "";
  for (let round = 0; round <= rounds; round += 1) {
    const began = performance.now();
    const before = process.cpuUsage();
    text = reportMarkdown(reportOf(events));
    const { user, system } = process.cpuUsage(before);
    took.push(performance.now() - began);
    busy.push((user + system) / 1_000);
  }
  const bytes = Buffer.byteLength(text, "utf8");
  const missing = steps.filter(({ op, name }) => op === "delete" && !isNamed(text, name));
  if (bytes > githubLimit) throw new Error(`the comment has ${bytes} bytes, more than ${githubLimit}`);
  if (missing.length > 0) throw new Error(`${missing.length} deletions are not in the comment`);
  const [cold = 0, ...warm] = took;
  console.log(
    `\na comment for 2,000 changes: ${bytes} bytes of ${githubLimit}, all ${steps.length / 4} deletions in it; ` +
      `the first took ${cold.toFixed(0)} ms (${(busy[0] ?? 0).toFixed(0)} ms of processor time), ` +
      `the median of ${warm.length} more ${median(warm).toFixed(0)} ms (${median(busy.slice(1)).toFixed(0)} ms)`,
  );
}

/** By its whole name, or by what remains of it behind the beginning that a list says once. */
function isNamed(text: string, name: string): boolean {
  const short = /host-\d{4}.*/.exec(name)?.[0] ?? name;
  return (
    text.includes(short) || new RegExp(`(?<![\\d])${/\d{4}/.exec(name)?.[0] ?? ""}\\.region-`).test(text)
  );
}
