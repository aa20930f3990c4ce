/** What the first bytes of a connection are. */
export type FirstBytes =
  | { readonly kind: "incomplete" }
  | { readonly kind: "not-tls" }
  | { readonly kind: "tls"; readonly serverName: string | undefined };

const handshakeRecord = 22;
const clientHello = 1;
const serverNameExtension = 0;
/** Far above what clients send; more is nobody's greeting. */
const maxSize = 64 * 1024;

/**
 * Reads the server name from a TLS ClientHello, which may come in several pieces and several records. TLS settings
 * differ by zone, and this is the only moment at which they can still be chosen.
 */
export function readClientHello(bytes: Buffer): FirstBytes {
  if (bytes.length > 0 && bytes[0] !== handshakeRecord) return { kind: "not-tls" };
  if (bytes.length > maxSize) return { kind: "not-tls" };
  const message = handshakeMessage(bytes);
  if (message === undefined) return { kind: "incomplete" };
  try {
    return { kind: "tls", serverName: serverName(message) };
  } catch {
    // A length points past the end: the TLS server will refuse it.
    return { kind: "tls", serverName: undefined };
  }
}

/** The body of the first handshake message, put together from its records. */
function handshakeMessage(bytes: Buffer): Buffer | undefined {
  const parts: Buffer[] = [];
  for (let at = 0; at + 5 <= bytes.length && bytes[at] === handshakeRecord;) {
    const length = bytes.readUInt16BE(at + 3);
    parts.push(bytes.subarray(at + 5, at + 5 + length));
    at += 5 + length;
  }
  const joined = Buffer.concat(parts);
  if (joined.length < 4) return undefined;
  const size = joined.readUIntBE(1, 3);
  return joined.length < 4 + size ? undefined : joined.subarray(0, 4 + size);
}

function serverName(message: Buffer): string | undefined {
  if (message[0] !== clientHello) return undefined;
  let at = 4 + 2 + 32; // header, version, random
  at += 1 + message.readUInt8(at); // session id
  at += 2 + message.readUInt16BE(at); // cipher suites
  at += 1 + message.readUInt8(at); // compression methods
  if (at >= message.length) return undefined;
  const end = at + 2 + message.readUInt16BE(at);
  at += 2;
  while (at + 4 <= end) {
    const type = message.readUInt16BE(at);
    const length = message.readUInt16BE(at + 2);
    at += 4;
    if (type === serverNameExtension && message.readUInt8(at + 2) === 0) {
      const nameLength = message.readUInt16BE(at + 3);
      return message.toString("latin1", at + 5, at + 5 + nameLength).toLowerCase();
    }
    at += length;
  }
  return undefined;
}
