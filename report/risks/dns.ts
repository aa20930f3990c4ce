import type { Risk } from "../model";
import { goes } from "../resource-change";
import { textAt } from "../values";
import type { RiskRule } from "./rule";

export const dns: RiskRule = (change) => {
  const risk = (level: Risk["level"], text: string): Risk[] => [{ kind: "DNS", level, text }];
  if (change.kind === "ZoneDnssec" && change.operation !== "create") {
    return risk(
      "danger",
      "a DS record at the registrar that does not match makes the whole domain unreachable",
    );
  }
  if (change.kind === "ZoneDnssec") return risk("notice", "the DS record has to be set at the registrar");
  if (change.kind === "Zone" && goes(change)) return risk("danger", "every name of the domain is lost");
  if (change.kind !== "DnsRecord") return [];
  const name = textAt(change.before ?? change.after, "name") ?? change.name;
  const type = textAt(change.before ?? change.after, "type") ?? "";
  if (change.operation === "create") return risk("notice", `${name} becomes known`);
  if (change.operation === "delete" && goes(change)) {
    if (type === "MX") return risk("danger", `mail for ${name} may not arrive any more`);
    if (type === "NS") return risk("danger", `everything below ${name} may be lost`);
    return risk("warning", `resolvers may remember the old ${type} record of ${name} for its time to live`);
  }
  if (change.operation === "replace") return risk("warning", `${type} ${name} is replaced`);
  if (change.operation === "update" && (change.changed.has("content") || change.changed.has("data"))) {
    if (type === "MX") return risk("warning", `mail for ${name} goes elsewhere`);
    return risk("warning", `${name} leads elsewhere`);
  }
  return [];
};
