import { z } from "zod";
import { code, cutMiddle, inline, size } from "../../report/markdown/escape";
import { type Drift, type DriftItem, type KnownDrift, remembered } from "../drift";
import type { HistoryEntry } from "../history";

/** What an issue about drift says beside the drift. */
export interface DriftIssueFacts {
  /** Commands for the project at hand. */
  readonly adopt: string;
  readonly revert: string;
  /** The last run that wrote the state. @default not said */
  readonly lastRun?: HistoryEntry | undefined;
  /** The page of this check. @default not said */
  readonly runUrl?: string | undefined;
}

type Place = Readonly<Record<"project" | "stack", string>>;

const safe = (text: string): string =>
  encodeURIComponent(text.replace(/[^ -~]/g, "_")).replaceAll("-", "%2D");

/** How the text of every issue about this environment begins, by which the next check finds it. */
export function issueBeginning({ project, stack }: Place): string {
  return `<!-- groundwork drift ${safe(project)}/${safe(stack)} `;
}

/** The first line of one that stands, and of one that a check has closed: one that somebody else closed is opened again. */
const firstLine = (place: Place, state: "open" | "over"): string => `${issueBeginning(place)}${state} -->`;

/** Whether a check has closed it because nothing differed any more. */
export function isOver(text: string, place: Place): boolean {
  return text.startsWith(firstLine(place, "over"));
}

/** A text that says of itself that it is over. */
export function over(text: string, place: Place): string {
  return text.replace(firstLine(place, "open"), firstLine(place, "over"));
}

/** Bytes of an issue that GitHub takes; GitLab takes more. */
const limit = 65_536;
/** Bytes of what checks remember of each other. */
const forMemory = 20_000;

export function issueTitle({ items, report: { project, stack } }: Drift): string {
  const things = items.length === 1 ? "1 thing was" : `${items.length} things were`;
  return cutMiddle(`${stack} of ${project}: ${things} changed outside of the stack file`, 250);
}

/** The issue's text: what was changed, since when that is known, and the choice there is. Below GitHub's limit. */
export function issueText(drift: Drift, { adopt, revert, lastRun, runUrl }: DriftIssueFacts): string {
  const { items, report, checkedAt } = drift;
  const head = [
    firstLine(report, "open"),
    memoryOf(remembered(drift)),
    "",
    `Of ${code(report.stack)} ${items.length === 1 ? "one thing is" : `${items.length} things are`} otherwise than its ` +
      `state knows, as of ${checkedAt}. Nothing was changed by this check.`,
    "",
  ].join("\n");
  const foot = [
    "",
    "#### What can be done",
    `- make it as described: ${code(revert)}`,
    `- take it as it is: ${code(adopt)}, and write the same into ${code(`Pulumi.${report.stack}.yaml`)}`,
    "",
    ...(lastRun === undefined ? [] : [lastRunText(lastRun)]),
    "The next check that finds nothing closes this issue." +
      (runUrl === undefined ? "" : ` [This check](${runUrl})`),
    "",
  ].join("\n");
  let room = limit - size(head) - size(foot) - 100;
  const told: string[] = [];
  for (const item of items) {
    const text = itemText(item);
    if (size(text) + 1 > room) break;
    room -= size(text) + 1;
    told.push(text);
  }
  const left = items.length - told.length;
  if (left > 0) told.push(`- and ${left} more, which do not fit here`);
  return `${head}${told.join("\n")}\n${foot}`;
}

/** What is said to those who watch the issue, whom an edited text does not reach; undefined where nothing is new. */
export function newlyFound({ items, checkedAt }: Drift): string | undefined {
  const fresh = items.filter(({ knownSince }) => knownSince === checkedAt);
  if (fresh.length === 0) return undefined;
  const lines = fresh.slice(0, 20).map(({ title }) => `- ${code(cutMiddle(title, 300))}`);
  const rest = fresh.length > 20 ? [`- and ${fresh.length - 20} more`] : [];
  return ["Changed outside since the last check:", "", ...lines, ...rest].join("\n");
}

function itemText({ title, what, properties, knownSince, asRecordedAt }: DriftItem): string {
  const recorded = asRecordedAt === undefined ? "" : `; as recorded until ${inline(asRecordedAt)}`;
  const values = properties.map(({ path, secret, before, after }) =>
    secret
      ? `  - ${code(path)}: a secret`
      : `  - ${code(path)}: ${shownValue(before)} → ${shownValue(after)}`,
  );
  return [
    `- ${code(cutMiddle(title, 300))} ${what === "gone" ? "**is gone**" : "was changed"}`,
    ...(what === "gone" ? [] : values),
    `  - known since ${inline(knownSince)}${recorded}`,
  ].join("\n");
}

function shownValue(value: string | undefined): string {
  return value === undefined ? "none" : code(cutMiddle(value, 300));
}

function lastRunText({ kind, result, startedAt, by: { author, commit } }: HistoryEntry): string {
  const who = author === undefined ? "" : ` by ${inline(cutMiddle(author, 100))}`;
  const from = commit === undefined ? "" : ` from ${code(commit.slice(0, 12))}`;
  return `The last run of it: ${inline(kind)}${who}${from}, ${result}, begun ${inline(startedAt)}.\n`;
}

const moment = z.iso.datetime();
const memory = z.object({
  checkedAt: moment,
  since: z.record(z.string(), z.object({ first: moment, recorded: moment.optional() })),
});

const memoryMark = "<!-- groundwork known ";

/** A line that nobody sees, for the next check: a runner keeps no files. It holds times and names, and no value. */
function memoryOf({ checkedAt, since }: KnownDrift): string {
  const kept: Record<string, KnownDrift["since"][string]> = {};
  let bytes = 0;
  for (const [urn, entry] of Object.entries(since)) {
    bytes += size(JSON.stringify([urn, entry])) * 2;
    if (bytes > forMemory) break;
    kept[urn] = entry;
  }
  const json = JSON.stringify({ checkedAt, since: kept });
  // No name may end the comment.
  return `${memoryMark}${json.replace(/[-<>]/g, (character) => `\\u00${character.charCodeAt(0).toString(16)}`)} -->`;
}

/** What an issue's text remembers; undefined where it was edited so that nothing can be read. */
export function memoryIn(text: string): KnownDrift | undefined {
  const line = text.split("\n").find((each) => each.startsWith(memoryMark));
  if (line === undefined) return undefined;
  try {
    return memory.parse(JSON.parse(line.slice(memoryMark.length, line.lastIndexOf(" -->"))));
  } catch {
    return undefined;
  }
}
