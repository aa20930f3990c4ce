import { createHash } from "node:crypto";
import { refusals } from "./errors";
import { chunkSignature, type ChunkSigning, same, trailerSignature } from "./signature";

/** How the chunks of a body are to be read. */
export interface ChunkOptions {
  /** Signatures of the chunks are verified; undefined where they have none. */
  readonly signing: ChunkSigning | undefined;
  /** Whether headers follow the last chunk. */
  readonly trailer: boolean;
}

const longestLine = 16 * 1024;

/**
 * Takes a body of `Content-Encoding: aws-chunked` apart: chunks of `<size in hex>[;chunk-signature=…]`, then trailing headers.
 *
 * @param trailers gets the trailing headers, names in lower case
 * @throws S3Error where the body breaks off, is malformed, or a signature does not match
 */
export async function* decodeChunks(
  source: AsyncIterable<Buffer>,
  { signing, trailer }: ChunkOptions,
  trailers: Map<string, string>,
): AsyncGenerator<Buffer> {
  const reader = new Reader(source);
  let previous = signing?.seed ?? "";
  for (;;) {
    const line = await reader.line();
    const [, size = "", signature = ""] =
      /^([0-9a-f]{1,8})(?:;chunk-signature=([0-9a-f]{64}))?$/i.exec(line) ?? [];
    if (size === "") throw refusals.invalidRequest("A chunk of the body is malformed");
    const length = parseInt(size, 16);
    const hash = createHash("sha256");
    for await (const piece of reader.bytes(length)) {
      if (signing !== undefined) hash.update(piece);
      yield piece;
    }
    if (signing !== undefined) {
      const expected = chunkSignature(signing, previous, hash.digest("hex"));
      if (!same(expected, signature)) throw refusals.signature();
      previous = expected;
    }
    if (length === 0) break;
    if ((await reader.line()) !== "") throw refusals.invalidRequest("A chunk of the body is malformed");
  }
  const lines: string[] = [];
  let signature: string | undefined;
  for (
    let line = await reader.lastLine();
    line !== undefined && line !== "";
    line = await reader.lastLine()
  ) {
    const [name = "", value = ""] = splitOnce(line, ":");
    if (name.toLowerCase() === "x-amz-trailer-signature") signature = value.trim();
    else {
      lines.push(`${name.toLowerCase()}:${value.trim()}\n`);
      trailers.set(name.toLowerCase(), value.trim());
    }
  }
  if (trailer && signing !== undefined) {
    if (!same(trailerSignature(signing, previous, lines.join("")), signature ?? ""))
      throw refusals.signature();
  }
}

function splitOnce(text: string, separator: string): [string, string] {
  const at = text.indexOf(separator);
  return at < 0 ? [text, ""] : [text.slice(0, at), text.slice(at + 1)];
}

/** Lines and counted bytes, out of pieces as they come. */
class Reader {
  private readonly pieces: AsyncIterator<Buffer>;
  private rest: Buffer = Buffer.alloc(0);

  constructor(source: AsyncIterable<Buffer>) {
    this.pieces = source[Symbol.asyncIterator]();
  }

  /** A line without its CR and LF. @throws S3Error IncompleteBody */
  async line(): Promise<string> {
    const line = await this.lastLine();
    if (line === undefined) throw refusals.incompleteBody();
    return line;
  }

  /** As {@link line}; undefined where the body ends. */
  async lastLine(): Promise<string | undefined> {
    for (;;) {
      const end = this.rest.indexOf("\n");
      if (end >= 0) {
        const line = this.rest.subarray(0, end).toString("latin1").replace(/\r$/, "");
        this.rest = this.rest.subarray(end + 1);
        return line;
      }
      if (this.rest.length > longestLine) throw refusals.invalidRequest("A chunk of the body is malformed");
      if (await this.more()) continue;
      if (this.rest.length > 0) throw refusals.incompleteBody();
      return undefined;
    }
  }

  async *bytes(length: number): AsyncGenerator<Buffer> {
    let left = length;
    while (left > 0) {
      if (this.rest.length === 0 && !(await this.more())) throw refusals.incompleteBody();
      const piece = this.rest.subarray(0, left);
      this.rest = this.rest.subarray(piece.length);
      left -= piece.length;
      if (piece.length > 0) yield piece;
    }
  }

  private async more(): Promise<boolean> {
    const next = await this.pieces.next();
    if (next.done === true) return false;
    this.rest = this.rest.length === 0 ? next.value : Buffer.concat([this.rest, next.value]);
    return true;
  }
}
