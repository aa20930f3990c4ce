/** The page's own script, as text: it runs in the browser and is never compiled. */
export const script = String.raw`
"use strict";
(() => {
  const content = document.getElementById("content");
  const all = (selector, root = content) => [...root.querySelectorAll(selector)];
  const one = (selector) => content.querySelector(selector);
  let shown = { find: "", state: "", component: "" };

  // Lines between the cards: from side to side where lanes stand beside each other, down where they are stacked.
  function drawLines() {
    const svg = one("svg.lines");
    if (!svg) return;
    const frame = svg.parentElement.getBoundingClientRect();
    const place = (card) => {
      const box = card.getBoundingClientRect();
      const [x, y] = [box.left - frame.left, box.top - frame.top];
      return { left: x, right: x + box.width, top: y, bottom: y + box.height, midX: x + box.width / 2, midY: y + Math.min(box.height / 2, 34) };
    };
    const cards = new Map(all("[data-node]").map((card) => [card.dataset.node, card]));
    const paths = [];
    const differ = (elements) => new Set(elements.map((each) => Math.round(each.getBoundingClientRect().left))).size > 1;
    const stacked = !differ(all(".lane"));
    const grid = stacked && differ([...cards.values()]);
    for (const [from, card] of cards) {
      const a = place(card);
      for (const to of JSON.parse(card.dataset.to)) {
        const target = cards.get(to);
        if (!target) continue;
        const b = place(target);
        let d;
        const sameLane = card.parentElement === target.parentElement;
        if (b.left >= a.right && (sameLane || !stacked)) {
          const bend = Math.min(Math.max(24, (b.left - a.right) / 2), b.left - a.right + 24);
          d = "M" + a.right + " " + a.midY + "C" + (a.right + bend) + " " + a.midY + " " + (b.left - bend) + " " + b.midY + " " + b.left + " " + b.midY;
        } else if (sameLane && Math.abs(a.left - b.left) < 1 && b.top >= a.bottom && b.top - a.bottom < 40) {
          d = "M" + a.midX + " " + a.bottom + "V" + b.top;
        } else if (grid && b.top >= a.bottom) {
          const bend = Math.max(20, (b.top - a.bottom) / 2);
          d = "M" + a.midX + " " + a.bottom + "C" + a.midX + " " + (a.bottom + bend) + " " + b.midX + " " + (b.top - bend) + " " + b.midX + " " + b.top;
        } else {
          // One narrow column: along its side, in one of three tracks.
          const track = 10 + 6 * (paths.length % 3);
          const x = Math.min(a.left, b.left) - track;
          const turn = Math.sign(b.midY - a.midY) * track;
          d = "M" + a.left + " " + a.midY + "Q" + x + " " + a.midY + " " + x + " " + (a.midY + turn) + "V" + (b.midY - turn) + "Q" + x + " " + b.midY + " " + b.left + " " + b.midY;
        }
        const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
        path.setAttribute("d", d);
        path.setAttribute("class", target.classList.contains("failed") ? "failed" : target.classList.contains("working") ? "working" : "");
        path.dataset.from = from;
        path.dataset.to = to;
        paths.push(path);
      }
    }
    svg.setAttribute("width", frame.width);
    svg.setAttribute("height", frame.height);
    svg.replaceChildren(...paths);
  }

  // A card that is pointed at or focused shows what it hangs together with, in both directions.
  function highlight(card) {
    const drawing = one(".drawing");
    if (!drawing) return;
    drawing.classList.toggle("pointing", card !== undefined);
    const lines = all("svg.lines path");
    const reach = (start, from, to) => {
      const found = new Set([start]);
      for (const node of found) for (const line of lines) if (line.dataset[from] === node) found.add(line.dataset[to]);
      return found;
    };
    const id = card && card.dataset.node;
    const down = id ? reach(id, "from", "to") : new Set();
    const up = id ? reach(id, "to", "from") : new Set();
    for (const line of lines) {
      const { from, to } = line.dataset;
      line.classList.toggle("lit", (down.has(from) && down.has(to)) || (up.has(from) && up.has(to)));
    }
    for (const each of all("[data-node]")) each.classList.toggle("lit", down.has(each.dataset.node) || up.has(each.dataset.node));
  }

  function filter() {
    const find = one("#find");
    if (!find) return;
    const words = shown.find.toLowerCase().split(/\s+/).filter(Boolean);
    let [seen, total] = [0, 0];
    for (const group of all(".group")) {
      let inGroup = 0;
      for (const row of all("li", group)) {
        const fits =
          (shown.state === "" || row.dataset.state === shown.state) &&
          (shown.component === "" || group.dataset.component === shown.component) &&
          words.every((word) => row.dataset.words.includes(word));
        row.hidden = !fits;
        total += 1;
        inGroup += fits ? 1 : 0;
      }
      group.hidden = inGroup === 0;
      group.querySelector(".number").textContent = inGroup;
      seen += inGroup;
    }
    if (find.value !== shown.find) find.value = shown.find;
    one("#state").value = shown.state;
    one("#count").textContent = seen + " of " + total + (shown.component ? ", only " + shown.component.split("/")[1] : "");
    one("#no-match").hidden = seen > 0;
    for (const button of all("[data-show]")) button.setAttribute("aria-pressed", String(shown.component !== "" && button.dataset.show === shown.component));
  }

  function theme() {
    const kept = (() => { try { return localStorage.getItem("groundwork-theme"); } catch { return null; } })();
    const root = document.documentElement;
    if (kept === "dark" || kept === "light") root.dataset.theme = kept;
    else delete root.dataset.theme;
    const words = { dark: ["☾", "Colours: dark"], light: ["☀", "Colours: light"] }[kept] || ["◐", "Colours: as the system has them"];
    const button = one("#theme");
    if (button) [button.textContent, button.ariaLabel, button.title] = [words[0], words[1], words[1]];
  }

  function times() {
    for (const time of all("time")) {
      const seconds = Math.round((Date.now() - Date.parse(time.dateTime)) / 1000);
      const [number, unit] = seconds < 90 ? [seconds, "second"] : seconds < 5400 ? [Math.round(seconds / 60), "minute"] : seconds < 129600 ? [Math.round(seconds / 3600), "hour"] : [Math.round(seconds / 86400), "day"];
      if (!Number.isFinite(number)) continue;
      time.title = time.dateTime;
      time.textContent = seconds < 5 ? "just now" : new Intl.RelativeTimeFormat("en").format(-number, unit);
    }
  }

  function refresh() {
    theme();
    times();
    filter();
    drawLines();
    observer.disconnect();
    for (const lane of all(".drawing, .lane")) observer.observe(lane);
  }
  const observer = new ResizeObserver(() => drawLines());

  content.addEventListener("input", ({ target }) => {
    if (target.id === "find") shown = { ...shown, find: target.value };
    else if (target.id === "state") shown = { ...shown, state: target.value };
    filter();
  });
  content.addEventListener("click", ({ target }) => {
    const show = target.closest("[data-show]");
    if (show) {
      const component = shown.component === show.dataset.show ? "" : show.dataset.show;
      shown = { find: "", state: "", component };
      filter();
      if (component) {
        const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
        one(".resources").scrollIntoView({ behavior: still ? "auto" : "smooth", block: "start" });
      }
    } else if (target.closest("#clear")) {
      shown = { find: "", state: "", component: "" };
      filter();
      one("#find").focus();
    } else if (target.closest("#theme")) {
      const next = { undefined: "dark", dark: "light", light: "" }[document.documentElement.dataset.theme];
      try { localStorage.setItem("groundwork-theme", next); } catch { if (next) document.documentElement.dataset.theme = next; else delete document.documentElement.dataset.theme; return; }
      theme();
    }
  });
  for (const [on, off] of [["pointerover", "pointerout"], ["focusin", "focusout"]]) {
    content.addEventListener(on, ({ target }) => highlight(target.closest("[data-node]") || undefined));
    content.addEventListener(off, () => highlight());
  }
  document.addEventListener("keydown", (event) => {
    if (event.key === "/" && !/^(INPUT|SELECT|TEXTAREA)$/.test(document.activeElement.tagName) && one("#find")) {
      event.preventDefault();
      one("#find").focus();
    } else if (event.key === "Escape" && (shown.find || shown.state || shown.component)) {
      shown = { find: "", state: "", component: "" };
      filter();
    }
  });

  // Takes over a changed environment without losing what the reader is doing.
  function replace(text) {
    const active = document.activeElement;
    const key = active && content.contains(active) && (active.id ? "#" + active.id : active.dataset.show && '[data-show="' + CSS.escape(active.dataset.show) + '"]');
    const caret = active && active.id === "find" ? [active.selectionStart, active.selectionEnd] : undefined;
    const closed = new Set(all("details:not([open])").map((each) => each.dataset.component));
    content.innerHTML = text;
    for (const each of all("details")) each.open = !closed.has(each.dataset.component);
    refresh();
    if (!key || !one(key)) return;
    one(key).focus({ preventScroll: true });
    if (caret) one(key).setSelectionRange(...caret);
  }

  async function watch() {
    let etag;
    for (;;) {
      await new Promise((resolve) => setTimeout(resolve, document.hidden ? 3000 : 500));
      try {
        const answer = await fetch("content", { headers: etag ? { "if-none-match": etag } : {}, cache: "no-store" });
        document.body.classList.toggle("away", !answer.ok && answer.status !== 304);
        if (answer.status !== 200) continue;
        const text = await answer.text();
        const isNew = answer.headers.get("etag") !== etag;
        etag = answer.headers.get("etag");
        if (isNew) replace(text);
      } catch {
        document.body.classList.add("away");
      }
    }
  }

  refresh();
  setInterval(times, 10000);
  if (document.body.dataset.live) void watch();
})();
`;
