import type { Server } from "node:http";
import type { Log } from "../../common/log";
import type { Authority } from "../certificates";
import { standInServer } from "../host/stand-in/server";
import { listenAtLastPort } from "../listen";

/** An application at a platform of somebody else's. */
export interface ExternalTarget {
  /** Its own name there, such as `relay-api.fly.dev`. */
  readonly target: string;
  /** The public names that it answers as well. */
  readonly hostnames: readonly string[];
}

/** Where the stand-in of a target listens, on 127.0.0.1. */
export interface ExternalPlace {
  readonly target: string;
  readonly httpPort: number;
  readonly httpsPort: number;
}

/** What stands in for applications that run elsewhere. */
export interface ExternalOrigins {
  readonly places: readonly ExternalPlace[];
  /** Where a port of a target is; undefined for what is no target. */
  resolve(address: string, port: number): { readonly host: string; readonly port: number } | undefined;
  close(): Promise<void>;
}

/**
 * Starts a stand-in for each application that runs elsewhere: HTTP and HTTPS, with a certificate of the given authority
 * for its own and its public names.
 *
 * @param before places of an earlier start: their ports are taken again where they are free.
 */
export async function startExternalOrigins(
  targets: readonly ExternalTarget[],
  authority: Authority,
  log: Log,
  before: readonly ExternalPlace[] = [],
): Promise<ExternalOrigins> {
  const servers: Server[] = [];
  const places: ExternalPlace[] = [];
  for (const { target, hostnames } of targets) {
    const identity = { service: target, of: `the application at ${target}` };
    const { certificatePem, keyPem } = await authority.issue({
      hostnames: [...new Set([target, ...hostnames])],
    });
    const http = standInServer(identity);
    const https = standInServer(identity, { cert: certificatePem, key: keyPem });
    servers.push(http, https);
    const last = before.find((place) => place.target === target);
    places.push({
      target,
      httpPort: await listenAtLastPort(http, last?.httpPort, log),
      httpsPort: await listenAtLastPort(https, last?.httpsPort, log),
    });
  }
  return {
    places,
    resolve: (address, port) => {
      const place = places.find(({ target }) => target === address);
      if (place === undefined || (port !== 80 && port !== 443)) return undefined;
      return { host: "127.0.0.1", port: port === 443 ? place.httpsPort : place.httpPort };
    },
    close: async () => {
      await Promise.all(
        servers.map((server) => {
          const closed = new Promise((resolve) => server.close(resolve));
          server.closeAllConnections();
          return closed;
        }),
      );
    },
  };
}
