import { isMap, isScalar, type Pair, parseDocument, stringify, type YAMLMap } from "yaml";
import { UserError } from "../common/user-error";

/** What can be written: texts of one line. */
export type PlainValue = number | boolean | string;

/** As it stands in a file, in quotes where it must be. */
function written(value: PlainValue): string {
  return stringify(value, { lineWidth: 0 }).trimEnd();
}

/**
 * Writes one plain value into a stack file's config and leaves every other character as it is.
 *
 * @param path such as `["groundwork:databases", "main", "passwordVersion"]`; all but the last must be there
 * @param value undefined takes the key away
 * @throws UserError where the file is written in a way that this does not change
 * @example
 * editStackFile(text, ["groundwork:databases", "main", "passwordVersion"], 2);
 */
export function editStackFile(text: string, path: readonly string[], value: PlainValue | undefined): string {
  const document = parseDocument(text);
  const parent = path.slice(0, -1).reduce<YAMLMap | undefined>(
    (map, key) => {
      const found: unknown = map?.get(key);
      return isMap(found) ? found : undefined;
    },
    isMap(document.get("config")) ? (document.get("config") as YAMLMap) : undefined,
  );
  const key = path.at(-1) ?? "";
  if (document.errors.length > 0 || parent === undefined || parent.items.length === 0)
    return refused(path, value);
  const pair = parent.items.find((item) => isScalar(item.key) && item.key.value === key);
  const edited = pair === undefined ? added(text, parent, key, value) : changed(text, pair, value);
  const check: unknown = edited === undefined ? undefined : parseDocument(edited).getIn(["config", ...path]);
  if (edited === undefined || check !== value) return refused(path, value);
  return edited;
}

function changed(text: string, pair: Pair, value: PlainValue | undefined): string | undefined {
  if (!isScalar(pair.key) || !isScalar(pair.value)) return undefined;
  const [start, end] = [pair.value.range?.[0], pair.value.range?.[1]];
  const from = pair.key.range?.[0];
  if (start === undefined || end === undefined || from === undefined) return undefined;
  if (value !== undefined) return text.slice(0, start) + written(value) + text.slice(end);
  const lineStart = text.lastIndexOf("\n", from) + 1;
  const lineEnd = text.indexOf("\n", end);
  // Only a line of its own can go.
  if (text.slice(lineStart, from).trim() !== "" || !/^\s*(#.*)?$/.test(text.slice(end, lineEnd)))
    return undefined;
  return text.slice(0, lineStart) + text.slice(lineEnd + 1);
}

function added(
  text: string,
  parent: YAMLMap,
  key: string,
  value: PlainValue | undefined,
): string | undefined {
  if (value === undefined) return text;
  const [first] = parent.items;
  const at = isScalar(first?.key) ? first.key.range?.[0] : undefined;
  if (at === undefined) return undefined;
  if (parent.flow === true) return `${text.slice(0, at)}${key}: ${written(value)}, ${text.slice(at)}`;
  const indent = text.slice(text.lastIndexOf("\n", at) + 1, at);
  if (indent.trim() !== "") return undefined;
  return `${text.slice(0, at)}${key}: ${written(value)}\n${indent}${text.slice(at)}`;
}

function refused(path: readonly string[], value: PlainValue | undefined): never {
  throw new UserError({
    what: "the stack file is written in a way that this command does not change",
    value: path.join("."),
    allowed: `${path[0] ?? ""} as a map of YAML, its entries too`,
    next:
      value === undefined
        ? `take ${path.at(-1) ?? ""} out by hand`
        : `write ${path.at(-1) ?? ""}: ${written(value)} by hand`,
  });
}
