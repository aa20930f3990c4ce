import { createHash } from "node:crypto";
import { type Html, escape, html } from "../../common/html";
import { type Change, type Component, type PropertyChange, type Report, operations } from "../model";
import { comesFirst, worst } from "../order";
import { countsSentence, costSentence, headline, money, riskCounts, verbOf, verbs } from "../sentences";
import { anchorOf, drawing } from "./drawing";
import { script, style } from "./style";

/**
 * A report as one HTML page: self-contained, works from a file, dark and light, by keyboard, on a phone. It asks nobody
 * for anything, and runs no script but its own; without scripts all but the search is there.
 */
export function reportHtml(report: Report): string {
  const hash = (text: string): string => `'sha256-${createHash("sha256").update(text).digest("base64")}'`;
  const policy = [
    "default-src 'none'",
    `script-src ${hash(script)}`,
    `style-src ${hash(style)}`,
    "img-src data:",
    "base-uri 'none'",
    "form-action 'none'",
  ].join("; ");
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${escape(policy)}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${escape(headline(report))} · ${escape(report.project)}</title>
<link rel="icon" href="data:,">
<style>${style}</style>
</head>
<body>
<main>
${body(report).text}
</main>
<script>${script}</script>
</body>
</html>
`;
}

function body(report: Report): Html {
  const first = report.changes.filter(comesFirst);
  const titles = new Map(report.components.map(({ key, title }) => [key, title]));
  const groups = report.components.map((component) => ({
    component,
    changes: report.changes.filter(
      (change) => change.component === component.key && !comesFirst(change) && !change.isComponent,
    ),
  }));
  return html`<header>
      <h1>${headline(report)}</h1>
      <p>${countsSentence(report)}</p>
      ${riskChips(report)}
      ${report.plan !== undefined && html`<p>plan <code>${report.plan.digest}</code>: <code>${report.plan.command}</code></p>`}
    </header>
    ${report.components.length > 0 && drawing(report)} ${messages(report)} ${sections(report)}
    ${search(report)}
    ${
      first.length > 0 &&
      html`<section data-group>
        <h2>Look at these first</h2>
        <ul>
          ${first.map((change) => changeOf(change, report, titles.get(change.component)))}
        </ul>
      </section>`
    }
    ${groups.map(({ component, changes }) => group(component, changes, report))}`;
}

function riskChips({ changes }: Report): Html | false {
  const counts = riskCounts(changes).filter(({ level }) => level !== "notice");
  return (
    counts.length > 0 &&
    html`<ul class="risks" aria-label="Risks">
      ${counts.map(({ kind, level, count }) => html`<li class="chip ${level}">${level}: ${kind} (${count})</li>`)}
    </ul>`
  );
}

function search({ changes }: Report): Html {
  const used = operations.filter((operation) => changes.some((change) => change.operation === operation));
  return html`<div class="find" role="search" hidden>
    <input type="search" aria-label="Find a change" placeholder="Find a change" />
    ${used.map(
      (operation) =>
        html`<label
          ><input type="checkbox" value="${operation}" checked="" /> ${verbs[operation].plan}</label
        >`,
    )}
    <output class="muted" aria-live="polite"></output>
  </div>`;
}

function group(component: Component, changes: readonly Change[], report: Report): Html {
  const unchanged = component.unchanged === 0 ? "" : `, ${component.unchanged} unchanged`;
  const state = component.state === "same" ? "" : `, ${component.state}`;
  const heading = html`<h2>
    ${component.title}<span class="muted">${state === ", changed" ? "" : state}${unchanged}</span>
  </h2>`;
  if (changes.length === 0) return html`<section id="${anchorOf(component)}">${heading}</section>`;
  return html`<section id="${anchorOf(component)}" data-group>
    ${heading}
    <ul>
      ${changes.map((change) => changeOf(change, report, undefined))}
    </ul>
  </section>`;
}

/** @param above title of its component, where that does not stand above it */
function changeOf(change: Change, report: Report, above: string | undefined): Html {
  const { operation, urn, cause, note, risks, seconds } = change;
  const title = change.isComponent ? `all of ${above ?? change.name}` : change.title;
  const danger = worst(change) === "danger" ? " danger-change" : "";
  return html`<li class="change${danger}" data-operation="${operation}" data-urn="${urn}">
    <h3>
      <span class="verb ${operation}">${verbs[operation].sign} ${verbOf(change, report)}</span> ${title}
      ${above !== undefined && !change.isComponent && html`<span class="muted">of ${above}</span>`}
      ${seconds !== undefined && html`<span class="muted">${seconds.toFixed(1)} s</span>`}
    </h3>
    ${cause !== undefined && html`<p>because ${cause}</p>`}
    ${note !== undefined && html`<p class="muted">${note}</p>`}
    ${risks.map(({ level, kind, text }) => html`<p class="${level}"><strong>${kind}:</strong> ${text}</p>`)}
    ${differences(change)}
  </li>`;
}

function differences({ properties, moreProperties }: Change): Html | false {
  const shown = properties.filter(({ replaces }) => !replaces);
  return (
    shown.length > 0 &&
    html`<table>
      ${shown.map(row)}
      ${
        moreProperties > 0 &&
        html`<tr>
          <th scope="row">and ${moreProperties} more</th>
        </tr>`
      }
    </table>`
  );
}

function row({ path, secret, before, after }: PropertyChange): Html {
  const side = (value: string | undefined): Html =>
    value === undefined ? html`<span class="muted">none</span>` : html`<code>${value}</code>`;
  const known = before !== undefined || after !== undefined;
  return html`<tr>
    <th scope="row"><code>${path}</code></th>
    <td>
      ${secret ? html`<span class="muted">another value, secret</span>` : known && html`${side(before)} → ${side(after)}`}
    </td>
  </tr>`;
}

function messages({ messages: all }: Report): Html | false {
  const told = all.filter(({ severity }) => severity !== "info");
  return (
    told.length > 0 &&
    html`<section>
      <h2>Messages</h2>
      ${told.map(({ severity, text }) => html`<pre class="${severity === "error" ? "danger" : "warning"}">${severity}: ${text}</pre>`)}
    </section>`
  );
}

function sections({ policies, cost, rehearsal, drift }: Report): Html {
  const amount = (value: number | undefined): string =>
    value === undefined ? "nothing" : money(value, cost?.currency ?? "USD");
  const list = (title: string, items: readonly Html[]): Html =>
    html`<section>
      <h2>${title}</h2>
      <ul>
        ${items.map((item) => html`<li>${item}</li>`)}
      </ul>
    </section>`;
  return html`${
    policies !== undefined &&
    list(
      policies.results.length === 0
        ? "Policies: all are kept"
        : `Policies: ${policies.results.length} broken`,
      policies.results.map(
        ({ level, policy, text }) =>
          html`<strong class="${level === "mandatory" ? "danger" : "warning"}">${level} ${policy}</strong>
            ${text}`,
      ),
    )
  }
  ${
    cost !== undefined &&
    list(
      `Cost: ${costSentence(cost)}`,
      cost.lines.map(
        ({ what, before, after, note }) =>
          html`${what}: ${amount(before)} → ${amount(after)}${note !== undefined && ` (${note})`}`,
      ),
    )
  }
  ${
    rehearsal !== undefined &&
    list(
      `Rehearsal: ${rehearsal.state}`,
      rehearsal.notes.map((note) => html`${note}`),
    )
  }
  ${
    drift !== undefined &&
    list(
      drift.items.length === 0 ? "No drift" : "Changed outside of the code",
      drift.items.map(
        ({ title, what, knownSince }) =>
          html`${title}: ${what}${knownSince !== undefined && ` (known since ${knownSince})`}`,
      ),
    )
  }`;
}
