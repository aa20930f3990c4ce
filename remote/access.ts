/** How a host is reached, with all values known. Without Pulumi: what only speaks SSH starts a second sooner. */
import type { Frames } from "./framing";
import type { ResolveOverride } from "./host";

export type { ResolveOverride };

/** The arguments of a RemoteHost with all values known: what a program that speaks SSH itself is handed. Secret. */
export interface HostAccess {
  readonly server: SshServer;
  /** A host to jump over. @default none */
  readonly jump?: SshServer | undefined;
  readonly directory?: string | undefined;
  readonly dockerPrefix?: string | undefined;
  readonly lockWaitSeconds?: number | undefined;
  readonly dialErrorLimit?: number | undefined;
  readonly perDialTimeout?: number | undefined;
}

/** An SSH server where it really is, by the overrides. */
export interface SshServer {
  /** Host name or address, IPv6 without brackets. */
  readonly address: string;
  readonly port: number;
  readonly user: string;
  readonly privateKey: string;
  readonly hostKey: string;
}

/** An SSH server whose values are all known, where it really is. */
export function sshServer(
  args: Omit<SshServer, "port"> & { readonly port?: number | undefined },
  resolve: readonly ResolveOverride[] = [],
): SshServer {
  const { user, privateKey, hostKey } = args;
  const place = resolvePlace(args.address, args.port ?? 22, resolve);
  return { ...place, user, privateKey: withFinalNewline(privateKey), hostKey: hostKey.trim() };
}

/** A step's frames with those that every step has. */
export function stepFrames(
  host: Pick<HostAccess, "directory" | "dockerPrefix" | "lockWaitSeconds">,
  project: string,
  input: Frames,
  redact: readonly string[] = [],
): Frames {
  const { directory, dockerPrefix, lockWaitSeconds } = host;
  return {
    project,
    ...(directory === undefined ? {} : { directory }),
    ...(dockerPrefix === undefined ? {} : { docker_prefix: dockerPrefix }),
    ...(lockWaitSeconds === undefined ? {} : { lock_wait: lockWaitSeconds }),
    ...(redact.length === 0 ? {} : { redact: redactionList(redact) }),
    ...input,
  };
}

/** Where a host really is, by the overrides; an IPv6 address without brackets, as the provider wants it. */
export function resolvePlace(
  address: string,
  port: number,
  overrides: readonly ResolveOverride[] = [],
): { readonly address: string; readonly port: number } {
  const bare = (text: string) => text.replace(/^\[(.*)\]$/, "$1");
  const found = overrides.find((entry) => bare(entry.host) === bare(address) && entry.port === port);
  if (found === undefined) return { address: bare(address), port };
  return { address: bare(found.toAddress), port: found.toPort };
}

/** Secrets one a line; short ones are left out, as replacing them would only garble the text. */
export function redactionList(secrets: readonly string[]): string {
  const lines = secrets.flatMap((secret) => secret.split("\n")).filter((line) => line.length >= 6);
  return [...new Set(lines)].sort((one, other) => other.length - one.length).join("\n");
}

/** OpenSSH's key format needs the newline after its last line, which secret stores like to cut. */
export function withFinalNewline(key: string): string {
  return key.endsWith("\n") ? key : `${key}\n`;
}
