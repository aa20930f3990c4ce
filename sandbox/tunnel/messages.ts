/**
 * What a connector and the sandbox's edge tell each other, one JSON document a line, on the first stream of a
 * connection. A connector dials out, so the host has no inbound port; HTTP/2 then runs with its roles reversed: the edge
 * is the client, and opens one stream for the messages and one for each request.
 */
import type { Readable, Writable } from "node:stream";

/** Stream on which both sides talk about the connection itself. */
export const controlPath = "/control";
/** Stream that carries one HTTP/1.1 exchange, or one WebSocket, byte by byte. */
export const exchangePath = "/exchange";

/** A rule of a tunnel's remote-managed configuration, in the API's words. */
export interface IngressRule {
  readonly hostname?: string;
  readonly path?: string;
  readonly service: string;
  readonly originRequest?: OriginRequest;
}

/** How the service of a rule is spoken to. Times are in seconds. */
export interface OriginRequest {
  readonly connectTimeout?: number;
  readonly httpHostHeader?: string;
  readonly noTLSVerify?: boolean;
  readonly originServerName?: string;
}

/** A tunnel's configuration as its connectors get it. */
export interface TunnelConfiguration {
  readonly version: number;
  readonly ingress: readonly IngressRule[];
  readonly originRequest?: OriginRequest;
}

export type FromConnector =
  | {
      readonly kind: "hello";
      /** What TUNNEL_TOKEN is. */
      readonly token: string;
      /** The same for all connections of one process. */
      readonly connectorId: string;
      readonly version: string;
    }
  /** No new requests, please: those that run are finished. */
  | { readonly kind: "draining" };

export type FromEdge =
  | { readonly kind: "registered"; readonly location: string }
  | { readonly kind: "configuration"; readonly configuration: TunnelConfiguration }
  | { readonly kind: "refused"; readonly reason: string };

/** Calls `take` with each message that a stream brings. A line that is no message ends the stream. */
export function readMessages<T>(stream: Readable, take: (message: T) => void): void {
  let rest = "";
  stream.setEncoding("utf8");
  stream.on("data", (chunk: string) => {
    const lines = (rest + chunk).split("\n");
    rest = lines.pop() ?? "";
    // A token and a configuration are far below this.
    if (rest.length > 4 * 1024 * 1024) return void stream.destroy();
    for (const line of lines) {
      let message: T;
      try {
        message = JSON.parse(line) as T;
      } catch {
        return void stream.destroy();
      }
      take(message);
    }
  });
}

export function sendMessage(stream: Writable, message: FromConnector | FromEdge): void {
  if (!stream.destroyed && !stream.writableEnded) stream.write(`${JSON.stringify(message)}\n`);
}
