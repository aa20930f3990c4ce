import type { Risk } from "../model";
import type { ResourceChange } from "../resource-change";
import { type Value, hidden, isValues, listAt, shown, textAt } from "../values";
import { isForPublicPaths, protectedPlaces } from "../words";
import type { RiskRule } from "./rule";

type Rate = (level: Risk["level"], text: string) => Risk[];
type KindRule = (change: ResourceChange, risk: Rate) => readonly Risk[];

export const accessOpened: RiskRule = (change) => {
  const risk: Rate = (level, text) => [{ kind: "access opened", level, text }];
  return byKind[change.kind]?.(change, risk) ?? [];
};

const byKind: Readonly<Record<string, KindRule | undefined>> = {
  ZeroTrustAccessApplication: application,
  ZeroTrustAccessPolicy: policy,
  ZeroTrustAccessServiceToken: (change, risk) =>
    change.operation === "create" ? risk("notice", "whoever has the token comes past the login") : [],
  DnsRecord: proxied,
  R2ManagedDomain: (change, risk) =>
    change.after?.["enabled"] === true && change.before?.["enabled"] !== true
      ? risk(
          "danger",
          `everybody can read ${textAt(change.after, "bucketName") ?? "the bucket"} at its r2.dev address`,
        )
      : [],
  R2CustomDomain: (change, risk) =>
    change.operation === "create" ||
    (change.after?.["enabled"] === true && change.before?.["enabled"] === false)
      ? risk("warning", `everybody can read the bucket at ${textAt(change.after, "domain") ?? "its domain"}`)
      : [],
  R2BucketCors: (change, risk) =>
    change.after !== undefined && holdsStar(change.after["rules"]) && !holdsStar(change.before?.["rules"])
      ? risk("warning", "pages of any origin may use the bucket")
      : [],
  AccountToken: token,
  ApiToken: token,
  Ruleset: firewall,
  ZoneSetting: zoneSetting,
  ZeroTrustTunnelCloudflaredConfig: tunnelRoutes,
};

/** Destinations that are behind a login before, and not after. */
function application(change: ResourceChange, risk: Rate): readonly Risk[] {
  const [before, after] = [protectedPlaces(change.before), protectedPlaces(change.after)];
  if (isForPublicPaths(change)) {
    const opened = after.filter((place) => !before.includes(place));
    if (opened.length === 0 || change.operation === "delete") return [];
    return risk(
      change.operation === "create" ? "warning" : "danger",
      `without a login: ${opened.join(", ")}`,
    );
  }
  if (change.operation === "create") return [];
  const left = change.retained ? [] : before.filter((place) => !after.includes(place));
  if (left.length > 0) return risk("danger", `nobody has to log in any more at ${left.join(", ")}`);
  const [old, wanted] = [change.before?.["policies"], change.after?.["policies"]];
  if (change.operation === "replace")
    return risk("warning", "while it is replaced nothing may ask for the login");
  if (change.changed.has("policies") && old !== undefined && wanted !== undefined) {
    return risk("warning", "other policies decide who comes in");
  }
  return [];
}

function policy(change: ResourceChange, risk: Rate): readonly Risk[] {
  const [before, after] = [textAt(change.before, "decision"), textAt(change.after, "decision")];
  if (after === "bypass" && before !== "bypass") {
    return change.operation === "create"
      ? risk("warning", "what it is attached to needs no login")
      : risk("danger", "what it is attached to needs no login any more");
  }
  if (
    change.operation === "update" &&
    (change.changed.has("includes") || change.changed.has("excludes") || change.changed.has("requires"))
  ) {
    const everyone = /everyone/.test(shownOrNothing(change.after?.["includes"]));
    const wasEveryone = /everyone/.test(shownOrNothing(change.before?.["includes"]));
    if (everyone && !wasEveryone) return risk("danger", "everyone comes in");
    return risk("warning", "others come in than before");
  }
  return [];
}

function proxied(change: ResourceChange, risk: Rate): readonly Risk[] {
  if (change.before?.["proxied"] !== true || change.after?.["proxied"] !== false) return [];
  const name = textAt(change.after, "name") ?? change.name;
  return risk(
    "danger",
    `${name} shows the address behind it, and traffic does not pass Cloudflare's login and firewall any more`,
  );
}

function token(change: ResourceChange, risk: Rate): readonly Risk[] {
  if (change.operation === "create")
    return risk("notice", "a new token may act on the account, as its policies say");
  if (change.operation === "update" && change.changed.has("policies"))
    return risk("warning", "the token may do other things than before");
  return [];
}

function firewall(change: ResourceChange, risk: Rate): readonly Risk[] {
  const phase = textAt(change.before ?? change.after, "phase");
  if (phase !== "http_request_firewall_custom" && phase !== "http_ratelimit") return [];
  const what = phase === "http_ratelimit" ? "rate limit" : "firewall rules";
  if (change.operation === "delete")
    return risk("danger", `the ${what} are gone`.replace("limit are", "limit is"));
  const removed = listAt(change.before, "rules").length > listAt(change.after, "rules").length;
  return change.operation === "update" && removed ? risk("warning", `fewer ${what} than before`) : [];
}

/** Settings that protect while they have one of these values. */
const protectiveValues: Readonly<Record<string, readonly string[] | undefined>> = {
  always_use_https: ["on"],
  tls_client_auth: ["on"],
  browser_check: ["on"],
};

function zoneSetting(change: ResourceChange, risk: Rate): readonly Risk[] {
  const id = textAt(change.after, "settingId") ?? "";
  const good = protectiveValues[id];
  const [before, after] = [textAt(change.before, "value"), textAt(change.after, "value")];
  if (good === undefined || before === undefined || after === undefined) return [];
  return good.includes(before) && !good.includes(after)
    ? risk("danger", `${id} does not protect any more`)
    : [];
}

function tunnelRoutes(change: ResourceChange, risk: Rate): readonly Risk[] {
  if (change.operation !== "update") return [];
  const hosts = (values: ResourceChange["after"]): string[] => {
    const config = values?.["config"];
    return listAt(isValues(config) ? config : undefined, "ingresses").flatMap((rule) => {
      const hostname = isValues(rule) ? textAt(rule, "hostname") : undefined;
      return hostname === undefined ? [] : [hostname];
    });
  };
  const before = hosts(change.before);
  const opened = hosts(change.after).filter((host) => !before.includes(host));
  return opened.length === 0 ? [] : risk("warning", `reachable from the internet: ${opened.join(", ")}`);
}

function holdsStar(value: Value | undefined): boolean {
  if (value === "*") return true;
  if (Array.isArray(value)) return (value as readonly Value[]).some(holdsStar);
  return isValues(value) ? Object.values(value).some(holdsStar) : false;
}

function shownOrNothing(value: Value | undefined): string {
  return value === undefined || value === hidden ? "" : shown(value);
}
