import {
  isAlias,
  isCollection,
  isMap,
  isNode,
  isPair,
  isScalar,
  isSeq,
  type Document,
  type Node,
} from "yaml";

/** A place in a file: keys from the top, numbers into lists. */
export type Place = readonly (string | number)[];

/** What a file says by Compose's own tags, and its content without them. */
export interface TaggedContent {
  readonly content: unknown;
  /** Places whose value in the files before is dropped: `!reset` leaves nothing there, `!override` what follows. */
  readonly dropped: readonly Place[];
}

/**
 * Reads `!override` and `!reset` out of a parsed file. The document is changed: what is reset is gone from it.
 *
 * @example `ports: !reset []` drops the ports of the file before; `networks: !override [a]` puts others in their place.
 */
export function readTags(document: Document.Parsed): TaggedContent {
  const dropped: Place[] = [];
  const visit = (node: unknown, place: Place): "keep" | "reset" => {
    if (!isNode(node) || isAlias(node)) return "keep";
    const tag = node.tag;
    if (tag === "!reset" || tag === "!override") {
      dropped.push(place);
      if (tag === "!reset") return "reset";
      untag(node);
    }
    if (isMap(node)) {
      node.items = node.items.filter((pair) => {
        const key = isScalar(pair.key) ? String(pair.key.value) : String(pair.key);
        return !isPair(pair) || visit(pair.value, [...place, key]) === "keep";
      });
    } else if (isSeq(node)) {
      node.items = node.items.filter((item, index) => visit(item, [...place, index]) === "keep");
    }
    return "keep";
  };
  if (visit(document.contents, []) === "reset") return { content: {}, dropped: [[]] };
  // Known tags are no mistake; the parser only warns of them.
  return { content: document.toJS() as unknown, dropped };
}

/** A tagged node is typed by its tag alone; without one, a collection is what it looks like. */
function untag(node: Node & { tag?: string | undefined }): void {
  if (isCollection(node) || isScalar(node)) delete node.tag;
}

/** A copy of a tree without the values at the places. Lists in the way are left alone: Compose drops whole keys. */
export function without(tree: unknown, places: readonly Place[]): unknown {
  return places.reduce<unknown>((node, place) => drop(node, place), tree);
}

function drop(node: unknown, [first, ...rest]: Place): unknown {
  if (first === undefined) return undefined;
  if (node === null || typeof node !== "object" || Array.isArray(node)) return node;
  const { [first]: below, ...others } = node as Record<string, unknown>;
  if (!(first in node) || rest.length === 0) return others;
  return { ...others, [first]: drop(below, rest) };
}
