import type { Change } from "../model";
import { verbs } from "../sentences";
import { codeBlock, cutMiddle, inline, size } from "./escape";
import type { Items } from "./items";

interface Group {
  readonly heading: string;
  readonly prefix: string;
  readonly names: readonly string[];
}

/** Changes by name only, for when there is no room for more: grouped, and what names have in common is said once. */
export class NameLists {
  private readonly groups: readonly Group[];

  constructor(changes: readonly Change[], items: Items) {
    const byKey = new Map<string, Change[]>();
    for (const change of changes) {
      const key = `${change.operation}\n${change.component}\n${change.type}`;
      const group = byKey.get(key);
      if (group === undefined) byKey.set(key, [change]);
      else group.push(change);
    }
    this.groups = [...byKey.values()].map((group) => {
      const [first] = group;
      const names = group.map(({ name }) => name.replace(/\s+/g, "_"));
      const prefix = commonPrefix(names);
      const verb = first === undefined ? "" : verbs[first.operation].plan;
      const type = first?.type.slice(first.type.lastIndexOf(":") + 1) ?? "";
      const of = first?.component === "" ? "" : `, ${items.componentTitle(first?.component ?? "")}`;
      return {
        heading: `**${verb}** ${names.length} ${inline(type)}${inline(of)}${prefix === "" ? "" : `, each begins with \`${prefix}\``}:`,
        prefix,
        names: names.map((name) => name.slice(prefix.length)),
      };
    });
  }

  /** All of them, every name cut so that the whole is below `budget` bytes where that can be. */
  text(budget: number): string {
    for (const length of [Infinity, 60, 40, 30, 24, 20, 16, 12, 8]) {
      const text = this.write(length);
      if (size(text) <= budget) return text;
    }
    return cutTo(this.write(8), budget);
  }

  private write(longest: number): string {
    return this.groups
      .map(({ heading, names }) => {
        const cut = longest === Infinity ? names : names.map((name) => cutMiddle(name, longest));
        return `${heading}\n${codeBlock(cut.join(" "))}`;
      })
      .join("\n\n");
  }
}

/** More than can be named at all: what is left says so. */
function cutTo(text: string, budget: number): string {
  const closing = "\n```\n\nThe rest does not fit here.";
  const cut = Buffer.from(text, "utf8")
    .subarray(0, Math.max(0, budget - size(closing)))
    .toString("utf8")
    .replace(/\ufffd$/, "");
  return `${cut}${closing}`;
}

/** What all begin with, up to a hyphen, a dot or a slash; nothing for a single one. */
export function commonPrefix(names: readonly string[]): string {
  const [first = "", ...rest] = names;
  if (rest.length === 0) return "";
  let length = first.length;
  for (const name of rest) {
    let same = 0;
    while (same < length && name[same] === first[same]) same += 1;
    length = same;
  }
  return /^.*[-./]/.exec(first.slice(0, length).replace(/`.*$/s, ""))?.[0] ?? "";
}
