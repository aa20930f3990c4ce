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
 */
export function recordNames(records: readonly ZoneRecord[]): readonly NamedRecord[] {
  return records.map((record) => {
    const alone = `${record.type.toLowerCase()}-${record.name}`;
    const own = isPlain(record.content) ? `${alone}-${fitName(slug(record.content), 40)}` : alone;
    if (record.type === "CNAME") return { record, key: alone, aliases: [] };
    if (!isAddress(record)) return { record, key: own, aliases: [] };
    const all = records.filter(({ name, type }) => name === record.name && type === record.type);
    if (all.length === 1) return { record, key: alone, aliases: own === alone ? [] : [own] };
    // The first one had that key before, and has it where it was the only one.
    const isFirst = all[0] === record && all.every(({ content }) => isPlain(content));
    return { record, key: own, aliases: isFirst ? [alone] : [] };
  });
}

export function isAddress({ type }: ZoneRecord): boolean {
  return type === "A" || type === "AAAA";
}
