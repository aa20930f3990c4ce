import { fitName, slug } from "../shared/names";
import { isPlain } from "../shared/validation";
import type { ZoneRecord } from "../zone-baseline";

/** A record, the part of its resource's name that tells it from others, and those that a state may know it by. */
export interface NamedRecord {
  readonly record: ZoneRecord;
  readonly key: string;
  readonly aliases: readonly string[];
}

/**
 * An only address of a name, and a CNAME, have that name's key and change where they stand. Of several addresses each is
 * named by its own: by its place it would be written over another one that is still there when that is taken out or moved.
 *
 * A CNAME may take the place of an address, and an address that of a CNAME: Cloudflare refuses either beside the other.
 */
export function recordNames(records: readonly ZoneRecord[]): readonly NamedRecord[] {
  return records.map((record) => {
    const { name, type } = record;
    const alone = keyOf(type, name);
    const own = isPlain(record.content) ? `${alone}-${fitName(slug(record.content), 40)}` : alone;
    if (type === "CNAME") return { record, key: alone, aliases: [keyOf("A", name), keyOf("AAAA", name)] };
    if (!isAddress(record)) return { record, key: own, aliases: [] };
    const addresses = records.filter((other) => other.name === name && isAddress(other));
    const replaced = addresses[0] === record ? [keyOf("CNAME", name)] : [];
    const all = addresses.filter((other) => other.type === type);
    if (all.length === 1)
      return { record, key: alone, aliases: [...(own === alone ? [] : [own]), ...replaced] };
    // The first one had that key before, and has it where it was the only one.
    const isFirst = all[0] === record && all.every(({ content }) => isPlain(content));
    return { record, key: own, aliases: [...(isFirst ? [alone] : []), ...replaced] };
  });
}

export function isAddress({ type }: ZoneRecord): boolean {
  return type === "A" || type === "AAAA";
}

function keyOf(type: ZoneRecord["type"], name: string): string {
  return `${type.toLowerCase()}-${name}`;
}
