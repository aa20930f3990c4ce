const light = `
  --ground: #f4f6f5; --surface: #fff; --sunken: #eaeeed; --text: #16201e; --muted: #566360; --line: #cfd8d5;
  --accent: #0d7a6f; --danger: #b3261e; --warning: #7d5000; --made: #166f40; color-scheme: light;`;
const dark = `
  --ground: #0e1413; --surface: #18201f; --sunken: #111918; --text: #e6eeec; --muted: #9aaaa6; --line: #2f3b39;
  --accent: #4fd1c0; --danger: #ff8a80; --warning: #e8b04a; --made: #54c98a; color-scheme: dark;`;

export const style = `
:root {${light}}
@media (prefers-color-scheme: dark) { :root {${dark}} }
* { box-sizing: border-box; }
[hidden] { display: none !important; }
body { margin: 0; background: var(--ground); color: var(--text); font: 15px/1.5 system-ui, sans-serif; }
main { max-width: 74rem; margin: 0 auto; padding: 1.5rem 1.25rem 4rem; }
h1 { font-size: 1.7rem; letter-spacing: -0.02em; margin: 0 0 0.25rem; overflow-wrap: anywhere; }
h2 { font-size: 1.05rem; margin: 2rem 0 0.6rem; }
p { margin: 0.2rem 0; }
ul { list-style: none; margin: 0; padding: 0; }
code { font: 0.9em ui-monospace, Menlo, Consolas, monospace; overflow-wrap: anywhere; }
a { color: var(--accent); }
:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; }
.muted { color: var(--muted); }
.risks, .chips { display: flex; flex-wrap: wrap; gap: 0.4rem; margin: 0.6rem 0; }
.chip { border: 1px solid var(--line); border-radius: 99px; padding: 0.05rem 0.7rem; background: var(--surface); font-size: 0.9rem; }
.danger { color: var(--danger); } .chip.danger { border-color: var(--danger); }
.warning { color: var(--warning); } .chip.warning { border-color: var(--warning); }
.scroll { overflow-x: auto; padding: 2px; }
svg { display: block; font: 14px system-ui, sans-serif; max-width: none; }
svg a { text-decoration: none; }
svg text { fill: var(--text); }
svg .lane { fill: var(--muted); font-size: 13px; }
svg .wire { fill: none; stroke: var(--line); stroke-width: 2; }
.box rect { fill: var(--surface); stroke: var(--line); stroke-width: 1.5; }
.box.changed rect { stroke: var(--warning); } .box.new rect { stroke: var(--made); }
.box.removed rect, .box.danger rect { stroke: var(--danger); stroke-width: 2.5; }
.box.removed rect { stroke-dasharray: 6 4; }
svg .name { font-weight: 600; } svg .same, svg .read { fill: var(--muted); }
svg .create, svg .import { fill: var(--made); } svg .update { fill: var(--warning); }
svg .delete, svg .replace, svg .forget, svg .level.danger { fill: var(--danger); }
svg .level { text-anchor: end; font-size: 12px; } svg .level.warning { fill: var(--warning); }
.find { display: flex; flex-wrap: wrap; gap: 0.5rem 1rem; align-items: center; margin: 1.5rem 0 0.5rem; }
.find input[type="search"] { font: inherit; color: inherit; background: var(--surface); border: 1px solid var(--line); border-radius: 8px; padding: 0.35rem 0.7rem; min-width: 16rem; }
.change { background: var(--surface); border: 1px solid var(--line); border-radius: 10px; padding: 0.55rem 0.9rem; margin: 0.4rem 0; }
.change.danger-change { border-left: 4px solid var(--danger); }
.change h3 { font-size: 1rem; font-weight: 500; margin: 0; overflow-wrap: anywhere; }
.verb { display: inline-block; min-width: 4.2rem; font-weight: 650; }
.verb.delete, .verb.replace, .verb.forget { color: var(--danger); } .verb.update { color: var(--warning); }
.verb.create, .verb.import { color: var(--made); }
.change table { border-collapse: collapse; margin-top: 0.4rem; font-size: 0.93rem; width: 100%; table-layout: fixed; }
.change td, .change th { text-align: left; vertical-align: top; padding: 0.15rem 0.8rem 0.15rem 0; font-weight: 400; overflow-wrap: anywhere; }
.change th { width: 30%; color: var(--muted); }
pre { background: var(--sunken); border-radius: 8px; padding: 0.7rem; white-space: pre-wrap; overflow-wrap: anywhere; }
@media (max-width: 40rem) { .change th { width: 38%; } }
@media print { .find { display: none; } .change { break-inside: avoid; } }
`;

/** Narrows the list down; without it everything is shown. */
export const script = `
(() => {
  const find = document.querySelector(".find");
  const text = find.querySelector("input[type=search]");
  const told = find.querySelector("output");
  const boxes = [...find.querySelectorAll("input[type=checkbox]")];
  const changes = [...document.querySelectorAll("[data-operation]")];
  const groups = [...document.querySelectorAll("[data-group]")];
  find.hidden = false;
  const apply = () => {
    const words = text.value.toLowerCase().split(/\\s+/).filter(Boolean);
    const operations = new Set(boxes.filter((box) => box.checked).map((box) => box.value));
    let shown = 0;
    for (const change of changes) {
      const content = change.textContent.toLowerCase() + " " + change.dataset.urn.toLowerCase();
      change.hidden = !operations.has(change.dataset.operation) || !words.every((word) => content.includes(word));
      if (!change.hidden) shown += 1;
    }
    for (const group of groups) group.hidden = !group.querySelector("[data-operation]:not([hidden])");
    told.textContent = shown + " of " + changes.length + " shown";
  };
  find.addEventListener("input", apply);
  addEventListener("hashchange", () => {
    const part = document.getElementById(location.hash.slice(1));
    if (!part || !part.hidden) return;
    text.value = "";
    for (const box of boxes) box.checked = true;
    apply();
    part.scrollIntoView();
  });
  apply();
})();
`;
