import type * as pulumi from "@pulumi/pulumi";
import { isPlain } from "../shared/validation";

/** An address, the name of its record, and the names under which a state may know that already. */
export interface NamedAddress {
  readonly address: pulumi.Input<string>;
  readonly name: string;
  readonly aliases: readonly string[];
}

/**
 * Names of the records of one host name, in the order of its addresses. A name by the place in the list would be another
 * address's as soon as one is taken out or moved, and Cloudflare refuses to write an address that another record still has:
 * so each of several is named by what it is. An only one has the name alone, and is changed where it stands.
 *
 * @param record what they all begin with
 */
export function addressNames(
  record: string,
  addresses: readonly pulumi.Input<string>[],
): readonly NamedAddress[] {
  const byPlace = (index: number): string => (index === 0 ? record : `${record}-${index + 1}`);
  const plain = addresses.filter((address) => isPlain(address));
  // What is known only later cannot name anything.
  if (plain.length < addresses.length)
    return addresses.map((address, index) => ({ address, name: byPlace(index), aliases: [] }));
  return plain.map((address, index) => {
    // Without colons, of which two are what parts of a URN are told apart by.
    const own = `${record}-${address.toLowerCase().replaceAll(":", "-")}`;
    if (plain.length === 1) return { address, name: record, aliases: [own] };
    // All of them were named by their place once, and an only one goes on as the first.
    return { address, name: own, aliases: [byPlace(index)] };
  });
}
