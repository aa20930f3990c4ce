import { createHash } from "node:crypto";
import { join } from "node:path";
import { readJson, withFileLock, writeJson } from "../files";
import type { HostLayout } from "../layout";

/** names.json: who is in which network, and under which loopback address. */
export interface NameTable {
  /** Network -> name -> its address, or several where services of several projects share the name. */
  readonly networks: Readonly<Record<string, NetworkNames>>;
  /** `<project>/<service>` -> address; kept, so that a service comes back under the same one. */
  readonly addresses: Readonly<Record<string, string>>;
}

export type NetworkNames = Readonly<Record<string, string | readonly string[]>>;

/** Addresses of a name, newest last. */
export function addressesIn(names: NetworkNames, name: string): readonly string[] {
  return Object.hasOwn(names, name) ? [names[name] ?? []].flat() : [];
}

export function namesFile(layout: HostLayout): string {
  return join(layout.directory, "names.json");
}

export function readNames(layout: HostLayout): NameTable {
  return readJson<NameTable>(namesFile(layout)) ?? { networks: {}, addresses: {} };
}

/**
 * The service's own loopback address. Linux answers on all of 127.0.0.0/8: each sandbox takes one /24 of
 * 127.64.0.0/10 by the hash of its folder, each service one address in it.
 */
export async function allocateAddress(layout: HostLayout, owner: string): Promise<string> {
  return withFileLock(namesFile(layout), () => {
    const table = readNames(layout);
    const known = table.addresses[owner];
    if (known !== undefined) return known;
    const [high = 0, low = 0] = createHash("sha256").update(layout.directory).digest();
    const taken = new Set(Object.values(table.addresses));
    for (let last = 1; last < 255; last++) {
      const address = `127.${64 + (high % 64)}.${low}.${last}`;
      if (taken.has(address)) continue;
      writeJson(namesFile(layout), { ...table, addresses: { ...table.addresses, [owner]: address } }, 0o644);
      return address;
    }
    throw new Error("the sandbox has no free loopback address left for a service (254 at most)");
  });
}

/** Enters a service's names in its networks. */
export async function registerNames(
  layout: HostLayout,
  address: string,
  names: ReadonlyMap<string, readonly string[]>,
): Promise<void> {
  await changeNames(layout, (table) => {
    const networks = withoutAddress(table.networks, address);
    for (const [network, list] of names) {
      const others = networks[network] ?? {};
      const added = list.map((name) => [name, oneOrMore([...addressesIn(others, name), address])] as const);
      networks[network] = { ...others, ...Object.fromEntries(added) };
    }
    return { ...table, networks };
  });
}

/** Takes a service out of all networks; `forget` gives its address back as well. */
export async function unregisterNames(
  layout: HostLayout,
  address: string,
  { forget = false } = {},
): Promise<void> {
  await changeNames(layout, (table) => ({
    networks: withoutAddress(table.networks, address),
    addresses: forget
      ? Object.fromEntries(Object.entries(table.addresses).filter(([, held]) => held !== address))
      : table.addresses,
  }));
}

export async function addNetwork(layout: HostLayout, network: string): Promise<void> {
  await changeNames(layout, (table) => ({ ...table, networks: { [network]: {}, ...table.networks } }));
}

export async function removeNetwork(layout: HostLayout, network: string): Promise<void> {
  await changeNames(layout, ({ networks, addresses }) => ({
    networks: Object.fromEntries(Object.entries(networks).filter(([name]) => name !== network)),
    addresses,
  }));
}

async function changeNames(layout: HostLayout, change: (table: NameTable) => NameTable): Promise<void> {
  await withFileLock(namesFile(layout), () => {
    const before = readNames(layout);
    const after = change(before);
    if (JSON.stringify(after) !== JSON.stringify(before)) writeJson(namesFile(layout), after, 0o644);
  });
}

function withoutAddress(networks: NameTable["networks"], address: string): Record<string, NetworkNames> {
  const left = (names: NetworkNames): NetworkNames =>
    Object.fromEntries(
      Object.keys(names).flatMap((name) => {
        const others = addressesIn(names, name).filter((held) => held !== address);
        return others.length === 0 ? [] : [[name, oneOrMore(others)] as const];
      }),
    );
  return Object.fromEntries(Object.entries(networks).map(([network, names]) => [network, left(names)]));
}

function oneOrMore(addresses: readonly string[]): string | readonly string[] {
  const [only, ...more] = new Set(addresses);
  return more.length === 0 && only !== undefined ? only : [...new Set(addresses)];
}
