import { refusals } from "./errors";
import { type ChecksumName, checksumNames, digester, isChecksumName, isChecksumText } from "./checksums";
import { decodeChunks } from "./chunked";
import type { ChunkSigning, Signature } from "./signature";

/** The largest body of one request: 5 GiB, as at R2. */
const largest = 5 * 1024 ** 3;

/** What a body turned out to be, once all of it was read and everything that was said of it held. */
export interface ReadPayload {
  readonly size: number;
  /** Lower-case hex. */
  readonly md5: string;
  /** Base64, by what the client asked for. */
  readonly checksums: Readonly<Partial<Record<ChecksumName, string>>>;
}

export interface PayloadSource {
  readonly body: AsyncIterable<Buffer>;
  readonly headers: Readonly<Record<string, string>>;
  readonly signature: Pick<Signature, "payload">;
  readonly signing: ChunkSigning;
}

/**
 * Reads a body: decodes it where it is chunked, hands each piece on, and verifies all that the request says of it (length,
 * hash, MD5, checksums in headers or trailers).
 *
 * @param take gets the bytes; they count only when this function has returned
 * @throws S3Error where something does not hold, or the client went away
 */
export async function readPayload(
  { body, headers, signature: { payload }, signing }: PayloadSource,
  take: (piece: Buffer) => Promise<unknown> | undefined,
): Promise<ReadPayload> {
  const chunked = payload.startsWith("STREAMING-");
  const trailers = new Map<string, string>();
  const expected = expectedLength(headers, chunked);
  const named = namedChecksums(headers);
  const sums = new Map(named.map((name) => [name, digester(name)]));
  const md5 = digester("md5");
  const hash = /^[0-9a-f]{64}$/.test(payload) ? digester("sha256") : undefined;
  let size = 0;
  const pieces = chunked ? decodeChunks(body, chunkOptions(payload, signing), trailers) : body;
  for await (const piece of whole(pieces)) {
    size += piece.length;
    if (size > expected) throw refusals.incompleteBody();
    for (const sum of [md5, hash, ...sums.values()]) sum?.update(piece);
    await take(piece);
  }
  if (size !== expected) throw refusals.incompleteBody();
  if (hash !== undefined && (await hash.digest()).toString("hex") !== payload) throw refusals.payloadHash();
  const content = await md5.digest();
  const given = headers["content-md5"];
  if (given !== undefined) {
    if (Buffer.from(given, "base64").length !== 16) throw refusals.invalidDigest();
    if (given !== content.toString("base64")) throw refusals.badDigest();
  }
  const checksums: Partial<Record<ChecksumName, string>> = {};
  for (const [name, sum] of sums) {
    const value = (await sum.digest()).toString("base64");
    const said = headers[`x-amz-checksum-${name}`] ?? trailers.get(`x-amz-checksum-${name}`);
    if (said !== undefined) verify(name, said, value);
    checksums[name] = value;
  }
  return { size, md5: content.toString("hex"), checksums };
}

function verify(name: ChecksumName, said: string, value: string): void {
  if (!isChecksumText(name, said))
    throw refusals.invalidRequest(`Value for x-amz-checksum-${name} header is invalid.`);
  if (said !== value) {
    throw refusals.badDigest(
      `The ${name.toUpperCase()} you specified did not match the calculated checksum.`,
    );
  }
}

function chunkOptions(payload: string, signing: ChunkSigning) {
  switch (payload) {
    case "STREAMING-UNSIGNED-PAYLOAD-TRAILER":
      return { signing: undefined, trailer: true };
    case "STREAMING-AWS4-HMAC-SHA256-PAYLOAD":
      return { signing, trailer: false };
    case "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER":
      return { signing, trailer: true };
    default:
      throw refusals.invalidArgument("x-amz-content-sha256 names a way of signing that is not known");
  }
}

function expectedLength(headers: PayloadSource["headers"], chunked: boolean): number {
  const text = headers[chunked ? "x-amz-decoded-content-length" : "content-length"];
  if (text === undefined || !/^\d{1,15}$/.test(text)) {
    // A request without a body says nothing of its length.
    if (!chunked && headers["transfer-encoding"] === undefined) return 0;
    throw refusals.missingLength();
  }
  if (Number(text) > largest) throw refusals.entityTooLarge();
  return Number(text);
}

function namedChecksums(headers: PayloadSource["headers"]): ChecksumName[] {
  const trailing = (headers["x-amz-trailer"] ?? "").split(",").map((name) =>
    name
      .trim()
      .toLowerCase()
      .replace(/^x-amz-checksum-/, ""),
  );
  const asked = [
    ...trailing,
    (headers["x-amz-sdk-checksum-algorithm"] ?? "").toLowerCase(),
    ...checksumNames.filter((name) => headers[`x-amz-checksum-${name}`] !== undefined),
  ];
  return [...new Set(asked.filter(isChecksumName))];
}

/** A client that goes away in the middle has sent an incomplete body, and is no fault of the server's. */
async function* whole(pieces: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  try {
    yield* pieces;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ECONNRESET" || code === "ABORT_ERR" || code === "ERR_STREAM_PREMATURE_CLOSE")
      throw refusals.incompleteBody();
    throw error;
  }
}

/** A body that must be small, such as a list of parts. @throws S3Error MalformedXML above the limit */
export async function readText(source: PayloadSource, limit: number): Promise<string> {
  const pieces: Buffer[] = [];
  let size = 0;
  await readPayload(source, (piece) => {
    size += piece.length;
    if (size > limit) throw refusals.malformedXml();
    pieces.push(piece);
    return undefined;
  });
  return Buffer.concat(pieces).toString("utf8");
}
