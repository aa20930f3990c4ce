import type { ComposeOriginSettings, OriginSettings, TunnelOriginSettings } from "./schema/origins";

/**
 * An origin that runs on hosts, as one that runs on a single host: of a swarm it is the first one, which manages it and
 * has the databases and the releases. Undefined where it runs elsewhere.
 */
export function onHost(origin: OriginSettings): ComposeOriginSettings | TunnelOriginSettings | undefined {
  if (origin.kind === "external") return undefined;
  if (origin.kind !== "swarm") return origin;
  const { hosts, advertiseAddresses, ...rest } = origin;
  void advertiseAddresses;
  return { ...rest, kind: "compose", host: hosts[0] ?? "", ownCertificate: false };
}
