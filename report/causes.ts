import type { Report } from "./model";
import { type ResourceChange, goes } from "./resource-change";
import { stepOf } from "./words";
import { shown } from "./values";

/** Why a resource is replaced or deleted; undefined for all else. */
export function causeOf(
  change: ResourceChange,
  all: readonly ResourceChange[],
  kind: Report["kind"],
): string | undefined {
  if (change.operation === "replace") return replacementCause(change, all);
  if (change.operation !== "delete") return undefined;
  if (change.leftover) return "the old one of an earlier replacement that was cut short";
  if (kind === "destroy") return "the environment is destroyed";
  if (kind === "refresh" || kind === "drift") return "it is not there any more";
  const successor = all.find((other) => isSuccessor(other, change));
  const cause = "it is not described any more";
  return successor === undefined
    ? cause
    : `${cause}; ${successor.name} of the same kind is made: a rename without an alias looks like this`;
}

function isSuccessor(other: ResourceChange, gone: ResourceChange): boolean {
  return (
    other.operation === "create" &&
    other.type === gone.type &&
    !other.isComponent &&
    stepOf(other) === stepOf(gone) &&
    other.name !== gone.name &&
    sameIdentity(other, gone)
  );
}

/** Two of a kind with a telling input in common: then one is probably the other under a new name. */
function sameIdentity(one: ResourceChange, other: ResourceChange): boolean {
  return ["name", "domain", "bucketName", "settingId", "hostnames"].some((member) => {
    const mine = one.after?.[member];
    const theirs = other.before?.[member];
    if (mine === undefined || theirs === undefined) return false;
    // Every deletion is held against every creation: what are texts mostly is not written out for that.
    return typeof mine === "string" || typeof theirs === "string"
      ? mine === theirs
      : shown(mine) === shown(theirs);
  });
}

function replacementCause(change: ResourceChange, all: readonly ResourceChange[]): string {
  const keys = change.replaceKeys.filter((key) => key !== "provider");
  const order = change.deletedFirst ? "; the old one goes before the new one is there" : "";
  if (keys.length === 0) {
    if (change.replaceKeys.length > 0) return `its provider changes${order}`;
    const above = all.some(
      (other) => other !== change && other.operation === "replace" && other.replaceKeys.length > 0,
    );
    return `${above ? "something it depends on is replaced" : "it was asked to be replaced"}${order}`;
  }
  const named = keys.slice(0, 3).map((key) => {
    const before = change.before?.[key];
    const after = change.after?.[key];
    if (before === undefined || after === undefined) return key;
    return `${key} (${shown(before)} → ${shown(after)})`;
  });
  const rest = keys.length > 3 ? ` and ${keys.length - 3} more` : "";
  return `${named.join(", ")}${rest} cannot be changed in place${order}`;
}

/** What else a reader should know of a change. */
export function noteOf(change: ResourceChange, all: readonly ResourceChange[]): string | undefined {
  if (goes(change) && change.protected)
    return "it is protected: the run is refused until the protection is taken off";
  if (change.operation === "delete" && change.retained)
    return "it stays where it is; only the management ends";
  if (change.operation === "delete" && stepOf(change) !== undefined) {
    return "what it did on the host stays there; it only is not done again";
  }
  if (change.operation === "delete" && change.kind === "ZoneSetting") {
    return "the zone keeps its present value: Cloudflare has no delete for settings";
  }
  if (change.operation === "delete" && change.kind === "R2BucketLifecycle" && !bucketGoes(change, all)) {
    return "the rules stay at Cloudflare, which has no delete for them, and go on deleting objects: lifecycle: [] ends them";
  }
  return undefined;
}

function bucketGoes({ before }: ResourceChange, all: readonly ResourceChange[]): boolean {
  return all.some(
    (other) => other.kind === "R2Bucket" && goes(other) && other.before?.["name"] === before?.["bucketName"],
  );
}
