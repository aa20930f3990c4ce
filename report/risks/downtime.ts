import type { Risk } from "../model";
import { type ResourceChange, goes } from "../resource-change";
import { textAt } from "../values";
import { stepOf } from "../words";
import type { RiskRule } from "./rule";

/** What traffic goes through, and what is behind it then. */
const inTheWay: Readonly<Record<string, (change: ResourceChange) => string>> = {
  ZeroTrustTunnelCloudflared: () => "nothing behind the tunnel answers",
  ZeroTrustTunnelCloudflaredConfig: () => "nothing behind the tunnel answers",
  PagesProject: () => "the site does not answer",
  PagesDomain: ({ before }) => `${textAt(before, "name") ?? "its host name"} does not answer`,
  R2CustomDomain: ({ before }) => `${textAt(before, "domain") ?? "the bucket's domain"} does not answer`,
};

export const downtime: RiskRule = (change) => {
  const risk = (level: Risk["level"], text: string): Risk[] => [{ kind: "downtime", level, text }];
  const { kind, operation } = change;
  const answers = inTheWay[kind];
  if (answers !== undefined && goes(change)) {
    const until = operation === "replace" ? " until the new one is there" : " any more";
    return risk(operation === "replace" ? "warning" : "danger", `${answers(change)}${until}`);
  }
  if (kind === "DnsRecord" && goes(change) && leads(change)) {
    const name = textAt(change.before, "name") ?? change.name;
    return operation === "replace"
      ? risk("warning", `${name} may not be found until the new record is there`)
      : risk("danger", `${name} is not found any more`);
  }
  if (kind === "Instance" || kind === "Server" || kind === "Droplet") {
    if (goes(change)) return risk("danger", "everything on this machine stops");
  }
  if (isContainer(change) && goes(change)) return risk("warning", "the container stops");
  const step =
    operation === "create" || operation === "update" || operation === "replace" ? stepOf(change) : undefined;
  if (operation === "create") return [];
  if (step === "rollout") {
    return risk(
      "notice",
      "the release is replaced: services that are not start-first stop for the time of their start",
    );
  }
  if (step === "database") return risk("warning", "the database may be restarted");
  if (step === "proxy")
    return risk("notice", "the proxy takes its new configuration; a new image restarts it");
  if (
    kind === "RandomPassword" &&
    operation === "replace" &&
    change.componentType === "PostgresWithAppUser"
  ) {
    return risk("warning", "the database gets a new password; connections with the old one are refused");
  }
  return [];
};

function leads({ before }: ResourceChange): boolean {
  return ["A", "AAAA", "CNAME"].includes(textAt(before, "type") ?? "");
}

function isContainer({ type, kind }: ResourceChange): boolean {
  return type.startsWith("docker:") && (kind === "Container" || kind === "Service");
}
