import type { IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import type { EdgeError } from "./error-pages";
import { edgeErrors } from "./error-pages";
import type { Exchange, OriginTarget } from "./exchange";
import { settingOf } from "./exchange";
import type { OriginClient } from "./origin";
import { originHeaders } from "./origin";
import { classifyOriginError } from "./origin-errors";
import { finishHeaders, withoutConnectionHeaders } from "./respond";

/** The client's side of an upgrade. */
export interface UpgradeClient {
  readonly socket: Duplex;
  /** Bytes that came after the request's head. */
  readonly head: Buffer;
  /** Called just before the connections are joined. */
  readonly detach: () => void;
}

/** How an upgrade ended: joined, refused by the origin with an ordinary answer, or failed. */
export type UpgradeResult =
  | { readonly kind: "joined" }
  | { readonly kind: "answer"; readonly answer: IncomingMessage }
  | { readonly kind: "error"; readonly error: EdgeError };

/** Asks the origin for the upgrade and, once it agrees, joins both connections until either ends. */
export function proxyUpgrade(
  client: OriginClient,
  exchange: Exchange,
  target: OriginTarget,
  { socket, head, detach }: UpgradeClient,
): Promise<UpgradeResult> {
  if (settingOf(exchange, "websockets", "on") !== "on") {
    return Promise.resolve({ kind: "error", error: edgeErrors.webSocketsOff() });
  }
  const headers = { ...originHeaders(exchange), connection: "Upgrade", upgrade: "websocket" };
  const { request, progress } = client.open(exchange, target, headers, false);
  return new Promise((resolve) => {
    const gone = (): void => void request.destroy();
    socket.once("close", gone);
    request.once("upgrade", (answer, origin, first) => {
      socket.off("close", gone);
      request.setTimeout(0);
      detach();
      socket.write(switching(exchange, answer));
      join(socket, origin, client.limits.idleMs);
      if (first.length > 0) socket.write(first);
      if (head.length > 0) origin.write(head);
      socket.pipe(origin);
      origin.pipe(socket);
      resolve({ kind: "joined" });
    });
    request.once("response", (answer) => resolve({ kind: "answer", answer }));
    request.on("error", (error) => {
      resolve({ kind: "error", error: classifyOriginError(error, progress, target) });
    });
    request.end();
  });
}

/** Whatever ends one side ends the other; a connection on which nothing passes is closed, as Cloudflare does. */
function join(client: Duplex, origin: Duplex, idleMs: number): void {
  for (const [one, other] of [
    [client, origin],
    [origin, client],
  ] as const) {
    one.on("error", () => other.destroy());
    one.once("close", () => other.destroy());
    if ("setTimeout" in one) {
      const socket = one as Duplex & { setTimeout(ms: number, listener: () => void): void };
      socket.setTimeout(idleMs, () => one.destroy());
    }
  }
}

/** The head of the answer 101, as bytes: there is no response object on an upgraded connection. */
function switching(exchange: Exchange, answer: IncomingMessage): string {
  const headers = withoutConnectionHeaders(answer.headers);
  finishHeaders(exchange, 101, headers);
  const lines = ["HTTP/1.1 101 Switching Protocols", "connection: Upgrade", "upgrade: websocket"];
  for (const [name, value] of Object.entries(headers)) {
    for (const one of [value].flat()) if (one !== undefined) lines.push(`${name}: ${one}`);
  }
  return `${lines.join("\r\n")}\r\n\r\n`;
}
