/**
 * Cloudflare carries out a creation, and the connection is cut before the answer comes: the engine takes it for failed, or
 * a provider that tried again has made a second one. Both are looked for at the end of a run.
 */
import type { Log } from "../../common/log";
import type { HistoryEntry } from "../history";
import {
  type Examine,
  isOwn,
  type Making,
  type Outcome,
  othersWords,
  outcomeOf,
  outcomeWords,
} from "../locks/examine";
import { nameOf, type StackState, type TakenIn } from "../state";
import type { Beforehand } from "./before";
import type { Creation, CreateWatch } from "./watch";

/** What mending needs of its stack. */
export interface MendedStack {
  readonly name: string;
  readonly state: () => Promise<StackState>;
  /** The latest runs, the newest first. */
  readonly history: () => Promise<readonly HistoryEntry[]>;
  /** Takes what was made into the state. */
  readonly settle: (taken: readonly TakenIn[]) => Promise<void>;
  readonly examine: Examine;
  readonly before: Pick<Beforehand, "idsBefore" | "close" | "keep">;
  readonly log: Log;
}

/** Times are told in whole seconds, here and there. Milliseconds. */
const rounding = 1000;

/** Cloudflare refuses a second one: a provider that tried again was told so, and failed. */
const refusedTwice = /:(?:DnsRecord|List|Queue|Ruleset|Zone|ZeroTrustTunnelCloudflared)$/;

/**
 * Looks at Cloudflare for what the failed creations of a run have made all the same, and takes that in. What cannot be taken
 * in, as its secret was in the answer that nobody received, is removed.
 */
export async function mendFailed({ failed }: CreateWatch, stack: MendedStack): Promise<Mended> {
  if (failed.length === 0) return { isMended: false, open: [] };
  const [state, history] = await Promise.all([stack.state(), stack.history()]);
  const taken: TakenIn[] = [];
  const open: string[] = [];
  let removed = 0;
  for (const creation of failed) {
    const { resource } = creation;
    const recorded = [...(state.resources ?? []), ...taken];
    const outcome = await cameOf(creation, recorded, history, stack);
    if (outcome === "unknown") open.push(resource.urn);
    if (outcome === undefined || typeof outcome === "string") continue;
    if ("id" in outcome) taken.push({ ...resource, id: outcome.id });
    else removed += 1;
    stack.log(`creating ${nameOf(resource.urn)} was not answered: ${outcomeWords(outcome)}`);
  }
  if (taken.length > 0) {
    await stack.settle(taken);
    // What a killed run has left in doubt; the engine drops it with the writing of a state.
    for (const { type, resource } of state.pending_operations ?? [])
      if (type === "creating")
        stack.log(`the state keeps no record of that any more: creating ${nameOf(resource.urn)}`);
  }
  return { isMended: taken.length > 0 || removed > 0, open };
}

/** What became of failed creations. */
export interface Mended {
  /** Something had been made: another run goes on from there. */
  readonly isMended: boolean;
  /** URNs of what nobody could look for. */
  readonly open: readonly string[];
}

async function cameOf(
  creation: Creation,
  recorded: StackState["resources"] & object,
  history: readonly HistoryEntry[],
  stack: MendedStack,
): Promise<Outcome | "unknown"> {
  const { examine, log } = stack;
  const name = nameOf(creation.resource.urn);
  try {
    const found = await examine(creation.resource, recorded);
    const making = makingOf(creation, history, stack);
    const outcome = await outcomeOf(found, making);
    const others = outcome === undefined ? othersWords(found, making) : undefined;
    if (others !== undefined) log(`creating ${name} failed; ${others}`);
    return found === undefined ? "unknown" : outcome;
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    log(`creating ${name}: whether it was made could not be looked for: ${reason}`);
    return "unknown";
  }
}

function makingOf(
  creation: Creation & { readonly ended?: number },
  history: readonly HistoryEntry[],
  { before }: MendedStack,
): Making {
  return { isWithin: isOfRuns(creation, history), before: before.idsBefore(creation.resource.urn) };
}

/**
 * Whether something was made by a creation: while it went on, or in a run before that failed, one after the other, which may
 * have been no longer able to look for it.
 *
 * @param creation `ended` milliseconds since 1970. Default: now
 */
export function isOfRuns(
  { begun, ended = Infinity }: { readonly begun: number; readonly ended?: number },
  history: readonly HistoryEntry[],
): (madeAt: string) => boolean {
  const runs = history.flatMap(({ kind, result, startedAt, endedAt }) =>
    kind === "update" && endedAt !== undefined
      ? [{ result, begun: Date.parse(startedAt), ended: Date.parse(endedAt) }]
      : [],
  );
  // The newest may be this run itself. One that has ended later, as the clock was put back since, was before it all the same.
  const others = runs.filter((run) => run.begun > begun || run.ended < begun);
  const succeeded = others.findIndex(({ result }) => result !== "failed");
  const failed = others.slice(0, succeeded === -1 ? undefined : succeeded);
  const spans = [{ begun, ended }, ...failed.filter((run) => run.ended < begun)];
  return (madeAt) => {
    const made = Date.parse(madeAt);
    return spans.some((span) => made >= span.begun - rounding && made <= span.ended + 2 * rounding);
  };
}

/** Removes second ones, which a provider has made that was not answered and tried again; they equal the recorded one. */
export async function removeTwins({ done }: CreateWatch, stack: MendedStack): Promise<void> {
  const asked = done.filter(({ resource: { type } }) => !refusedTwice.test(type));
  const made = done.map(({ resource }) => resource);
  const looks = await Promise.all(
    asked.map(async (creation) => ({
      creation,
      found: (await stack.examine(creation.resource, made).catch(() => undefined)) ?? [],
    })),
  );
  const found = looks.filter((look) => look.found.length > 0);
  if (found.length === 0) return;
  const [{ resources = [] }, history] = await Promise.all([stack.state(), stack.history()]);
  for (const { creation, found: things } of found) {
    const { type, urn } = creation.resource;
    const making = makingOf(creation, history, stack);
    for (const thing of things) {
      const isRecorded = resources.some((each) => each.id === thing.id && each.type === type);
      if (isRecorded) continue;
      if (!isOwn(thing, making)) {
        const others = thing.madeAt === undefined ? othersWords([thing], making) : undefined;
        if (others !== undefined) stack.log(`creating ${nameOf(urn)}: ${others}`);
        continue;
      }
      await thing.remove();
      stack.log(
        `creating ${nameOf(urn)} was not answered at first, and was done again: the first one (${thing.id}) is removed`,
      );
    }
  }
}
