import type { Change, Report } from "../model";
import { comesFirst, worst } from "../order";
import { countsSentence, costSentence, headline, money, riskSentence } from "../sentences";
import { code, codeBlock, cutMiddle, folded, inline, size } from "./escape";
import { Items } from "./items";
import { NameLists } from "./names";

/** GitHub's limit of a comment's body. */
export const githubLimit = 65_536;

/** Options of {@link reportMarkdown}. */
export interface MarkdownOptions {
  /** Bytes. @default 65536, GitHub's limit of a comment */
  readonly limit?: number;
  /** Where the whole report is, a sentence in Markdown. @default not said */
  readonly whole?: string;
}

/** An invisible line at the beginning of a comment, by which the next run finds it again. */
export function commentMarker({ project, stack }: Pick<Report, "project" | "stack">): string {
  const safe = (text: string): string =>
    encodeURIComponent(text.replace(/[^ -~]/g, "_")).replaceAll("-", "%2D");
  return `<!-- groundwork report ${safe(project)}/${safe(stack)} -->`;
}

/**
 * A report as a comment: the summary and everything that goes or is dangerous is always in it, the rest is folded, and
 * left out where there is no room for it, which is said.
 */
export function reportMarkdown(report: Report, { limit = githubLimit, whole }: MarkdownOptions = {}): string {
  const items = new Items(report);
  const head = heading(report);
  const foot = whole === undefined ? "" : `\n\n${whole}`;
  const room = new Room(limit - size(head) - size(foot) - 400);
  const firsts = report.changes.filter(comesFirst);
  // At least their names have a place, before anything else takes it.
  const kept = firsts.length === 0 ? 0 : size(new NameLists(firsts, items).text(room.bytes)) + 600;
  const sections = sectionTexts(report).map((text) => room.take(text, kept) ?? "");
  const first = firstChanges(firsts, items, room);
  const { texts, left } = componentTexts(report, items, room);
  const messages = room.take(messageText(report));
  const rest =
    left === 0 ? "" : `${left} further changes, none of which goes or is dangerous, do not fit here.`;
  return (
    [head, first, ...sections, ...texts, messages ?? "", rest].filter((text) => text !== "").join("\n\n") +
    `${foot}\n`
  );
}

/** What is left of the limit. */
class Room {
  constructor(private left: number) {}

  get bytes(): number {
    return this.left;
  }

  /**
   * The text, if it fits; then it has its place.
   *
   * @param kept bytes that must be left. Default: none
   */
  take(text: string, kept = 0): string | undefined {
    const bytes = text === "" ? 0 : size(text) + 2;
    if (bytes > this.left - kept) return undefined;
    this.left -= bytes;
    return text;
  }
}

function heading(report: Report): string {
  const { plan, policies, rehearsal, cost } = report;
  const risks = riskSentence(report.changes);
  const refused = policies?.results.filter(({ level }) => level === "mandatory").length ?? 0;
  const facts = [
    ...(risks === "" ? [] : [`**${risks}**`]),
    ...(refused === 0
      ? []
      : [`**policies: ${refused} mandatory ${refused === 1 ? "one is" : "ones are"} broken**`]),
    ...(cost === undefined ? [] : [`cost: ${inline(costSentence(cost))}`]),
    ...(rehearsal === undefined ? [] : [`rehearsal: ${rehearsal.state}`]),
    ...(plan === undefined ? [] : [`plan ${code(plan.digest)}; what releases it: ${code(plan.command)}`]),
  ];
  return [
    commentMarker(report),
    `### ${inline(cutMiddle(headline(report), 300))}`,
    `${countsSentence(report)}`,
    ...(facts.length === 0 ? [] : [facts.map((fact) => `- ${fact}`).join("\n")]),
  ].join("\n\n");
}

/** All that goes, and all that is dangerous: the worst in full, the others as shortly as it takes to name every one. */
function firstChanges(changes: readonly Change[], items: Items, room: Room): string {
  if (changes.length === 0) return "";
  const title = "#### Look at these first";
  const texts = changes.map((change) => items.write(change, "full", true));
  const all = room.take(`${title}\n${texts.join("\n")}`);
  if (all !== undefined) return all;

  // Half of the room is for the worst, told as such; the names of all others need the rest.
  const named: Change[] = [];
  const told: string[] = [];
  const names = new NameLists(changes, items);
  const needed = size(names.text(room.bytes));
  let spare = Math.max(0, room.bytes - needed - 400);
  for (const [index, change] of changes.entries()) {
    const forms = [texts[index] ?? "", items.write(change, "short", true)];
    const fitting = worst(change) === "notice" ? undefined : forms.find((text) => size(text) + 1 <= spare);
    if (fitting === undefined) {
      named.push(change);
      continue;
    }
    spare -= size(fitting) + 1;
    told.push(fitting);
  }
  const head = [title, ...told].join("\n");
  room.take(head);
  if (named.length === 0) return head;
  const summary = `${named.length} more that go or are dangerous, by name`;
  const text = folded(summary, new NameLists(named, items).text(room.bytes - 200));
  room.take(text);
  return `${head}\n\n${text}`;
}

/** What is neither going nor dangerous, folded by component. */
function componentTexts(
  report: Report,
  items: Items,
  room: Room,
): { readonly texts: string[]; readonly left: number } {
  const texts: string[] = [];
  let left = 0;
  const byComponent = new Map<string, Change[]>();
  for (const change of report.changes) {
    if (comesFirst(change) || change.isComponent) continue;
    byComponent.set(change.component, [...(byComponent.get(change.component) ?? []), change]);
  }
  for (const { key, title, state, unchanged } of report.components) {
    const changes = byComponent.get(key) ?? [];
    if (changes.length === 0) continue;
    const summary = (count: number): string =>
      `${title}${state === "new" ? ", new" : ""}: ${count} ${count === 1 ? "change" : "changes"}${unchanged === 0 ? "" : `, ${unchanged} unchanged`}`;
    let budget = room.bytes - size(folded(summary(changes.length), "")) - 100;
    const lines: string[] = [];
    for (const change of changes) {
      const fitting = (["full", "short"] as const)
        .map((detail) => items.write(change, detail, false))
        .find((text) => size(text) + 1 <= budget);
      if (fitting === undefined) {
        left += 1;
        continue;
      }
      budget -= size(fitting) + 1;
      lines.push(fitting);
    }
    const text =
      lines.length === 0 ? undefined : room.take(folded(summary(changes.length), lines.join("\n")));
    if (text === undefined) left += lines.length;
    else texts.push(text);
  }
  return { texts, left };
}

function sectionTexts({ policies, cost, rehearsal, drift }: Report): string[] {
  const texts: string[] = [];
  if (policies !== undefined && policies.results.length > 0) {
    const asked = policies.checked === undefined ? "" : ` of ${policies.checked}`;
    const lines = policies.results.map(
      ({ level, policy, text }) => `- **${level}** ${code(policy)}: ${inline(cutMiddle(text, 500))}`,
    );
    texts.push(`#### Policies: ${policies.results.length}${asked} broken\n${limited(lines, 30)}`);
  }
  if (cost !== undefined && cost.lines.length > 0) {
    const amount = (value: number | undefined): string =>
      value === undefined ? "nothing" : money(value, cost.currency);
    const lines = cost.lines.map(
      ({ what, before, after, note }) =>
        `- ${inline(what)}: ${amount(before)} → ${amount(after)}${note === undefined ? "" : ` (${inline(note)})`}`,
    );
    texts.push(folded(`Cost: ${costSentence(cost)}`, limited(lines, 50)));
  }
  if (rehearsal !== undefined && rehearsal.notes.length > 0) {
    const lines = rehearsal.notes.map((note) => `- ${inline(cutMiddle(note, 500))}`);
    texts.push(`#### Rehearsal: ${rehearsal.state}\n${limited(lines, 20)}`);
  }
  if (drift !== undefined && drift.items.length > 0) {
    const lines = drift.items.map(
      ({ title, what, knownSince }) =>
        `- ${code(title)}: ${inline(cutMiddle(what, 300))}${knownSince === undefined ? "" : `, known since ${inline(knownSince)}`}`,
    );
    texts.push(`#### Changed outside of the code\n${limited(lines, 30)}`);
  }
  return texts;
}

function messageText({ messages }: Report): string {
  const told = messages.filter(({ severity }) => severity !== "info");
  if (told.length === 0) return "";
  const errors = told.filter(({ severity }) => severity === "error").length;
  const lines = told.slice(0, 20).map(({ severity, text }) => `${severity}: ${cutMiddle(text, 1500)}`);
  const rest = told.length > 20 ? [`and ${told.length - 20} more`] : [];
  const text = codeBlock([...lines, ...rest].join("\n"));
  return errors > 0 ? `#### Errors\n${text}` : folded(`${told.length} warnings`, text);
}

function limited(lines: readonly string[], most: number): string {
  if (lines.length <= most) return lines.join("\n");
  return [...lines.slice(0, most), `- and ${lines.length - most} more`].join("\n");
}
