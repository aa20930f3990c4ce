import type { StoredObject } from "./bucket-files";

export interface ListRequest {
  readonly prefix: string;
  readonly delimiter: string;
  /** Only what comes after this key or common prefix. */
  readonly after: string;
  /** 0 to 1000. */
  readonly most: number;
}

export interface ListPage {
  readonly objects: readonly StoredObject[];
  readonly commonPrefixes: readonly string[];
  /** The last entry of the page, where more follows. */
  readonly next: string | undefined;
}

/**
 * One page of a listing. Keys that have the delimiter after the prefix are rolled up into common prefixes.
 *
 * @param sorted objects in the order of their keys' bytes
 */
export function listPage(
  sorted: readonly StoredObject[],
  { prefix, delimiter, after, most }: ListRequest,
): ListPage {
  const objects: StoredObject[] = [];
  const commonPrefixes: string[] = [];
  let last = "";
  for (const object of sorted) {
    const { key } = object;
    if (!key.startsWith(prefix)) continue;
    const at = delimiter === "" ? -1 : key.indexOf(delimiter, prefix.length);
    const entry = at < 0 ? key : key.slice(0, at + delimiter.length);
    if (after !== "" && Buffer.compare(Buffer.from(entry), Buffer.from(after)) <= 0) continue;
    if (at >= 0 && commonPrefixes.at(-1) === entry) continue;
    if (objects.length + commonPrefixes.length === most)
      return { objects, commonPrefixes, next: most === 0 ? undefined : last };
    if (at < 0) objects.push(object);
    else commonPrefixes.push(entry);
    last = entry;
  }
  return { objects, commonPrefixes, next: undefined };
}
