import type { AddressInfo } from "node:net";
import { type Log, silent } from "../common/log";

/** What listens: a server of Node.js, or one that is made like it. */
interface Listener {
  once(event: "error", handler: (error: Error) => void): unknown;
  off(event: "error", handler: (error: Error) => void): unknown;
  listen(port: number, host: string | undefined, listening: () => void): unknown;
  address(): AddressInfo | string | null;
}

/** Listens; 0 is any free port. Without a host: at every address that the process may have. */
export function listen(server: Listener, port: number, host?: string): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, host, () => {
      server.off("error", reject);
      resolve((server.address() as AddressInfo).port);
    });
  });
}

/**
 * Listens at the port of last time, so that addresses survive a restart; at any free one where there was none yet, or somebody else
 * has it by now, which is said.
 *
 * @example
 * await atLastPort(options.port, log, (port) => fastify.listen({ host: "127.0.0.1", port }));
 */
export async function atLastPort<T>(
  lastPort: number | undefined,
  log: Log | undefined,
  listenAt: (port: number) => Promise<T>,
): Promise<T> {
  if (lastPort === undefined || lastPort === 0) return listenAt(0);
  try {
    return await listenAt(lastPort);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EADDRINUSE") throw error;
    (log ?? silent)(`port ${lastPort} of last time is taken by somebody else; another one is used`);
    return listenAt(0);
  }
}

/** The same for a server that listens on 127.0.0.1 by {@link listen}; its port. */
export function listenAtLastPort(server: Listener, lastPort?: number, log?: Log): Promise<number> {
  return atLastPort(lastPort, log, (port) => listen(server, port, "127.0.0.1"));
}
