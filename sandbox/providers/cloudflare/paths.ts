import { isUnknown, type Value, type Values } from "../values";
import type { ResourceTable } from "./table";

/** The properties that stand in the paths: they say where, and are no part of a body. */
export function placeholders(table: ResourceTable): Set<string> {
  // Of the create only: a later `/projects/{name}` does not make the name less of a property.
  const names = [...table.create.matchAll(/\{(\w+)\}/g)].map(([, name]) => name!);
  return new Set(names.flatMap((name) => (name === "scope" ? ["accountId", "zoneId"] : [name])));
}

/** @throws Error when a part of the path is not known */
export function fillPath(template: string, state: Values, owner: string): string {
  return template.replace(/\{(\w+)\}/g, (_, name: string) => {
    if (name === "scope") return scopeOf(state, owner);
    const value = state[name];
    if (typeof value !== "string" || value === "" || isUnknown(value)) {
      throw new Error(`${owner} lacks ${name}, which is part of its address`);
    }
    return encodeURIComponent(value);
  });
}

function scopeOf(state: Values, owner: string): string {
  for (const [kind, value] of [
    ["accounts", state["accountId"]],
    ["zones", state["zoneId"]],
  ] as const) {
    if (typeof value === "string" && value !== "") return `${kind}/${encodeURIComponent(value)}`;
  }
  throw new Error(`${owner} needs accountId or zoneId`);
}

/** The resource's id. In a table `id` means the answer's, `scope` the account's or zone's. */
export function idOf(table: ResourceTable, state: Values, answer: Values, fallback?: string): string {
  const value: Value =
    table.id === "id"
      ? answer["id"]
      : table.id === "scope"
        ? (state["accountId"] ?? state["zoneId"])
        : state[table.id];
  if (typeof value === "string" && value !== "") return value;
  if (fallback !== undefined) return fallback;
  throw new Error(`the answer to the create of a ${table.name} has no ${table.id}`);
}

/** `zoneId/id` and `abc/def` -> `{zoneId: "abc", id: "def"}`; undefined when the number of parts differs. */
export function parseImportId(pattern: string, id: string): Values | undefined {
  const names = pattern.split("/");
  const parts = id.split("/");
  const values: Values = {};
  for (const name of names) {
    if (name === "scope") {
      const kind = parts.shift();
      const value = parts.shift();
      if ((kind !== "accounts" && kind !== "zones") || !value) return undefined;
      values[kind === "accounts" ? "accountId" : "zoneId"] = value;
      continue;
    }
    const value = parts.shift();
    if (!value) return undefined;
    values[name] = decodeURIComponent(value);
  }
  return parts.length === 0 ? values : undefined;
}

/** The import id with what is known filled in: `abc/<dns_record_id>`. */
export function importForm(pattern: string, known: Values): string {
  return pattern
    .split("/")
    .map((name) => {
      if (name === "scope") {
        if (typeof known["accountId"] === "string") return `accounts/${known["accountId"]}`;
        return typeof known["zoneId"] === "string"
          ? `zones/${known["zoneId"]}`
          : "<accounts|zones>/<account_id|zone_id>";
      }
      const value = known[name];
      return typeof value === "string"
        ? value
        : `<${name.replace(/[A-Z]/g, (one) => `_${one.toLowerCase()}`)}>`;
    })
    .join("/");
}
