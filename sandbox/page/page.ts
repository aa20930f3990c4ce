import { createHash } from "node:crypto";
import { drawing } from "./drawing";
import { escape, html, type Html, safeUrl } from "../../common/html";
import {
  componentKey,
  type DatabaseRole,
  type EnvironmentAddress,
  type EnvironmentModel,
  type EnvironmentResource,
  type LastUpdate,
  type State,
} from "./model";
import { script } from "./script";
import { style } from "./style";

export interface PageOptions {
  /** Asks `model.json` beside the page for changes, twice a second. @default false: a page that can be kept as a file */
  readonly live?: boolean;
}

const stateWords: Readonly<Record<State, string>> = {
  ok: "up",
  working: "changing",
  failed: "needs a look",
  unknown: "not asked",
};

/**
 * One HTML page that draws an environment: self-contained, works from a file, dark and light, by keyboard, on a phone.
 * Without scripts everything is there but the lines between the parts, and the filter.
 */
export function renderEnvironmentPage(model: EnvironmentModel, { live = false }: PageOptions = {}): string {
  const hash = (text: string) => `'sha256-${createHash("sha256").update(text).digest("base64")}'`;
  const policy = [
    "default-src 'none'",
    `script-src ${hash(script)}`,
    `style-src ${hash(style)}`,
    "img-src data:",
    `connect-src ${live ? "'self'" : "'none'"}`,
    "base-uri 'none'",
    "form-action 'none'",
  ].join("; ");
  const icon =
    "data:image/svg+xml," +
    encodeURIComponent(
      '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 24 24"><rect width="24" height="24" rx="6" fill="#0d7a6f"/><path d="M5 16h14M8 12h8M10.500 8h3" stroke="#fff" stroke-width="2" stroke-linecap="round"/></svg>',
    );
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${escape(policy)}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${escape(model.stack)} · ${escape(model.project)}</title>
<link rel="icon" href="${escape(icon)}">
<style>${style}</style>
</head>
<body${live ? ' data-live="true"' : ""}>
<a class="skip" href="#find">Skip to the list of resources</a>
<div id="content">${renderContent(model)}</div>
<script>${script}</script>
</body>
</html>
`;
}

/** Everything of the page that depends on the model. */
export function renderContent(model: EnvironmentModel): string {
  return [
    head(model),
    model.resources.length === 0
      ? nothingYet(model)
      : html`<main>${drawing(model)}${details(model)}${list(model)}</main>`,
  ]
    .map(({ text }) => text)
    .join("");
}

function pill(state: State, text = stateWords[state]): Html {
  return html`<span class="pill ${state}"><i aria-hidden="true"></i>${text}</span>`;
}

function head(model: EnvironmentModel): Html {
  return html`<header>
    <div class="title">
      <p class="brand">
        <svg viewBox="0 0 24 24" aria-hidden="true"><path d="M3 18h18M6.500 12.500h11M9.500 7h5" /></svg
        >${model.project}
      </p>
      <h1>${model.stack}</h1>
      ${pill(model.state)}
    </div>
    <div class="aside">
      ${model.lastUpdate && lastUpdate(model.lastUpdate)}
      <button type="button" id="theme" aria-label="Colours: as the system has them">◐</button>
    </div>
    ${
      model.notes.length > 0 &&
      html`<ul class="notes">
        ${model.notes.map((note) => html`<li>${note}</li>`)}
      </ul>`
    }
  </header>`;
}

const changeWords: Readonly<Record<string, string>> = {
  create: "created",
  update: "changed",
  delete: "removed",
  replace: "replaced",
  "create-replacement": "replaced",
  same: "unchanged",
};

function lastUpdate({ kind, result, startedAt, endedAt, changes }: LastUpdate): Html {
  const words = Object.entries(changes)
    .filter(([change, number]) => number > 0 && change in changeWords)
    .map(([change, number]) => `${number} ${changeWords[change]!}`);
  const verb = result === "in-progress" ? "is running" : result;
  const at = endedAt ?? startedAt;
  const seconds = endedAt === undefined ? undefined : (Date.parse(endedAt) - Date.parse(startedAt)) / 1000;
  return html`<p class="update ${result}">
    <b>${kind} ${verb}</b>
    <time datetime="${at}">${at.replace("T", " ").replace(/(\.\d+)?Z$/, " UTC")}</time>
    ${seconds !== undefined && Number.isFinite(seconds) && html`<span>in ${Math.round(seconds)} s</span>`}
    <span>${words.join(", ") || "nothing to change"}</span>
  </p>`;
}

function nothingYet({ stack, lastUpdate: update }: EnvironmentModel): Html {
  const isRunning = update?.result === "in-progress";
  return html`<main class="nothing">
    <p>${isRunning ? `${stack} is being brought up.` : `Nothing is deployed in ${stack}.`}</p>
    ${!isRunning && html`<p>Bring it up: <code>npm start</code></p>`}
  </main>`;
}

function details(model: EnvironmentModel): Html {
  return html`<div class="details">
    <section aria-labelledby="addresses-title">
      <h2 id="addresses-title">Addresses</h2>
      ${model.addresses.length === 0 && html`<p class="none">None yet.</p>`}
      <ul class="addresses">
        ${model.addresses.map(address)}
      </ul>
    </section>
    ${model.roles.length > 0 && rolesTable(model.roles)}
  </div>`;
}

function address({ label, url, publicUrl, state, detail }: EnvironmentAddress): Html {
  const href = safeUrl(url);
  return html`<li>
    ${pill(state, state === "ok" ? "answers" : state === "failed" ? "no answer" : stateWords[state])}
    <div>
      ${href === undefined ? html`<span class="url">${url}</span>` : html`<a class="url" href="${href}">${url}</a>`}
      <small
        >${[label, detail, publicUrl === url ? undefined : publicUrl].filter((text) => text !== undefined).join(" · ")}</small
      >
    </div>
  </li>`;
}

function rolesTable(roles: readonly DatabaseRole[]): Html {
  return html`<section aria-labelledby="roles-title">
    <h2 id="roles-title">Database roles</h2>
    <div class="scroll">
      <table class="roles">
        <thead>
          <tr>
            <th scope="col">Role</th>
            <th scope="col">For</th>
            <th scope="col">May</th>
            <th scope="col">Database</th>
          </tr>
        </thead>
        <tbody>
          ${roles.map(
            ({ role, purpose, rights, database }) =>
              html`<tr>
                <th scope="row"><code>${role}</code></th>
                <td>${purpose}</td>
                <td>${rights}</td>
                <td>${database}</td>
              </tr>`,
          )}
        </tbody>
      </table>
    </div>
  </section>`;
}

function list({ resources }: EnvironmentModel): Html {
  const groups = new Map<string, EnvironmentResource[]>();
  for (const resource of resources) {
    const key = componentKey(resource);
    groups.set(key, [...(groups.get(key) ?? []), resource]);
  }
  // What belongs to no component comes last.
  const sorted = [...groups.entries()].sort(([a], [b]) => Number(a === "") - Number(b === ""));
  return html`<section class="resources" aria-labelledby="resources-title">
    <div class="bar">
      <h2 id="resources-title">Resources</h2>
      <div class="filter">
        <label class="hidden" for="find">Find among the resources</label>
        <input
          id="find"
          type="search"
          placeholder="Find: name, type, host …"
          autocomplete="off"
          spellcheck="false"
        />
        <label class="hidden" for="state">State</label>
        <select id="state">
          <option value="">every state</option>
          ${(["ok", "working", "failed"] as const).map((state) => html`<option value="${state}">${stateWords[state]}</option>`)}
        </select>
        <output id="count" for="find state">${resources.length} of ${resources.length}</output>
      </div>
    </div>
    <p class="none" id="no-match" hidden>Nothing fits. <button type="button" id="clear">Show all</button></p>
    ${sorted.map(([key, members]) => group(key, members))}
  </section>`;
}

function group(key: string, members: readonly EnvironmentResource[]): Html {
  const { component, componentType } = members[0]!;
  return html`<details class="group" open data-component="${key}">
    <summary>
      <b>${component === "" ? "the stack itself" : component}</b><span class="kind">${componentType}</span>
      <span class="number">${members.length}</span>
    </summary>
    <ul>
      ${members.map((member) => row(member))}
    </ul>
  </details>`;
}

function row({ name, type, about, id, state, component, componentType }: EnvironmentResource): Html {
  const [, provider = "", short = type] = /^([^:]+):(?:.*:)?([^:]+)$/.exec(type) ?? [];
  const words = [name, type, about, id, component, componentType].join(" ").toLowerCase();
  return html`<li data-state="${state}" data-words="${words}">
    ${pill(state)}
    <span class="name">${name}</span>
    <span class="type">${provider} <b>${short}</b></span>
    <span class="about">${about}</span>
    <code class="id">${id}</code>
  </li>`;
}
