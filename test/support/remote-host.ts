import { generateSshKey } from "../../common/ssh-key";
import type { RemoteHostArgs } from "../../remote/host";

/** Arguments of a host that is nowhere, with keys made for this run. */
export function testHost(): RemoteHostArgs {
  const server = generateSshKey();
  const client = generateSshKey();
  return {
    address: "203.0.113.10",
    user: "deploy",
    privateKey: client.private,
    hostKey: server.public.split(" ").slice(0, 2).join(" "),
  };
}
