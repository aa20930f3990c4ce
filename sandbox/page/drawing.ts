import { html, type Html, safeUrl } from "../../common/html";
import { componentKey, type EnvironmentModel, type EnvironmentNode, type Lane, type NodeKind } from "./model";

const lanes: readonly (readonly [Lane, string])[] = [
  ["edge", "Edge"],
  ["entry", "Sites and origins"],
  ["service", "Services"],
  ["data", "Data"],
];

/** Paths of 24 by 24 icons, drawn by lines. */
const icons: Readonly<Record<NodeKind, string>> = {
  edge: "M7 18a4.500 4.500 0 0 1-.5-9 6 6 0 0 1 11.300 1.500A3.800 3.800 0 0 1 17 18z",
  access: "M6 11h12v9H6zM8.500 11V8a3.500 3.500 0 0 1 7 0v3",
  site: "M4 5h16v14H4zM4 9h16M7 7h.01M9.500 7h.01",
  origin: "M4 5h16v5H4zM4 14h16v5H4zM7.500 7.500h.01M7.500 16.500h.01",
  tunnel: "M3 18a9 9 0 0 1 18 0M7 18a5 5 0 0 1 10 0M3 18h4M17 18h4",
  service: "M12 3l8 4.500v9L12 21l-8-4.500v-9zM4 7.500l8 4.500 8-4.500M12 12v9",
  database:
    "M5 6c0-1.700 3.100-3 7-3s7 1.300 7 3-3.100 3-7 3-7-1.300-7-3zM5 6v12c0 1.700 3.100 3 7 3s7-1.300 7-3V6M5 12c0 1.700 3.100 3 7 3s7-1.300 7-3",
  role: "M12 12a4 4 0 1 0 0-8 4 4 0 0 0 0 8zM5 20a7 7 0 0 1 14 0",
  bucket: "M4 7h16l-2 13H6zM4 7c0-1.700 3.600-3 8-3s8 1.300 8 3",
  token: "M14 10a4 4 0 1 0-3.500 4L12 15.500h2V18h2.500v2.500H20V17z",
};

const kindWords: Readonly<Record<NodeKind, string>> = {
  edge: "edge",
  access: "login",
  site: "site",
  origin: "origin",
  tunnel: "tunnel",
  service: "service",
  database: "database",
  role: "role",
  bucket: "bucket",
  token: "token",
};

/** The parts in columns from visitors to data. The page's script draws the lines that `data-to` names. */
export function drawing(model: EnvironmentModel): Html {
  const used = lanes.filter(([lane]) => model.nodes.some((node) => node.lane === lane));
  return html`<section class="drawing" aria-label="How the parts hang together">
    <svg class="lines" aria-hidden="true"></svg>
    ${used.map(
      ([lane, title]) =>
        html`<div class="lane" data-lane="${lane}">
          <h2>${title}</h2>
          <ul>
            ${model.nodes.filter((node) => node.lane === lane).map((node) => card(node, model))}
          </ul>
        </div>`,
    )}
  </section>`;
}

function card(node: EnvironmentNode, model: EnvironmentModel): Html {
  const { id, kind, title, facts, state, url, component } = node;
  const targets = model.links.filter(({ from }) => from === id).map(({ to }) => to);
  const targetTitles = targets.map((to) => model.nodes.find((each) => each.id === to)?.title ?? to);
  const href = safeUrl(url);
  const members =
    component === undefined ? [] : model.resources.filter((each) => componentKey(each) === component);
  const shares = model.nodes.filter((each) => each.component === component).length > 1;
  const name = members[0]?.component;
  return html`<li class="card ${kind} ${state}" data-node="${id}" data-to="${JSON.stringify(targets)}">
    <div class="face">
      <svg viewBox="0 0 24 24" aria-hidden="true"><path d="${icons[kind]}" /></svg>
      <div>
        <h3>${href === undefined ? title : html`<a href="${href}">${title}</a>`}</h3>
        <span class="kind">${kindWords[kind]}</span>
      </div>
      <span class="dot" title="${state}"><span class="hidden">${state}</span></span>
    </div>
    ${
      facts.length > 0 &&
      html`<ul class="facts">
        ${facts.map((fact) => html`<li>${fact}</li>`)}
      </ul>`
    }
    ${targets.length > 0 && html`<p class="hidden">leads to ${targetTitles.join(", ")}</p>`}
    ${
      members.length > 0 &&
      html`<button type="button" class="show" data-show="${component}" aria-pressed="false">
        ${shares && name !== title && `${name ?? ""}: `}${members.length}
        ${members.length === 1 ? "resource" : "resources"}<span class="hidden"> of ${title}</span>
      </button>`
    }
  </li>`;
}
