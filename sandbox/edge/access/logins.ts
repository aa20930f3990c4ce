import { createHash, randomBytes, randomInt } from "node:crypto";
import { renameSync, writeFileSync } from "node:fs";
import { mkdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { Expiring } from "./expiring";
import type { AccessIdentity } from "./model";

/** A login that holds: what the nonce in tokens leads to. */
export interface Session {
  readonly nonce: string;
  readonly identity: AccessIdentity;
  readonly address: string;
  /** Milliseconds since 1970. */
  readonly startedAt: number;
  /** When the last of its tokens ends. */
  readonly until: number;
}

/** A browser on its way through the login. */
export interface Attempt {
  readonly host: string;
  readonly redirect: string;
  /** Its cookie: another browser cannot go on with it. */
  readonly browser: string;
}

/** What a browser is given at the team's domain and shows at an application's host, once. */
export interface Handover {
  readonly host: string;
  /** The cookie that this host gets. */
  readonly cookie: string;
  /** Where the browser goes next. */
  readonly next: string;
}

/** A one-time PIN that is waited for. */
export interface PendingPin {
  readonly pin: string;
  readonly email: string;
  readonly application: string;
  /** ISO 8601. */
  readonly until: string;
}

const attemptMs = 60 * 60 * 1000;
const handoverMs = 60 * 1000;
/** As Cloudflare's. */
export const pinMs = 10 * 60 * 1000;
const pinTries = 5;

/** Where an edge keeps the key, the sessions and the PINs of Access, in its folder. */
export function accessFolder(directory: string): string {
  return join(directory, "access");
}

/** Where a sandbox keeps the PINs that are waited for, as there is no mail: JSON, mode 0600. */
export function pinsFile(directory: string): string {
  return join(directory, "pins.json");
}

/** The PINs that are waited for in a sandbox's folder of Access. */
export async function pendingPins(directory: string, now: number = Date.now()): Promise<PendingPin[]> {
  try {
    const pins = JSON.parse(await readFile(pinsFile(directory), "utf8")) as PendingPin[];
    return pins.filter(({ until }) => Date.parse(until) > now);
  } catch {
    return [];
  }
}

/** Sessions, kept over a restart, and what a login needs on its way, which is not. */
export class Logins {
  private readonly attempts = new Expiring<Attempt>(attemptMs);
  private readonly handovers = new Expiring<Handover>(handoverMs);
  private readonly pins = new Map<string, PendingPin & { tries: number }>();

  private constructor(
    private readonly directory: string,
    private readonly sessions: Map<string, Session>,
    private readonly now: () => number,
  ) {}

  static async open(directory: string, now: () => number): Promise<Logins> {
    await mkdir(directory, { recursive: true, mode: 0o700 });
    let kept: Session[] = [];
    try {
      kept = JSON.parse(await readFile(join(directory, "sessions.json"), "utf8")) as Session[];
    } catch {
      // None yet, or a write that was cut short: everybody logs in anew.
    }
    const logins = new Logins(directory, new Map(kept.map((session) => [session.nonce, session])), now);
    logins.writePins();
    return logins;
  }

  begin(attempt: Attempt): string {
    return this.attempts.add(attempt, this.now());
  }

  /** The attempt of a state, where the same browser goes on with it. */
  attempt(state: string, browsers: readonly string[]): Attempt | undefined {
    const attempt = this.attempts.get(state, this.now());
    return attempt !== undefined && browsers.includes(attempt.browser) ? attempt : undefined;
  }

  handOver(handover: Handover): string {
    return this.handovers.add(handover, this.now());
  }

  /** Once, and at its own host only. */
  takeOver(code: string, host: string): Handover | undefined {
    const handover = this.handovers.get(code, this.now());
    if (handover?.host !== host) return undefined;
    return this.handovers.take(code, this.now());
  }

  /** A new PIN for an attempt; an earlier one is void. */
  makePin(state: string, email: string, application: string): void {
    const pin = String(randomInt(1_000_000)).padStart(6, "0");
    const until = new Date(this.now() + pinMs).toISOString();
    this.pins.set(state, { pin, email, application, until, tries: 0 });
    this.writePins();
  }

  /** Whose PIN it is; a right one and one that was guessed at too often are void afterwards. */
  usePin(state: string, given: string): string | undefined {
    const pending = this.pins.get(state);
    if (pending === undefined || Date.parse(pending.until) <= this.now()) return undefined;
    pending.tries += 1;
    const right = pending.pin === given.replace(/\s/g, "");
    if (right || pending.tries >= pinTries) {
      this.pins.delete(state);
      this.writePins();
    }
    return right ? pending.email : undefined;
  }

  start(identity: AccessIdentity, address: string, until: number): Session {
    const nonce = randomBytes(12).toString("base64url");
    const session = { nonce, identity, address, startedAt: this.now(), until };
    this.sessions.set(nonce, session);
    this.write();
    return session;
  }

  session(nonce: string | undefined): Session | undefined {
    const session = nonce === undefined ? undefined : this.sessions.get(nonce);
    return session !== undefined && session.until > this.now() ? session : undefined;
  }

  /** A token of the session lasts longer than any before. */
  extend(session: Session, until: number): void {
    if (until <= session.until) return;
    this.sessions.set(session.nonce, { ...session, until });
    this.write();
  }

  /** Ends everything that somebody has open. */
  end({ identity }: Session): void {
    for (const [nonce, session] of this.sessions) {
      if (session.identity.email === identity.email) this.sessions.delete(nonce);
    }
    this.write();
  }

  private write(): void {
    for (const [nonce, { until }] of this.sessions) if (until <= this.now()) this.sessions.delete(nonce);
    writePrivate(join(this.directory, "sessions.json"), [...this.sessions.values()]);
  }

  private writePins(): void {
    for (const [state, { until }] of this.pins) if (Date.parse(until) <= this.now()) this.pins.delete(state);
    writePrivate(
      pinsFile(this.directory),
      [...this.pins.values()].map(({ tries: _tries, ...pin }) => pin),
    );
  }
}

/** The id of somebody: the same for the same address, as long as the account is. */
export function userId(email: string): string {
  const hex = createHash("sha256").update(email.toLowerCase()).digest("hex");
  return [
    hex.slice(0, 8),
    hex.slice(8, 12),
    `4${hex.slice(13, 16)}`,
    `8${hex.slice(17, 20)}`,
    hex.slice(20, 32),
  ].join("-");
}

/** Whole or not at all, for the owner's eyes. Small files, written at a login or a logout. */
function writePrivate(file: string, content: unknown): void {
  writeFileSync(`${file}.partial`, JSON.stringify(content), { mode: 0o600 });
  renameSync(`${file}.partial`, file);
}
