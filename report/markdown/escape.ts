/** Texts of others in Markdown: they stay text, whatever stands in them. Neither a mention nor a command comes of one. */

const invisible = "\u200b";

/** Running text: one line, nothing in it formats, links, mentions or closes anything. */
export function inline(text: string): string {
  return (
    oneLine(text)
      .replace(/[\\`*_{}[\]<>|~]/g, "\\$&")
      .replace(/&/g, "&amp;")
      .replace(/@(?=\w)/g, `@${invisible}`)
      // Numbers of issues, and of GitLab's merge requests.
      .replace(/[#!](?=\d)/g, `$&${invisible}`)
      .replace(/(https?|www)(?=[:.])/gi, `$1${invisible}`)
  );
}

/** A code span, with as many backticks as it takes. */
export function code(text: string): string {
  const line = oneLine(text);
  if (line.trim() === "") return "` `";
  const fence = "`".repeat(longestRun(line) + 1);
  const pad = line.startsWith("`") || line.endsWith("`") || line.startsWith(" ") ? " " : "";
  return `${fence}${pad}${line}${pad}${fence}`;
}

/** A block of code. */
export function codeBlock(text: string): string {
  const fence = "`".repeat(Math.max(3, longestRun(text) + 1));
  return `${fence}text\n${text}\n${fence}`;
}

/** Something to unfold. */
export function folded(summary: string, body: string): string {
  return `<details><summary>${html(summary)}</summary>\n\n${body}\n\n</details>`;
}

export function html(text: string): string {
  const names: Readonly<Record<string, string>> = { "&": "amp", "<": "lt", ">": "gt", '"': "quot" };
  return oneLine(text).replace(/[&<>"]/g, (character) => `&${names[character] ?? ""};`);
}

/** Bytes, which are never fewer than the characters that a host counts. */
export function size(text: string): number {
  return Buffer.byteLength(text, "utf8");
}

/** Keeps both ends of a text of more than `length` characters. */
export function cutMiddle(text: string, length: number): string {
  if (text.length <= length) return text;
  const characters = [...text];
  if (characters.length <= length) return text;
  const kept = Math.max(1, length - 1);
  const head = Math.ceil(kept / 2);
  return `${characters.slice(0, head).join("")}…${characters.slice(characters.length - (kept - head)).join("")}`;
}

function oneLine(text: string): string {
  return text.replace(/\s*\n\s*/g, " ");
}

function longestRun(text: string): number {
  return Math.max(0, ...(text.match(/`+/g) ?? []).map((run) => run.length));
}
