import { type Log, silent } from "../../common/log";
import { sleep } from "../../common/processes";
import { UserError } from "../../common/user-error";
import { ConcurrentUpdateError, LeftoverLockError } from "../errors";
import { type HistoryEntry } from "../history";
import type { PendingOperation, StackState, TakenIn } from "../state";
import type { Backend } from "./backend";
import { type Doubt, doubtLine, doubtsOf } from "./doubt";
import { beforeRecordOf } from "./before-record";
import { type Examine, type Outcome, othersWords, outcomeOf, outcomeWords } from "./examine";
import { type LockHolder, holderWords } from "./holder";
import { removeLease, sweepLeases } from "./lease";
import { readHolders, removeLock, type StackPlace, stateFileOf } from "./lock-files";
import type { StateStore } from "./state-store";

/** Who is at work on an environment, and what a run that was cut short has left. */
export interface LockState {
  readonly backend: Pick<Backend, "kind" | "url">;
  /** Undefined where the backend tells it only to a run that it refuses: buckets that are none of S3's. */
  readonly held: boolean | undefined;
  /** As far as the backend names them. */
  readonly holders: readonly LockHolder[];
  /** What had been begun and not ended when the state was last written. While a run is at work, that is its own. */
  readonly doubts: readonly Doubt[];
}

/** Options of {@link StackLocks.unlock}. */
export interface UnlockOptions {
  /** Takes off locks of holders that live, or of which nothing is known, as well. @default false */
  readonly force?: boolean;
  /** Ids of things that a creation cut short has made, by URN or name: they are taken into the state. @default none */
  readonly adopt?: Readonly<Record<string, string>>;
  /** Creations cut short, by URN or name, that have made nothing, or whose things were removed. @default none */
  readonly forget?: readonly string[];
  /** Looks for what a creation that was cut short has made. @default at Cloudflare, with the stack's own token */
  readonly examine?: Examine;
  /** Told what is done, a line each. @default nobody */
  readonly log?: Log;
}

/** What an unlock did. */
export interface Unlocked {
  readonly removed: readonly LockHolder[];
  /** Every operation that was cut short, as it was found. */
  readonly doubts: readonly Doubt[];
  /** URNs that were taken into the state. */
  readonly adopted: readonly string[];
  /** URNs of creations that are begun anew by the next run. */
  readonly forgotten: readonly string[];
}

/** What the locks need of their environment. */
export interface LockedStack {
  readonly name: string;
  readonly project: string;
  readonly backend: Backend;
  /** The backend's files, where they can be read without the engine. */
  readonly store: StateStore | undefined;
  readonly state: () => Promise<StackState>;
  readonly history: () => Promise<readonly HistoryEntry[]>;
  /** What `pulumi stack ls` says: an update is in progress. Of a server only. */
  readonly isUpdating: () => Promise<boolean>;
  /** Takes off every lock, whoever holds it. */
  readonly cancel: () => Promise<void>;
  /** Takes what was cut short out of the state, and takes in what creations have made. */
  readonly settle: (taken: readonly TakenIn[]) => Promise<void>;
}

/** Clocks of two machines may differ by that. Milliseconds. */
const clockDifference = 120_000;

/** An engine whose command was killed ends by itself: what is under way is finished first. Milliseconds. */
export const endingPatience = 90_000;

const pause = 500;

/** The locks of one environment. */
export class StackLocks {
  constructor(private readonly stack: LockedStack) {}

  async state(): Promise<LockState> {
    const { backend } = this.stack;
    const place = this.place();
    await place?.store.assertReadable();
    const doubts = doubtsOf((await this.stack.state()).pending_operations ?? []);
    const known = { backend: { kind: backend.kind, url: backend.url }, doubts };
    if (place !== undefined) {
      const holders = await readHolders(place);
      return { ...known, held: holders.length > 0, holders };
    }
    if (backend.kind !== "cloud") return { ...known, held: undefined, holders: [] };
    const held = await this.stack.isUpdating();
    return { ...known, held, holders: held ? await this.updating() : [] };
  }

  /**
   * Waits for those who are at work, takes off what is left of those who are gone, and repairs what they left.
   *
   * @param until milliseconds since 1970: so long is waited for a holder that lives
   */
  async clear({
    until,
    signal,
    leftovers = "repair",
    examine,
    log = silent,
  }: ClearOptions): Promise<readonly Doubt[]> {
    const place = this.place();
    if (place === undefined) return [];
    const patience = Date.now() + endingPatience;
    const said = new Set<string>();
    const removed: LockHolder[] = [];
    for (;;) {
      signal?.throwIfAborted();
      const holders = await readHolders(place);
      const gone = holders.filter(({ state }) => state === "gone");
      if (gone.length > 0) {
        if (leftovers === "refuse")
          throw new LeftoverLockError(this.stack.name, gone, doubtsOf(await this.pending(place)));
        for (const holder of gone) await this.takeOff(place, holder, log);
        removed.push(...gone);
      }
      const others = holders.filter(({ state }) => state !== "gone");
      if (others.length === 0) break;
      const ending = others.every((holder) => holder.ending);
      if (Date.now() > (ending ? Math.max(until, patience) : until))
        throw new ConcurrentUpdateError(this.stack.name, others);
      for (const holder of others) {
        if (!said.has(holder.id))
          log(`waiting for ${holderWords(holder)}${holder.ending ? `: ${holder.why}` : ""}`);
        said.add(holder.id);
      }
      await sleep(pause);
    }
    await sweepLeases(place);
    const pending = await this.pending(place);
    if (pending.length === 0) return [];
    return (await this.examineAll(pending, { removed, examine, log })).open;
  }

  /**
   * The same, and where the backend's locks cannot be read at least a look at what was cut short.
   *
   * @returns creations of which nobody can tell whether they made something
   */
  async mend(options: ClearOptions): Promise<readonly Doubt[]> {
    const open = await this.clear(options);
    if (this.place() !== undefined) return open;
    const pending = (await this.stack.state()).pending_operations ?? [];
    const { examine, log = silent } = options;
    return (await this.examineAll(pending, { removed: [], examine, log })).open;
  }

  /**
   * Takes off the locks of those who are gone, and looks at what they had not ended, one by one.
   *
   * @throws ConcurrentUpdateError where a holder lives, or may live, unless that is forced
   */
  async unlock({ force = false, examine, log = silent, ...choice }: UnlockOptions): Promise<Unlocked> {
    const found = await this.state();
    const place = this.place();
    const blocking = found.holders.filter(({ state }) => state !== "gone");
    if (!force && blocking.length > 0) throw new ConcurrentUpdateError(this.stack.name, blocking);
    if (!force && found.held === undefined) throw untold(this.stack.name, found.backend);
    if (place === undefined) {
      if (found.held !== false) await this.stack.cancel();
    } else for (const holder of found.holders) await this.takeOff(place, holder, log);
    const pending = (await this.stack.state()).pending_operations ?? [];
    const { adopted, forgotten } = await this.examineAll(pending, {
      ...choice,
      removed: found.holders,
      examine,
      log,
    });
    return { removed: found.holders, doubts: doubtsOf(pending), adopted, forgotten };
  }

  /** Whether all who hold the lock end by themselves, or have ended. False where the backend's locks cannot be read. */
  async areLeft(): Promise<boolean> {
    const place = this.place();
    if (place === undefined) return false;
    return (await readHolders(place)).every(({ ending, state }) => ending || state === "gone");
  }

  private async takeOff(place: StackPlace, holder: LockHolder, log: Log): Promise<void> {
    await removeLock(place, holder.id);
    await removeLease(place, holder);
    log(`took off the lock of ${holderWords(holder)}: ${holder.why}`);
  }

  /**
   * Each operation is told. What does no harm is begun anew, what is found is taken in. What stays in doubt stays in the
   * state, unless something has to be written there: the engine drops every such record then, which is said.
   */
  private async examineAll(
    pending: readonly PendingOperation[],
    { adopt = {}, forget = [], removed, examine, log }: Examination,
  ): Promise<Pick<Unlocked, "adopted" | "forgotten"> & { readonly open: readonly Doubt[] }> {
    const forgotten: string[] = [];
    const taken: TakenIn[] = [];
    const open: Doubt[] = [];
    const state = pending.length > 0 ? await this.stack.state() : {};
    const place = this.place();
    const before = pending.length === 0 || place === undefined ? {} : await beforeRecordOf(place).read();
    for (const operation of pending) {
      const [doubt] = doubtsOf([operation]);
      if (doubt === undefined) continue;
      const { urn, name } = doubt;
      const told = forget.includes(urn) || forget.includes(name);
      if (doubt.operation !== "creating") {
        log(`cut short: ${doubtLine(doubt)}`);
        continue;
      }
      const given = adopt[urn] ?? adopt[name];
      const look = async (): Promise<Outcome> => {
        const since = Date.parse(beginning(removed, state)) - clockDifference;
        const recorded = [...(state.resources ?? []), ...taken];
        const isWithin = (madeAt: string): boolean => Date.parse(madeAt) >= since;
        const making = { isWithin, before: before[urn] };
        const found = await examine?.(operation.resource, recorded);
        const outcome = await outcomeOf(found, making);
        const others = outcome === undefined ? othersWords(found, making) : undefined;
        if (others !== undefined) log(`creating ${name}: ${others}`);
        return outcome;
      };
      const outcome = given !== undefined ? { id: given } : doubt.repaired || told ? "absent" : await look();
      if (outcome === undefined) open.push(doubt);
      else if (outcome !== "absent" && "id" in outcome) taken.push({ ...operation.resource, id: outcome.id });
      else forgotten.push(urn);
      log(
        `cut short: ${outcome === undefined ? doubtLine(doubt) : `creating ${name}: ${outcomeWords(outcome)}`}`,
      );
    }
    const isAsked = forget.length > 0 || taken.length > 0;
    if (isAsked || (forgotten.length > 0 && open.length === 0)) {
      await this.stack.settle(taken);
      for (const { name } of open) log(`the state keeps no record of that any more: creating ${name}`);
    }
    return { adopted: taken.map(({ urn }) => urn), forgotten, open };
  }

  /** By the file itself, which costs no start of the engine; by the engine where that is not a plain one. */
  private async pending(place: StackPlace): Promise<readonly PendingOperation[]> {
    const { store, project, stack } = place;
    const text = await store.read(stateFileOf(place));
    if (text !== undefined && !text.includes('"pending_operations"')) return [];
    // A stack that is not there yet has none.
    if (text === undefined && !(await isCompressed(store, project, stack))) return [];
    return (await this.stack.state()).pending_operations ?? [];
  }

  /** What a server's history says of the update in progress. */
  private async updating(): Promise<LockHolder[]> {
    const [latest] = await this.stack.history();
    if (latest === undefined || latest.result !== "in-progress") return [];
    const { by, startedAt: since } = latest;
    return [
      {
        ...{
          id: String(latest.version ?? "latest"),
          pid: 0,
          user: by.author ?? "somebody",
          host: "elsewhere",
        },
        ...{ since, state: "unknown", why: "the server says that an update is in progress", ending: false },
        ...(by.ci === undefined ? {} : { ci: by.ci }),
      },
    ];
  }

  private place(): StackPlace | undefined {
    const { name: stack, project, store } = this.stack;
    return store === undefined ? undefined : { store, project, stack };
  }
}

/** How what was cut short is looked at. */
interface Examination extends Pick<UnlockOptions, "adopt" | "forget"> {
  /** Whose run it was. */
  readonly removed: readonly LockHolder[];
  readonly examine: Examine | undefined;
  readonly log: Log;
}

/** A run without a lock has begun before it wrote the state; an hour before at the most, as nobody knows better. */
function beginning(removed: readonly LockHolder[], { manifest }: StackState): string {
  const [first] = removed.map(({ since }) => since).sort();
  const written = manifest?.time === undefined ? Date.now() : Date.parse(manifest.time);
  return first ?? new Date(written - 3_600_000).toISOString();
}

/** Options of {@link StackLocks.clear}. */
interface ClearOptions {
  readonly until: number;
  readonly signal?: AbortSignal | undefined;
  readonly leftovers?: "repair" | "refuse" | undefined;
  readonly examine?: Examine | undefined;
  readonly log?: Log | undefined;
}

/** PULUMI_DIY_BACKEND_GZIP makes such files. */
async function isCompressed(store: StateStore, project: string, stack: string): Promise<boolean> {
  const files = await store.list(`.pulumi/stacks/${project}`);
  return files.some(({ name }) => name === `${stack}.json.gz`);
}

function untold(stack: string, { kind, url }: LockState["backend"]): UserError {
  return kind === "none"
    ? new UserError({
        what: "no state backend is chosen",
        next: "pulumi login (Pulumi Cloud, s3://…, or file://…)",
      })
    : new UserError({
        what: `the backend does not tell who holds the lock of ${stack}`,
        value: url,
        allowed: "a run that it refuses is told who it is",
        next: `once you know that nobody is at work: npx groundwork unlock -s ${stack} --force, which takes off every lock`,
      });
}
