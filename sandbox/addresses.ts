import type { Address } from "../platform/public-addresses";
import { hostLayout } from "./host/layout";
import { resolvePort } from "./host/ports";
import type { Sandbox } from "./sandbox";
import { type Visit, visit } from "./visit";

/** Asks for an address as a visitor would; one that is not proxied is asked at the host's own port. */
export async function visitAddress(
  { url, way }: Address,
  { folder, record }: Pick<Sandbox, "folder" | "record">,
): Promise<Visit> {
  if (way !== "host") return visit(url, record);
  const port = resolvePort(hostLayout(folder.host).portsFile, 443);
  if (port !== undefined) return visit(url, record, port);
  return { url, status: undefined, milliseconds: 0, problem: "nothing on the host publishes port 443" };
}
