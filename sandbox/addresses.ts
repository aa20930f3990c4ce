import type { HeadersByHost } from "../components/shared/access-headers";
import type { Address } from "../platform/public-addresses";
import { hostLayout } from "./host/layout";
import { resolvePort } from "./host/ports";
import type { Sandbox } from "./sandbox";
import { type Visit, visit } from "./visit";

/**
 * Asks for an address as a visitor would; one that is not proxied is asked at the host's own port.
 *
 * @param headers what lets a request in where Access is in front, by host name
 */
export async function visitAddress(
  { url, way }: Address,
  { folder, record }: Pick<Sandbox, "folder" | "record">,
  headers: HeadersByHost = {},
): Promise<Visit> {
  if (way !== "host") return visit(url, record, { headers: headers[new URL(url).hostname] ?? {} });
  const port = resolvePort(hostLayout(folder.host).portsFile, 443);
  if (port !== undefined) return visit(url, record, { port });
  return { url, status: undefined, milliseconds: 0, problem: "nothing on the host publishes port 443" };
}
