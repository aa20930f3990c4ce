/** What stands in for an application that is not to be had here: answers every request with who it is not. */
import { createServer as createHttpServer, type Server } from "node:http";
import { createServer as createHttpsServer } from "node:https";
import type { IncomingMessage, RequestListener } from "node:http";
import type { SecureContextOptions } from "node:tls";
import { WebSocketServer } from "ws";

/** What a stand-in says of itself. */
export interface StandInIdentity {
  /** Service or application that it stands in for. */
  readonly service: string;
  /** Image or platform that is not to be had here. */
  readonly of: string;
}

const socketsOf = new WeakMap<Server, WebSocketServer>();

/** Says goodbye to the WebSockets of a stand-in by a close frame, as a server does that drains. */
export function closeSockets(server: Server): void {
  for (const socket of socketsOf.get(server)?.clients ?? []) socket.close(1001, "the stand-in stops");
}

function about({ service, of }: StandInIdentity, { method, url }: IncomingMessage): object {
  return {
    standIn: true,
    service,
    of,
    method,
    path: (url ?? "/").split("?")[0],
    note: "a stand-in of the sandbox answers: the application itself is not here",
  };
}

/** The answer to any request: 200 with a small JSON that leaves no doubt. */
export function standInAnswer(identity: StandInIdentity): RequestListener {
  return (request, response) => {
    request.resume();
    const body = JSON.stringify(about(identity, request));
    response.writeHead(200, {
      "content-type": "application/json",
      "cache-control": "no-store",
      "x-groundwork-sandbox": "stand-in",
      "content-length": Buffer.byteLength(body),
    });
    response.end(request.method === "HEAD" ? undefined : body);
  };
}

/** A server of the answer above whose WebSockets say the same first and then give back what they get. Not listening yet. */
export function standInServer(identity: StandInIdentity, tls?: SecureContextOptions): Server {
  const answer = standInAnswer(identity);
  const server = tls === undefined ? createHttpServer(answer) : createHttpsServer(tls, answer);
  const sockets = new WebSocketServer({ noServer: true, maxPayload: 1024 * 1024 });
  server.on("upgrade", (request, socket, head) => {
    socket.on("error", () => socket.destroy());
    sockets.handleUpgrade(request, socket, head, (opened) => {
      opened.on("error", () => opened.terminate());
      opened.send(JSON.stringify(about(identity, request)));
      opened.on("message", (data, isBinary) => opened.send(data, { binary: isBinary }));
    });
  });
  socketsOf.set(server, sockets);
  // A client that goes away in the middle harms nobody else.
  server.on("clientError", (_error, socket) => socket.destroy());
  server.on("tlsClientError", () => undefined);
  return server;
}
