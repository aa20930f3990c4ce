/** What stands in for an application that is not to be had here: answers every request with who it is not. */
import { createServer as createHttpServer, type Server } from "node:http";
import { createServer as createHttpsServer } from "node:https";
import type { RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import type { SecureContextOptions } from "node:tls";

/** What a stand-in says of itself. */
export interface StandInIdentity {
  /** Service or application that it stands in for. */
  readonly service: string;
  /** Image or platform that is not to be had here. */
  readonly of: string;
}

/** The answer to any request: 200 with a small JSON that leaves no doubt. */
export function standInAnswer(identity: StandInIdentity): RequestListener {
  return (request, response) => {
    request.resume();
    const body = JSON.stringify({
      standIn: true,
      service: identity.service,
      of: identity.of,
      method: request.method,
      path: (request.url ?? "/").split("?")[0],
      note: "a stand-in of the sandbox answers: the application itself is not here",
    });
    response.writeHead(200, {
      "content-type": "application/json",
      "cache-control": "no-store",
      "x-groundwork-sandbox": "stand-in",
      "content-length": Buffer.byteLength(body),
    });
    response.end(request.method === "HEAD" ? undefined : body);
  };
}

/** A server of the answer above that refuses WebSockets in words. Not listening yet. */
export function standInServer(identity: StandInIdentity, tls?: SecureContextOptions): Server {
  const answer = standInAnswer(identity);
  const server = tls === undefined ? createHttpServer(answer) : createHttpsServer(tls, answer);
  server.on("upgrade", (_request, socket) => {
    const text = "a stand-in of the sandbox answers here: it has no WebSocket\n";
    socket.on("error", () => undefined);
    socket.end(
      "HTTP/1.1 501 Not Implemented\r\ncontent-type: text/plain\r\nx-groundwork-sandbox: stand-in\r\n" +
        `content-length: ${text.length}\r\nconnection: close\r\n\r\n${text}`,
    );
  });
  // A client that goes away in the middle harms nobody else.
  server.on("clientError", (_error, socket) => socket.destroy());
  server.on("tlsClientError", () => undefined);
  return server;
}

/** Listens; 0 is any free port. Without a host: every address that the process may have. */
export function listen(server: Server, port: number, host?: string): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, host, () => {
      server.off("error", reject);
      resolve((server.address() as AddressInfo).port);
    });
  });
}
