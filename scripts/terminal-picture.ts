import { writeFileSync } from "node:fs";
import { launchBrowser } from "../test/support/browser";
import type { Span } from "./terminal-text";

const colours: Readonly<Record<string, string>> = {
  black: "#6e7681",
  red: "#ff7b72",
  green: "#56d364",
  yellow: "#e3b341",
  blue: "#79c0ff",
  magenta: "#d2a8ff",
  cyan: "#76e3ea",
  white: "#f0f6fc",
};

/** Draws lines as a terminal window, in a headless Chromium, into a PNG file 1000 pixels wide. */
export async function drawTerminal(
  lines: readonly (readonly Span[])[],
  { file, title }: { readonly file: string; readonly title: string },
): Promise<void> {
  const browser = await launchBrowser();
  try {
    const page = await browser.newPage({ viewport: { width: 1000, height: 600 } });
    await page.setContent(windowOf(lines, title));
    writeFileSync(file, await page.locator("main").screenshot({ omitBackground: true }));
  } finally {
    await browser.close();
  }
}

function windowOf(lines: readonly (readonly Span[])[], title: string): string {
  const text = lines.map((spans) => spans.map(spanOf).join("")).join("\n");
  return `<!doctype html><meta charset="utf-8"><style>
    body { margin: 0; background: transparent }
    main { box-sizing: border-box; width: 1000px; border-radius: 10px; background: #0d1117; overflow: hidden }
    header { display: flex; align-items: center; gap: 8px; padding: 11px 14px; background: #21262d;
      font: 13px "DejaVu Sans", sans-serif; color: #8b949e }
    header i { width: 12px; height: 12px; border-radius: 50% }
    header span { flex: 1; text-align: center; margin-right: 52px }
    pre { margin: 0; white-space: pre-wrap; overflow-wrap: anywhere; padding: 14px 18px 18px; font: 12.5px/15px "DejaVu Sans Mono", monospace; color: #e6edf3 }
    b { color: #fff }
  </style><main><header><i style="background:#ff5f57"></i><i style="background:#febc2e"></i><i
    style="background:#28c840"></i><span>${escaped(title)}</span></header><pre>${text}</pre></main>`;
}

function spanOf({ text, bold, dim, colour }: Span): string {
  const style = [
    colour === undefined ? "" : `color:${colours[colour] ?? "inherit"}`,
    dim ? "opacity:.62" : "",
    bold ? "font-weight:bold" : "",
  ].filter((rule) => rule !== "");
  return style.length === 0 ? escaped(text) : `<span style="${style.join(";")}">${escaped(text)}</span>`;
}

function escaped(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}
