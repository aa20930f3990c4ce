const light = `
  --ground: #f4f6f5;
  --surface: #ffffff;
  --sunken: #eaeeed;
  --text: #16201e;
  --muted: #566360;
  --line: #d5dcda;
  --accent: #0d7a6f;
  --wire: #a9b8b4;
  --ok: #166f40;
  --working: #865400;
  --failed: #b8322a;
  --unknown: #6b7774;
  color-scheme: light;`;

const dark = `
  --ground: #0e1413;
  --surface: #18201f;
  --sunken: #111918;
  --text: #e6eeec;
  --muted: #9aaaa6;
  --line: #2b3735;
  --accent: #4fd1c0;
  --wire: #47605b;
  --ok: #54c98a;
  --working: #e8b04a;
  --failed: #ff8177;
  --unknown: #8b9a96;
  color-scheme: dark;`;

/** The page's own style, as text. */
export const style = `
:root {${light}}
@media (prefers-color-scheme: dark) { :root {${dark}} }
:root[data-theme="light"] {${light}}
:root[data-theme="dark"] {${dark}}
* { box-sizing: border-box; }
[hidden] { display: none !important; }
body { margin: 0; background: var(--ground); color: var(--text); font: 15px/1.45 system-ui, sans-serif; }
#content { max-width: 88rem; margin: 0 auto; padding: 0 1.5rem 3rem; }
h1, h2, h3, p, ul { margin: 0; padding: 0; }
ul { list-style: none; }
code { font: 0.92em ui-monospace, "SF Mono", Menlo, Consolas, monospace; }
a { color: var(--accent); text-underline-offset: 0.15em; }
:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; border-radius: 4px; }
.hidden { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
.skip { position: absolute; left: -100vw; }
.skip:focus { left: 1rem; top: 0.5rem; z-index: 2; background: var(--surface); padding: 0.3rem 0.6rem; }
button, input, select { font: inherit; color: inherit; background: var(--surface); border: 1px solid var(--line); border-radius: 8px; padding: 0.35rem 0.7rem; }
button { cursor: pointer; }
button:hover { border-color: var(--accent); }

header { display: flex; flex-wrap: wrap; align-items: center; justify-content: space-between; gap: 0.6rem 2rem; padding: 1.6rem 0 1.2rem; }
.title { display: flex; flex-wrap: wrap; align-items: center; gap: 0.2rem 0.9rem; }
.brand { flex-basis: 100%; display: flex; align-items: center; gap: 0.4rem; color: var(--muted); font-size: 0.85rem; }
.brand svg { width: 1.1rem; }
.brand path { stroke: var(--accent); stroke-width: 3; stroke-linecap: round; }
h1 { font-size: 2rem; line-height: 1.1; letter-spacing: -0.03em; overflow-wrap: anywhere; }
.aside { display: flex; align-items: center; gap: 1rem; }
#theme { padding: 0.2rem 0.6rem; font-size: 1.1rem; }
.update { display: flex; flex-wrap: wrap; justify-content: flex-end; gap: 0 0.6rem; font-size: 0.85rem; color: var(--muted); }
.update b { color: var(--text); }
.update b::first-letter { text-transform: uppercase; }
.update.failed b { color: var(--failed); }
.update.in-progress b { color: var(--working); }
.notes { flex-basis: 100%; display: grid; gap: 0.2rem; font-size: 0.85rem; color: var(--muted); border-left: 3px solid var(--wire); padding-left: 0.8rem; }
.away::before { content: "No answer from the sandbox: what is shown may be old."; display: block; padding: 0.4rem 1.5rem; background: var(--working); color: var(--ground); font-weight: 600; }

.pill { display: inline-flex; align-items: center; gap: 0.4rem; white-space: nowrap; font-size: 0.8rem; color: var(--state); }
.pill i { width: 0.55rem; height: 0.55rem; border-radius: 50%; background: var(--state); flex: none; }
.pill.failed i, .dot.failed { border-radius: 2px; }
.ok { --state: var(--ok); } .working { --state: var(--working); } .failed { --state: var(--failed); } .unknown { --state: var(--unknown); }
header .pill { border: 1px solid var(--state); border-radius: 99px; padding: 0.1rem 0.7rem; font-weight: 600; }

.drawing { position: relative; display: flex; gap: clamp(2rem, 5vw, 5.5rem); padding: 1.2rem 1.5rem 1.6rem; background: var(--sunken); border: 1px solid var(--line); border-radius: 16px; }
.lines { position: absolute; inset: 0; pointer-events: none; overflow: visible; }
.lines path { fill: none; stroke: var(--wire); stroke-width: 1.5; transition: stroke-opacity 0.15s; }
.lines path.failed { stroke: var(--failed); stroke-dasharray: 3 4; }
.lines path.working { stroke: var(--working); stroke-dasharray: 6 5; animation: flow 0.8s linear infinite; }
.pointing .lines path { stroke-opacity: 0.25; }
.pointing .lines path.lit { stroke: var(--accent); stroke-opacity: 1; stroke-width: 2.2; }
.pointing .card:not(.lit) { opacity: 0.55; }
@keyframes flow { to { stroke-dashoffset: -11; } }
@media (prefers-reduced-motion: reduce) { * { animation: none !important; transition: none !important; } }
.lane { flex: 1 1 0; min-width: 0; max-width: 22rem; position: relative; display: flex; flex-direction: column; }
.lane h2 { font-size: 0.75rem; font-weight: 600; color: var(--muted); margin-bottom: 0.7rem; }
.lane > ul { display: flex; flex-direction: column; justify-content: center; gap: 0.9rem; flex: 1; }
.card { background: var(--surface); border: 1px solid var(--line); border-radius: 12px; padding: 0.7rem 0.8rem; transition: opacity 0.15s; }
.card.lit { border-color: var(--accent); }
.card.failed { border-color: var(--failed); }
.face { display: grid; grid-template-columns: auto 1fr auto; gap: 0.6rem; align-items: center; }
.face > svg { width: 1.7rem; height: 1.7rem; padding: 0.25rem; border-radius: 8px; background: var(--sunken); }
.face path { fill: none; stroke: var(--accent); stroke-width: 1.7; stroke-linecap: round; stroke-linejoin: round; }
.face > div { min-width: 0; }
h3 { font-size: 0.98rem; line-height: 1.2; overflow-wrap: anywhere; }
h3 a { color: inherit; text-decoration-color: var(--accent); }
.kind { font-size: 0.75rem; color: var(--muted); }
.dot { width: 0.65rem; height: 0.65rem; border-radius: 50%; background: var(--state); }
.facts { margin-top: 0.5rem; font-size: 0.82rem; color: var(--muted); display: grid; gap: 0.1rem; }
.facts li { overflow-wrap: anywhere; }
.show { margin-top: 0.5rem; padding: 0.05rem 0.55rem; font-size: 0.75rem; color: var(--muted); background: none; }
.show[aria-pressed="true"] { background: var(--accent); border-color: var(--accent); color: var(--surface); }

.details { display: grid; grid-template-columns: minmax(0, 2fr) minmax(0, 3fr); gap: 1rem; margin: 1rem 0; }
.details > :only-child { grid-column: 1 / -1; }
.details section, .resources { background: var(--surface); border: 1px solid var(--line); border-radius: 16px; padding: 1.1rem 1.3rem; min-width: 0; }
.details h2, .resources h2 { font-size: 1.05rem; letter-spacing: -0.01em; margin-bottom: 0.6rem; }
.addresses { display: grid; gap: 0.6rem; }
.addresses li { display: grid; grid-template-columns: 6.2rem 1fr; align-items: baseline; gap: 0.4rem; }
.addresses li > div { min-width: 0; }
.addresses small { display: block; color: var(--muted); overflow-wrap: anywhere; }
.url { overflow-wrap: anywhere; font-weight: 600; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-size: 0.88rem; }
th, td { text-align: left; vertical-align: top; padding: 0.3rem 1rem 0.3rem 0; border-bottom: 1px solid var(--line); font-weight: 400; }
thead th { color: var(--muted); font-size: 0.78rem; }
tbody tr:last-child > * { border-bottom: 0; }
.none { color: var(--muted); }

.bar { display: flex; flex-wrap: wrap; align-items: center; justify-content: space-between; gap: 0.5rem 1rem; position: sticky; top: 0; background: var(--surface); padding: 0.4rem 0 0.7rem; z-index: 1; }
.bar h2 { margin: 0; }
.filter { display: flex; flex-wrap: wrap; align-items: center; gap: 0.5rem; }
#find { width: min(18rem, 60vw); }
#count { color: var(--muted); font-size: 0.85rem; min-width: 5rem; text-align: right; }
.group { border-top: 1px solid var(--line); }
.group summary { display: flex; align-items: baseline; gap: 0.6rem; padding: 0.55rem 0; cursor: pointer; }
.group summary::before { content: "▸"; color: var(--muted); width: 0.8rem; transition: transform 0.1s; }
.group[open] summary::before { transform: rotate(90deg); }
.group summary::-webkit-details-marker { display: none; }
.number { margin-left: auto; color: var(--muted); font-size: 0.85rem; font-variant-numeric: tabular-nums; }
.group ul { padding: 0 0 0.7rem 1.4rem; }
.group li { display: grid; grid-template-columns: 5.2rem minmax(10rem, 1.1fr) minmax(12rem, 1.1fr) minmax(10rem, 1.5fr) minmax(0, 7rem); gap: 0.1rem 1rem; padding: 0.22rem 0.4rem; align-items: baseline; border-radius: 6px; font-size: 0.88rem; }
.group li:nth-child(odd) { background: var(--sunken); }
.group li > * { min-width: 0; overflow-wrap: anywhere; }
.type, .about { color: var(--muted); }
.type b { font-weight: 500; color: var(--text); }
.id { color: var(--muted); font-size: 0.76rem; white-space: nowrap; overflow: hidden; text-overflow: ellipsis; }
.nothing { padding: 5rem 0; text-align: center; color: var(--muted); display: grid; gap: 0.5rem; }

@media (max-width: 60rem) {
  .drawing { display: grid; grid-template-columns: 1fr; gap: 1.6rem; padding: 1rem 1rem 1.2rem 2rem; }
  .lane { max-width: none; }
  .lane > ul { display: grid; grid-template-columns: repeat(auto-fill, minmax(15rem, 1fr)); align-items: start; }
  .details { grid-template-columns: minmax(0, 1fr); }
  .group li { grid-template-columns: 5.2rem minmax(0, 1fr) minmax(0, 1fr); }
  .group .about { grid-column: 2 / -1; }
  .group .id { display: none; }
}
@media (max-width: 36rem) {
  #content { padding: 0 0.8rem 2rem; }
  .lane > ul { grid-template-columns: minmax(0, 1fr); }
  .aside { width: 100%; justify-content: space-between; }
  .update { justify-content: flex-start; }
  .details section, .resources { padding: 0.9rem; border-radius: 12px; }
  .addresses li { grid-template-columns: 1fr; gap: 0; }
  .bar { position: static; }
  .filter { width: 100%; }
  #find { flex: 1 1 100%; width: 100%; }
  .group ul { padding-left: 0; }
  .group li { grid-template-columns: 1fr auto; }
  .group li .pill { grid-column: 2; grid-row: 1; }
  .group li .name { grid-column: 1; grid-row: 1; font-weight: 500; }
  .group li .type, .group li .about { grid-column: 1 / -1; }
}
@media print { .bar .filter, #theme, .show { display: none; } }
`;
