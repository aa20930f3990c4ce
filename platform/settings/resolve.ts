import { isAddress } from "./addresses";
import { isHostname } from "./hostnames";
import type { Complaint } from "./schema/field";

/** One entry of `groundwork:resolve`: connections to `host:port` go to `address:targetPort`. */
export interface ResolveEntry {
  /** A host name, or an address without brackets. */
  readonly host: string;
  readonly port: number;
  /** An address without brackets. */
  readonly address: string;
  readonly targetPort: number;
}

const ENTRY = /^(\[[^\]]*\]|[^:[\]]*):(\d*):(\[[^\]]*\]|[^:[\]]*):(\d*)$/;
const ALLOWED = "host:port:address:port, with IPv6 addresses in brackets: 203.0.113.10:22:127.0.0.1:2222";

/** Reads `host:port:address:port`; undefined where it is malformed ({@link complainAboutResolve} says why). */
export function parseResolve(text: string): ResolveEntry | undefined {
  const found = ENTRY.exec(text);
  if (found === null) return undefined;
  const [, host = "", port = "", address = "", targetPort = ""] = found;
  return {
    host: withoutBrackets(host),
    port: Number(port),
    address: withoutBrackets(address),
    targetPort: Number(targetPort),
  };
}

export function complainAboutResolve(text: string): Complaint | undefined {
  const entry = parseResolve(text);
  if (entry === undefined) {
    const colons = text.replace(/\[[^\]]*\]/g, "").split(":").length - 1;
    const what =
      colons > 3
        ? "too many colons: an IPv6 address needs brackets"
        : "this is not of the form host:port:address:port";
    return { what, allowed: ALLOWED };
  }
  for (const [name, port] of [
    ["first", entry.port],
    ["second", entry.targetPort],
  ] as const) {
    if (port < 1 || port > 65535)
      return { what: `the ${name} port is not from 1 to 65535`, allowed: ALLOWED };
  }
  if (!isAddress(entry.host) && !isHostname(entry.host) && entry.host !== "localhost") {
    return { what: "what stands first is neither a host name nor an address", allowed: ALLOWED };
  }
  if (!isAddress(entry.address)) {
    return { what: "what stands third is not an IP address", allowed: ALLOWED };
  }
  return undefined;
}

function withoutBrackets(text: string): string {
  return text.startsWith("[") ? text.slice(1, -1) : text;
}
