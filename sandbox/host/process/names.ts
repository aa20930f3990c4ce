import { createHash } from "node:crypto";
import { join } from "node:path";
import { readJson, withFileLock, writeJson } from "../files";
import type { HostLayout } from "../layout";

/** names.json: who is in which network, and under which loopback address. */
export interface NameTable {
  /** Network -> name -> address. */
  readonly networks: Readonly<Record<string, Readonly<Record<string, string>>>>;
  /** `<project>/<service>` -> address; kept, so that a service comes back under the same one. */
  readonly addresses: Readonly<Record<string, string>>;
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
      networks[network] = {
        ...networks[network],
        ...Object.fromEntries(list.map((name) => [name, address])),
      };
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

function withoutAddress(
  networks: NameTable["networks"],
  address: string,
): Record<string, Readonly<Record<string, string>>> {
  return Object.fromEntries(
    Object.entries(networks).map(([network, names]) => [
      network,
      Object.fromEntries(Object.entries(names).filter(([, held]) => held !== address)),
    ]),
  );
}
