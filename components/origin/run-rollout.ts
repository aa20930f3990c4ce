import { randomUUID } from "node:crypto";
import { type Ledger, ledgerLine, ledgerOf, readLedger } from "./ledger";
import { type RolloutEvent, RolloutFollower, type RolloutOutcome } from "./follow-rollout";
import { defaultAbortAfter, Prober } from "./prober";
import type { ProbeInput, RolloutInput } from "./rollout-input";

/** What the last line of standard output says. */
export interface RolloutOutput extends RolloutOutcome {
  readonly step: "rollout";
  readonly origin: string;
  readonly project: string;
  /** Of this release; where nothing was changed that of the time when it was made. */
  readonly ledger?: Ledger;
}

/**
 * Runs one release: starts or finds the worker on the host, follows it, asks the public address meanwhile, has it switched
 * back where that fails, and writes the ledger beside the release.
 *
 * @param log told each event and what else is said, one line each
 * @throws RolloutFailure where the host says no; SshFailure where it cannot be reached
 */
export async function runRollout(input: RolloutInput, log: (line: string) => void): Promise<RolloutOutput> {
  const { origin, host, project, frames, redact, probe } = input;
  const release = String(frames["release"]);
  const startedAt = Date.now();
  let switched: RolloutEvent | undefined;
  let aborted: Promise<unknown> | undefined;
  const prober =
    probe === undefined
      ? undefined
      : new Prober(probe, {
          onFailing: () => {
            log(`${origin}: the new release fails; switching back`);
            aborted = switchBack(follower, release, probe).catch((error: unknown) => {
              log(`${origin}: it could not be switched back: ${messageOf(error)}`);
            });
          },
        });
  const follower = new RolloutFollower({
    host,
    project,
    step: input.step,
    // By its own number an attempt is found again after a cut, also when it has ended meanwhile.
    frames: { run: randomUUID(), ...(probe === undefined ? {} : { watch: watchSeconds(probe) }), ...frames },
    redact,
    onLine: log,
    onEvent: (event, heardAt) => {
      // Not before: its first requests would delay the release that is on its way to the host.
      prober?.start();
      if (event.event === "switched") {
        switched ??= event;
        prober?.switched(follower.hereOf(event));
      }
      log(eventLine(origin, event, heardAt - startedAt));
    },
  });
  let ledger: Ledger | undefined;
  const drawUp = async (failed: boolean) => {
    await aborted;
    const record = await prober?.stop(release);
    if (record === undefined || (failed && record.switchedAt === undefined)) return;
    // Every event that was heard since has made it better known when the switch was.
    const switchedAt = switched === undefined ? undefined : follower.hereOf(switched);
    ledger = ledgerOf({
      ...record,
      switchedAt,
      aborted: aborted !== undefined,
      reconnects: follower.reconnects,
    });
    await keep(follower, release, ledger, log);
    log(`${origin}: ${ledgerLine(ledger)}`);
  };
  try {
    const outcome = await follower.finish();
    if (outcome.changed) await drawUp(false);
    else {
      await prober?.stop(release);
      if (prober !== undefined) ledger = await keptLedger(follower, outcome.release);
    }
    return { step: "rollout", origin, project, ...outcome, ...(ledger === undefined ? {} : { ledger }) };
  } catch (error) {
    await drawUp(true);
    throw error;
  } finally {
    await follower.close();
  }
}

/** Seconds between the switch and the end of the old release: enough for failures to be seen and told. */
function watchSeconds({ abortAfter = defaultAbortAfter, intervalMs = 100 }: ProbeInput): number {
  return Math.ceil((abortAfter * intervalMs) / 1000 + 1);
}

/** @throws Error where it is too late for it, as the old release has been told to end */
async function switchBack(
  follower: RolloutFollower,
  release: string,
  probe: ProbeInput | undefined,
): Promise<void> {
  const reason = `${probe?.abortAfter ?? defaultAbortAfter} requests in a row to ${probe?.url ?? ""} failed`;
  const { code, stdout, stderr } = await follower.step("rollout-abort", { release, reason });
  if (code !== 0) throw new Error(stderr.trim());
  if (!stdout.includes('"aborting":true'))
    throw new Error("the release before it has been told to end already");
}

/** A ledger that cannot be written is no reason to call a release that serves a failure. */
async function keep(
  follower: RolloutFollower,
  release: string,
  ledger: Ledger,
  log: (line: string) => void,
): Promise<void> {
  try {
    const { code, stderr } = await follower.step("rollout-ledger", {
      release,
      ledger: JSON.stringify(ledger),
    });
    if (code !== 0) log(`the ledger was not kept on the host: ${stderr.trim()}`);
  } catch (error) {
    log(`the ledger was not kept on the host: ${messageOf(error)}`);
  }
}

/** The ledger of the release that is active already. */
async function keptLedger(follower: RolloutFollower, release: string): Promise<Ledger | undefined> {
  try {
    const { stdout } = await follower.step("releases", {});
    const { releases = [] } = JSON.parse(stdout.trim().split("\n").at(-1) ?? "{}") as {
      releases?: readonly { readonly release?: unknown; readonly ledger?: unknown }[];
    };
    const found = releases.find((each) => each.release === release);
    return readLedger(found?.ledger);
  } catch {
    return undefined;
  }
}

function eventLine(origin: string, { event, colour, message }: RolloutEvent, afterMs: number): string {
  const details = [colour, message].filter((text) => text !== undefined && text !== "").join(", ");
  return `${origin}: ${event}${details === "" ? "" : ` (${details})`} after ${(afterMs / 1000).toFixed(1)} s`;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
