import { isAddress } from "./addresses";

/** Reads `127.0.0.1:5433` or `[::1]:5433`; undefined where it is neither. */
export function parseListen(text: string): { readonly address: string; readonly port: number } | undefined {
  const found = /^(?:\[([^\]]+)\]|([^:[\]]+)):(\d{1,5})$/.exec(text);
  if (found === null) return undefined;
  const address = found[1] ?? found[2] ?? "";
  const port = Number(found[3]);
  return isAddress(address) && port >= 1 && port <= 65535 ? { address, port } : undefined;
}
