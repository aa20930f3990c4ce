import { RemoteHost, SecretsVault } from "../../components";
import type { Settings } from "../settings";
import { part, type Surroundings } from "./surroundings";

export function makeHost({ settings, secrets, resolve }: Surroundings, name: string): RemoteHost {
  const host = part(settings.hosts, name);
  const server = ({ address, port, user, hostKey, privateKeySecret }: Settings["hosts"][string]) => {
    return { address, port, user, hostKey, privateKey: secrets(privateKeySecret) };
  };
  const jump = host.jump === undefined ? undefined : server(part(settings.hosts, host.jump));
  return new RemoteHost({
    ...server(host),
    ...(jump === undefined ? {} : { jump }),
    dockerPrefix: host.dockerPrefix,
    installDocker: host.installDocker,
    resolve,
  });
}

export function makeSecretsVault({ settings, secrets }: Surroundings): SecretsVault | undefined {
  const { secretsVault, tier } = settings;
  if (secretsVault === undefined) return undefined;
  const { accessKeyIdSecret, secretAccessKeySecret, ...rest } = secretsVault;
  const secret = (name: string | undefined) => (name === undefined ? undefined : secrets(name));
  const recoveryDays = rest.recoveryDays ?? (tier === "production" ? 30 : 0);
  return new SecretsVault("vault", {
    ...rest,
    recoveryDays,
    accessKeyId: secret(accessKeyIdSecret),
    secretAccessKey: secret(secretAccessKeySecret),
  });
}
