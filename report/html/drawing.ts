import { cutEnd } from "../../common/cut-end";
import { type Html, html } from "../../common/html";
import { type Change, type Component, type Operation, type Report, operations } from "../model";
import { worst } from "../order";
import { verbs } from "../sentences";

/** Columns from visitors to data, by component type. */
const lanes: readonly { readonly title: string; readonly types: readonly string[] }[] = [
  { title: "Edge", types: ["ZoneBaseline", "AccessProtectedEnv", "AccessCheck"] },
  { title: "Sites and origins", types: ["PagesSite", "AppOrigin", "Tunnel"] },
  { title: "Data", types: ["PostgresWithAppUser", "R2Buckets", "DatabaseBackups", "ScopedToken"] },
];
const others = "Others";

const box = { width: 230, height: 74, gap: 16 } as const;
const column = { gap: 64, top: 34 } as const;

interface Placed {
  readonly component: Component;
  readonly lane: number;
  readonly x: number;
  readonly y: number;
}

/** The change, drawn: every part in its column, how much of it changes, and how bad that can be. */
export function drawing(report: Report): Html {
  const titles = [...lanes.map(({ title }) => title), others];
  const columns = titles.map((title) => ({
    title,
    components: report.components.filter(({ type }) => laneOf(type) === title),
  }));
  const used = columns.filter(({ components }) => components.length > 0);
  const placed = used.flatMap(({ components }, lane) =>
    components.map((component, row): Placed => ({
      component,
      lane,
      x: lane * (box.width + column.gap),
      y: column.top + row * (box.height + box.gap),
    })),
  );
  const width = Math.max(1, used.length) * (box.width + column.gap) - column.gap;
  const rows = Math.max(1, ...used.map(({ components }) => components.length));
  const height = column.top + rows * (box.height + box.gap);
  return html`<section class="drawing" aria-labelledby="drawing-title">
    <h2 id="drawing-title">Where it changes</h2>
    <div class="scroll" tabindex="0" role="group" aria-label="Drawing of the change">
      <svg viewBox="-4 0 ${width + 8} ${height}" width="${width + 8}" height="${height}">
        ${used.map(
          ({ title }, lane) =>
            html`<text class="lane" x="${lane * (box.width + column.gap)}" y="18">${title}</text>`,
        )}
        ${wires(placed)} ${placed.map((each) => boxOf(each, report.changes))}
      </svg>
    </div>
  </section>`;
}

function laneOf(type: string): string {
  return lanes.find(({ types }) => types.includes(type))?.title ?? others;
}

/** From each part to those of the next column: how traffic goes, roughly. */
function wires(placed: readonly Placed[]): Html[] {
  return placed.flatMap((from) =>
    placed
      .filter(
        (to) =>
          to.lane === from.lane + 1 &&
          laneOf(to.component.type) !== others &&
          // Sites keep nothing: what they ask is asked of an origin.
          (laneOf(to.component.type) !== "Data" || from.component.type === "AppOrigin"),
      )
      .map((to) => {
        const [x1, y1] = [from.x + box.width, from.y + box.height / 2];
        const [x2, y2] = [to.x, to.y + box.height / 2];
        const middle = (x1 + x2) / 2;
        return html`<path class="wire" d="M${x1} ${y1}C${middle} ${y1} ${middle} ${y2} ${x2} ${y2}" />`;
      }),
  );
}

function boxOf({ component, x, y }: Placed, changes: readonly Change[]): Html {
  const own = changes.filter((change) => change.component === component.key);
  const counted = operations
    .map((operation) => [operation, countOf(own, operation)] as const)
    .filter(([, count]) => count > 0);
  const level = (["danger", "warning"] as const).find((each) => own.some((change) => worst(change) === each));
  const words = counted.map(([operation, count]) => `${count} to ${verbs[operation].plan}`);
  const label = [
    component.title,
    component.state === "same" ? "unchanged" : component.state,
    ...words,
    ...(level === undefined ? [] : [level]),
  ].join(", ");
  return html`<a href="#${anchorOf(component)}" aria-label="${label}">
    <g class="box ${component.state} ${level ?? ""}" transform="translate(${x} ${y})">
      <title>${component.title}</title>
      <rect width="${box.width}" height="${box.height}" rx="10" />
      <text class="name" x="14" y="28">${cutEnd(component.title, 24)}</text>
      <text class="signs" x="14" y="54">
        ${
          counted.length === 0
            ? html`<tspan class="same">${component.unchanged} unchanged</tspan>`
            : counted.map(
                ([operation, count]) =>
                  html`<tspan class="${operation}" dx="${operation === counted[0]?.[0] ? 0 : 12}"
                    >${verbs[operation].sign}${count}</tspan
                  >`,
              )
        }
      </text>
      ${level !== undefined && html`<text class="level ${level}" x="${box.width - 14}" y="54">${level}</text>`}
    </g></a
  >`;
}

function countOf(changes: readonly Change[], operation: Operation): number {
  return changes.filter((change) => change.operation === operation && !change.isComponent).length;
}

export function anchorOf({ key }: Pick<Component, "key">): string {
  return `part-${key === "" ? "itself" : Buffer.from(key, "utf8").toString("hex")}`;
}
