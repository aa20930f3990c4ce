import { type Report, type Risk, riskLevels } from "../model";
import type { ResourceChange } from "../resource-change";
import { accessOpened } from "./access-opened";
import { certificate } from "./certificate";
import { dataLoss } from "./data-loss";
import { dns } from "./dns";
import { downtime } from "./downtime";
import type { RiskRule } from "./rule";

const rules: readonly RiskRule[] = [dataLoss, downtime, accessOpened, certificate, dns];

/** All risks of a change, the worst first. Drift has happened already and risks nothing more. */
export function risksOf(change: ResourceChange, kind: Report["kind"]): Risk[] {
  if (change.isComponent) return [];
  return rules
    .flatMap((rule) => rule(change, kind))
    .sort((one, other) => riskLevels.indexOf(one.level) - riskLevels.indexOf(other.level));
}
