/** A failure that a test asks for: what happens to matching requests instead of their handling. */
export interface Fault {
  /** Default: any. */
  readonly method?: string;
  /** Matched against the path below /client/v4. Default: any. */
  readonly path?: RegExp;
  /** `429`, `500`… answered; `cut` ends the connection without an answer; `cut-after` handles it first, then cuts. */
  readonly kind: number | "cut" | "cut-after";
  /** Value of the Retry-After header, in seconds. */
  readonly retryAfterSeconds?: number;
  /** How many requests it hits before it is spent; default 1. */
  readonly times?: number;
  /** Milliseconds of delay before it happens; default 0. */
  readonly delayMs?: number;
}

/** Failures to come, settable at run time. */
export class Faults {
  #waiting: { fault: Fault; left: number }[] = [];

  add(fault: Fault): void {
    this.#waiting.push({ fault, left: fault.times ?? 1 });
  }

  clear(): void {
    this.#waiting = [];
  }

  /** The failure that this request is to meet, counted down. */
  take(method: string, path: string): Fault | undefined {
    const hit = this.#waiting.find(
      ({ fault }) =>
        (fault.method === undefined || fault.method === method) && (fault.path?.test(path) ?? true),
    );
    if (hit === undefined) return undefined;
    hit.left -= 1;
    if (hit.left <= 0) this.#waiting = this.#waiting.filter((entry) => entry !== hit);
    return hit.fault;
  }
}
