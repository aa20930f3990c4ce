import type { Http2SecureServer } from "node:http2";
import { createSecureServer } from "node:http2";
import type { Server, Socket } from "node:net";
import { createServer } from "node:net";
import type { SecureContext, SecureVersion } from "node:tls";
import { createSecureContext } from "node:tls";
import type { Authority } from "../certificates";
import { readClientHello } from "./client-hello";
import { hostOf } from "./exchange";
import type { EdgeView } from "./view";

/** For a client to send its greeting, and again for the rest of the handshake. */
const greetingMs = 10_000;

/** TLS settings that a zone chooses. */
export interface TlsChoice {
  readonly minVersion: SecureVersion;
  readonly maxVersion: SecureVersion;
}

/** The zone's `min_tls_version` and `tls_1_3`; what is not of a zone gets TLS 1.2 and 1.3. */
export function tlsChoice(view: EdgeView, serverName: string | undefined): TlsChoice {
  const zone = serverName === undefined ? undefined : view.zoneForHost(serverName);
  if (serverName === undefined || zone === undefined) return { minVersion: "TLSv1.2", maxVersion: "TLSv1.3" };
  // A bucket's custom domain has a choice of its own.
  const minimum = view.publicBucket?.(serverName)?.minTls ?? view.setting(zone.id, "min_tls_version");
  const minVersion =
    minimum === "1.3" || minimum === "1.2" || minimum === "1.1" ? (`TLSv${minimum}` as const) : "TLSv1";
  const maxVersion =
    view.setting(zone.id, "tls_1_3") === "off" && minVersion !== "TLSv1.3" ? "TLSv1.2" : "TLSv1.3";
  return { minVersion, maxVersion };
}

/** What {@link createTlsEntrance} needs. */
export interface TlsEntranceOptions {
  readonly view: EdgeView;
  readonly authority: Authority;
  /** Sets up a server for requests and upgrades: called once for each combination of TLS settings in use. */
  readonly prepare: (server: Http2SecureServer) => void;
}

/**
 * A server that reads each client's greeting, and hands the connection to the HTTPS server with the TLS settings of
 * the zone it asks for. Certificates are made by the local authority for the name asked for.
 */
export async function createTlsEntrance({ view, authority, prepare }: TlsEntranceOptions): Promise<Server> {
  // For a client that asks without a name, by address.
  const unnamed = await authority.issue({ hostnames: ["localhost", "127.0.0.1"] });
  const servers = new Map<string, Http2SecureServer>();
  const serverFor = (choice: TlsChoice): Http2SecureServer => {
    const key = `${choice.minVersion} ${choice.maxVersion}`;
    let server = servers.get(key);
    if (server === undefined) {
      server = createSecureServer({
        ...choice,
        cert: unnamed.certificatePem,
        key: unnamed.keyPem,
        allowHTTP1: true,
        handshakeTimeout: greetingMs,
        settings: {
          maxConcurrentStreams: 256,
          initialWindowSize: 1024 * 1024,
          maxHeaderListSize: 128 * 1024,
        },
        // TLS 1.0 and 1.1 exist only below the library's usual security level.
        ciphers: choice.minVersion < "TLSv1.2" ? "DEFAULT:@SECLEVEL=0" : "DEFAULT",
        SNICallback: (name, done) => {
          contextFor(authority, name).then(
            (context) => done(null, context),
            (error: unknown) => done(error as Error),
          );
        },
      });
      prepare(server);
      servers.set(key, server);
    }
    return server;
  };
  return createServer((socket) => {
    greet(socket, (serverName) => serverFor(tlsChoice(view, serverName)).emit("connection", socket));
  });
}

/** Waits for the ClientHello and puts it back for the TLS server to read. */
function greet(socket: Socket, go: (serverName: string | undefined) => void): void {
  const pieces: Buffer[] = [];
  const clock = setTimeout(() => socket.destroy(), greetingMs);
  const stop = (): void => {
    clearTimeout(clock);
    socket.off("data", read);
    socket.off("error", broken);
    socket.off("close", stop);
  };
  const broken = (): void => void socket.destroy();
  const read = (piece: Buffer): void => {
    pieces.push(piece);
    const bytes = Buffer.concat(pieces);
    const first = readClientHello(bytes);
    if (first.kind === "incomplete") return;
    stop();
    if (first.kind === "not-tls") {
      socket.on("error", broken);
      socket.end(
        "HTTP/1.1 400 Bad Request\r\nserver: cloudflare\r\ncontent-type: text/plain\r\nconnection: close\r\n\r\n" +
          "The plain HTTP request was sent to an HTTPS port.\n",
      );
      return;
    }
    socket.pause();
    socket.unshift(bytes);
    go(first.serverName);
  };
  socket.on("data", read);
  socket.on("error", broken);
  socket.on("close", stop);
}

const contexts = new WeakMap<object, SecureContext>();

async function contextFor(authority: Authority, name: string): Promise<SecureContext> {
  const host = hostOf(name);
  if (host === undefined) throw new Error("the server name is not a host name");
  const issued = await authority.issue({ hostnames: [host] });
  let context = contexts.get(issued);
  if (context === undefined) {
    context = createSecureContext({ cert: issued.certificatePem, key: issued.keyPem });
    contexts.set(issued, context);
  }
  return context;
}
