import { BlockList, isIP, isIPv6 } from "node:net";

const loopback = new BlockList();
loopback.addSubnet("127.0.0.0", 8, "ipv4");
loopback.addAddress("::1", "ipv6");

const inside = new BlockList();
for (const [network, prefix] of [
  ["0.0.0.0", 8],
  ["10.0.0.0", 8],
  ["100.64.0.0", 10],
  ["169.254.0.0", 16],
  ["172.16.0.0", 12],
  ["192.168.0.0", 16],
  ["224.0.0.0", 3],
] as const) {
  inside.addSubnet(network, prefix, "ipv4");
}
inside.addSubnet("fc00::", 7, "ipv6");
inside.addSubnet("fe80::", 10, "ipv6");
inside.addSubnet("ff00::", 8, "ipv6");
inside.addAddress("::", "ipv6");

export function isAddress(value: string): boolean {
  return isIP(value) !== 0;
}

export function isLoopback(address: string): boolean {
  return isAddress(address) && loopback.check(address, family(address));
}

/** Can the address be reached from the Internet? Documentation ranges count as public: they stand for real ones. */
export function isPublicAddress(address: string): boolean {
  if (!isAddress(address)) return false;
  return !loopback.check(address, family(address)) && !inside.check(address, family(address));
}

function family(address: string): "ipv4" | "ipv6" {
  return isIPv6(address) ? "ipv6" : "ipv4";
}

/** `host:port` as people write it: an IPv6 address in brackets. */
export function hostAndPort(host: string, port: number): string {
  return isIPv6(host) ? `[${host}]:${port}` : `${host}:${port}`;
}

/** The shortest spelling of an IPv6 address (RFC 5952); other text as it is. */
export function canonicalAddress(address: string): string {
  if (!isIPv6(address)) return address;
  return new URL(`http://[${address}]/`).hostname.slice(1, -1);
}
