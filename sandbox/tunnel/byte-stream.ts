import { Duplex } from "node:stream";

/**
 * A stream of HTTP/2 as what HTTP/1.1 expects of a socket: it takes texts as bytes (Node.js garbles texts in `latin1`,
 * which heads of messages are, when it writes them to such a stream), and it has an idle time.
 */
export class ByteStream extends Duplex {
  private idle: NodeJS.Timeout | undefined;

  constructor(private readonly inner: Duplex) {
    super({ decodeStrings: true, allowHalfOpen: true });
    inner.on("data", (chunk: Buffer) => {
      this.idle?.refresh();
      if (!this.push(chunk)) inner.pause();
    });
    inner.pause();
    inner.once("end", () => this.push(null));
    inner.on("error", (error) => this.destroy(error));
    inner.once("close", () => this.destroy());
  }

  /** As a socket's: `timeout` is emitted when nothing has passed for that long. 0 = never. */
  setTimeout(milliseconds: number, listener?: () => void): this {
    clearTimeout(this.idle);
    if (listener !== undefined) this.once("timeout", listener);
    if (milliseconds > 0 && !this.destroyed) {
      this.idle = setTimeout(() => this.emit("timeout"), milliseconds);
    }
    return this;
  }

  override _read(): void {
    this.inner.resume();
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    this.idle?.refresh();
    this.inner.write(chunk, done);
  }

  override _final(done: (error?: Error | null) => void): void {
    this.inner.end(() => done());
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    clearTimeout(this.idle);
    this.inner.destroy();
    done(error);
  }
}
