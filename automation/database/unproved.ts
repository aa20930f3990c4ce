/** Migrations that may destroy what no restore was proved to bring back: asked before an `up` begins. */
import { UserError } from "../../common/user-error";
import type { Settings } from "../../platform/settings";
import { onHost } from "../../platform/settings/on-host";
import { stackNameOf, tierOf } from "../../platform/settings/tier";
import type { Environment } from "../environment";
import type { EnvironmentDatabase } from "./database";
import { knownHarm, type ProofState, proofState } from "./proof";
import { newestRehearsal } from "./rehearsal/record";
import type { SignedRecord } from "./signed-record";

/** An origin whose migrations want a proof, by the settings. */
export interface ProofWanted {
  readonly origin: string;
  /** The entry of `groundwork:databases`. */
  readonly database: string;
  /** How old the proof may be. Days. */
  readonly days: number;
  readonly breaking: boolean;
  /** The image whose migrations run, as the stack file says. */
  readonly image: string | undefined;
}

/** Migrations that want a proof which there is not. */
export interface UnprovedMigrations extends ProofWanted {
  /** What they are known to do, one phrase each. */
  readonly harm: readonly string[];
  readonly proof: ProofState;
}

/** Origins that migrate a database with backups whose setting `requireProof` says so, or, by default, production. Pure. */
export function proofsWanted(
  { databases, origins }: Pick<Settings, "databases" | "origins">,
  stack: string,
): ProofWanted[] {
  const names = Object.keys(databases);
  return Object.entries(origins).flatMap(([origin, each]): ProofWanted[] => {
    const { migrations, services = {} } = onHost(each) ?? {};
    if (migrations === undefined) return [];
    const database = migrations.database ?? (names.length === 1 ? names[0] : undefined);
    const { backups } = (database === undefined ? undefined : databases[database]) ?? {};
    if (database === undefined || backups === undefined) return [];
    if (!(backups.requireProof ?? tierOf(stackNameOf(stack)) === "production")) return [];
    const { breaking, service } = migrations;
    return [{ origin, database, days: backups.restoreTestDays, breaking, image: services[service]?.image }];
  });
}

/**
 * Which of these origins' migrations may destroy something while no restore was proved lately. Asks each database's host
 * for its records; where that cannot be told, nothing is known but what the stack file declares.
 *
 * @param log told why records could not be read. @default nobody
 * @example
 * const { settings } = await environment.config();
 * const unproved = await unprovedMigrations(environment, proofsWanted(settings, environment.name));
 */
export async function unprovedMigrations(
  environment: Environment,
  wanted: readonly ProofWanted[],
  {
    now = new Date(),
    log = () => undefined,
  }: { readonly now?: Date; readonly log?: (line: string) => void } = {},
): Promise<UnprovedMigrations[]> {
  const found: UnprovedMigrations[] = [];
  for (const each of wanted) {
    const { breaking, days, image } = each;
    const { drills, rehearsals, secret } = await recordsOf(environment, each.database, log);
    const where = { stack: environment.name, database: each.database };
    const harm = knownHarm({ breaking, image, now, rehearsal: newestRehearsal(rehearsals, secret, where) });
    if (harm.length === 0) continue;
    const proof = proofState(drills, { ...where, days, now, secret });
    if (proof.state !== "fresh") found.push({ ...each, harm, proof });
  }
  return found;
}

/** `up` of these is refused. @throws UserError that says what they do, what is missing, and how to prove it */
export function assertProved(unproved: readonly UnprovedMigrations[], stack: string): void {
  const [first] = unproved;
  if (first === undefined) return;
  throw new UserError({
    what: "these migrations want a proof that a backup restores; nothing was changed",
    value: `\n    ${unproved.map(unprovedSentence).join("\n    ")}`,
    allowed: `a restore of at most ${first.days} days ago (restoreTestDays)`,
    next: drillCommand(first.database, unproved, stack),
  });
}

/** `api: the migrations drop public.pins (about 3 rows); no restore of main was ever tried`. */
export function unprovedSentence({ harm, origin, proof }: UnprovedMigrations): string {
  const shown = harm.length <= 5 ? harm : [...harm.slice(0, 5), `${harm.length - 5} more`];
  return `${origin}: the migrations ${shown.join(", ")}; ${proof.says}`;
}

function drillCommand(database: string, unproved: readonly UnprovedMigrations[], stack: string): string {
  const several = new Set(unproved.map((each) => each.database)).size > 1;
  return `npx groundwork db drill -s ${stack}${several ? ` --database ${database}` : ""}, then run the same again`;
}

interface Records {
  readonly drills: readonly SignedRecord[];
  readonly rehearsals: readonly SignedRecord[];
  /** What they are signed with. */
  readonly secret: string;
}

const none: Records = { drills: [], rehearsals: [], secret: "" };

async function recordsOf(
  environment: Environment,
  name: string,
  log: (line: string) => void,
): Promise<Records> {
  try {
    const database = await environment.database(name);
    try {
      return await recordsOn(database);
    } finally {
      await database.close();
    }
  } catch (error) {
    const [line = ""] = (error instanceof Error ? error.message : String(error)).split("\n");
    log(`records of restores and rehearsals of ${name} could not be read: ${line}`);
    return none;
  }
}

/** Records of drills and rehearsals as the host has them, signed or not. */
export async function recordsOn(database: EnvironmentDatabase): Promise<Records> {
  if (database.backups === undefined) return none;
  const kept = await database.hostStep<Pick<Records, "drills" | "rehearsals">>("database-records", {
    name: database.name,
  });
  return { ...kept, secret: database.backups.recordKey };
}
