import { type HostAccess, type ResolveOverride, sshServer } from "../remote/access";
import type { Settings } from "./settings";

/** How a host of the settings is reached, for programs that speak SSH themselves. Holds private keys. */
export function hostAccess(
  settings: Pick<Settings, "hosts" | "resolve">,
  secrets: Readonly<Record<string, string>>,
  name: string,
): HostAccess {
  const overrides = resolveOverrides(settings);
  const server = (at: string) => {
    const host = settings.hosts[at];
    if (host === undefined) throw new Error(`settings let the host ${at} pass, and there is none`);
    const { address, port, user, hostKey, privateKeySecret } = host;
    const privateKey = secrets[privateKeySecret];
    if (privateKey === undefined)
      throw new Error(`settings let ${privateKeySecret} pass, and it is not there`);
    return sshServer({ address, port, user, hostKey, privateKey }, overrides);
  };
  const { jump, dockerPrefix } = settings.hosts[name] ?? {};
  return {
    server: server(name),
    ...(jump === undefined ? {} : { jump: server(jump) }),
    ...(dockerPrefix === undefined ? {} : { dockerPrefix }),
  };
}

/** `groundwork:resolve`, as components take it. */
export function resolveOverrides({ resolve }: Pick<Settings, "resolve">): ResolveOverride[] {
  return resolve.map(({ host, port, address, targetPort }) => ({
    host,
    port,
    toAddress: address,
    toPort: targetPort,
  }));
}
