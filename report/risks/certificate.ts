import type { Risk } from "../model";
import { goes } from "../resource-change";
import { listAt, textAt } from "../values";
import type { RiskRule } from "./rule";

/** From weak to strong. */
const ranks: Readonly<Record<string, readonly string[] | undefined>> = {
  ssl: ["off", "flexible", "full", "strict"],
  min_tls_version: ["1.0", "1.1", "1.2", "1.3"],
};

export const certificate: RiskRule = (change) => {
  const risk = (level: Risk["level"], text: string): Risk[] => [{ kind: "certificate", level, text }];
  const { kind, operation, before, after } = change;
  if (kind === "OriginCaCertificate") {
    const names = listAt(before, "hostnames")
      .filter((name) => typeof name === "string")
      .join(", ");
    if (operation === "delete" && goes(change)) {
      return risk(
        "danger",
        `Cloudflare refuses the host's certificate for ${names || "its names"} once it is revoked`,
      );
    }
    if (operation === "replace")
      return risk("warning", `the host gets a new certificate for ${names || "its names"}`);
    return [];
  }
  if (/certificate(?:pack|validation)?$/i.test(kind) && goes(change)) {
    return risk("danger", "visitors may see a certificate error");
  }
  if (kind === "ZoneSetting") {
    const id = textAt(after, "settingId") ?? "";
    const order = ranks[id];
    const [old, wanted] = [textAt(before, "value"), textAt(after, "value")];
    if (order === undefined || old === undefined || wanted === undefined || old === wanted) return [];
    return order.indexOf(wanted) < order.indexOf(old)
      ? risk("danger", `${id} becomes weaker: ${old} → ${wanted}`)
      : risk("warning", `${id} becomes stricter: what does not meet ${wanted} is refused`);
  }
  if (kind === "DnsRecord" && textAt(before ?? after, "type") === "CAA" && operation !== "create") {
    return risk("warning", "other authorities may issue certificates for the name");
  }
  return [];
};
