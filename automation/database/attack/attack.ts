import type { Client } from "pg";
import { UserError } from "../../../common/user-error";
import { type AttackTarget, type Connect, connected, connector, stateOf } from "./connect";
import { dataRows } from "./data-rows";
import { findFacts } from "./facts";
import { makeFixture, removeFixtures } from "./fixture";
import { roleRows } from "./role-rows";
import type { CheckedAttempt, Row, RowContext, SqlAttempt } from "./rows";
import { schemaRows } from "./schema-rows";
import { serverRows } from "./server-rows";
import { workRows } from "./work-rows";

export type { AttackTarget } from "./connect";

/**
 * `as it must be`; `surprise`: something that must be refused is allowed, or the other way round, or it cannot be told;
 * `open`: allowed, and only a superuser could close it, which nobody here is; `nothing to try`: the database has nothing
 * of that kind.
 */
export type Verdict = "as it must be" | "surprise" | "open" | "nothing to try";

export interface AttemptReport {
  readonly what: string;
  readonly wanted: string;
  readonly got: string;
  readonly verdict: Verdict;
}

export interface RowReport {
  readonly table: "attack" | "work";
  readonly number: number;
  readonly title: string;
  readonly verdict: Verdict;
  readonly attempts: readonly AttemptReport[];
}

export interface AttackReport {
  readonly database: string;
  readonly user: string;
  /** Such as `18.4`. */
  readonly server: string;
  readonly rows: readonly RowReport[];
  readonly surprises: number;
  readonly seconds: number;
}

/** Every row, by table and number. */
export const attackRows: readonly Row[] = [
  ...[...schemaRows, ...roleRows, ...serverRows, ...dataRows].sort((one, other) => one.number - other.number),
  ...workRows,
];

/** Any number; one attack at a time, or they would clear up under each other. */
const attackLock = 7_401_533_930;

/**
 * Connects as the application does and tries what it must not be able to do, and what it must. Whatever succeeds is
 * rolled back; what is needed for it is made by the migrator before and removed at the end.
 *
 * @param tried the rows to try. Default: all
 * @throws UserError where the server is not reached, or one of the two roles cannot log in.
 */
export async function attackDatabase(
  target: AttackTarget,
  tried: readonly Row[] = attackRows,
): Promise<AttackReport> {
  const started = Date.now();
  const connect = connector(target);
  const migrator = await opened(connect, "migrator", target);
  try {
    const app = await opened(connect, "app", target);
    await app.end();
    await migrator.query(`SET lock_timeout = 0; SELECT pg_advisory_lock(${attackLock}); RESET lock_timeout`);
    const facts = await findFacts(migrator, target);
    const version = await migrator.query<{ server: string }>(
      "SELECT current_setting('server_version') AS server",
    );
    const [schema = "public"] = target.schemas;
    const fixture = await makeFixture(migrator, schema, target.app.user, target.group);
    const rows: RowReport[] = [];
    for (const row of tried) rows.push(await runRow(row, { connect, facts, fixture }, target.bySuperuser));
    return {
      database: target.database,
      user: target.app.user,
      server: version.rows[0]?.server.split(" ")[0] ?? "",
      rows,
      surprises: rows.filter(({ verdict }) => verdict === "surprise").length,
      seconds: (Date.now() - started) / 1000,
    };
  } finally {
    await cleared(connect, migrator);
  }
}

/** A role that may too much has perhaps ended the migrator's connection. */
async function cleared(connect: Connect, migrator: Client): Promise<void> {
  try {
    await removeFixtures(migrator);
  } catch {
    await connected(connect, "migrator", removeFixtures).catch(() => undefined);
  } finally {
    await migrator.end().catch(() => undefined);
  }
}

async function opened(connect: Connect, who: "app" | "migrator", target: AttackTarget): Promise<Client> {
  try {
    return await connect(who);
  } catch (error) {
    const { host, port } = target;
    const role = target[who].user;
    throw new UserError({
      what: `the database cannot be entered as ${role}`,
      value: `${target.database} at ${host}:${port}: ${error instanceof Error ? error.message : String(error)}`,
      next: nextStep(stateOf(error)),
      cause: error,
    });
  }
}

function nextStep(state: string): string {
  if (state === "3D000")
    return "the database was dropped: npx groundwork up makes it again, empty; or restore a backup";
  if (state.startsWith("28"))
    return "the role or its password is not what was provisioned: npx groundwork up";
  if (state === "53300") return "all connections are in use: npx groundwork db status shows by whom";
  return "see that the database runs: npx groundwork db status";
}

/** A connection for a row; each attempt is rolled back, so that none sees what another has done. */
async function runRow(row: Row, context: RowContext, bySuperuser: boolean): Promise<RowReport> {
  const attempts: AttemptReport[] = [];
  const sessions = new Sessions(context.connect);
  try {
    for (const attempt of row.attempts(context)) {
      const { what, wanted, got } =
        "sql" in attempt ? await trySql(attempt, sessions) : await tryCheck(attempt, context, sessions);
      const open = attempt.superuserCloses === true && !bySuperuser && got === "allowed";
      const verdict = got === undefined ? "as it must be" : open ? "open" : "surprise";
      attempts.push({ what, wanted, got: got ?? wanted, verdict });
    }
  } finally {
    await sessions.end();
  }
  const { number, table, title } = row;
  return { table, number, title, verdict: worst(attempts), attempts };
}

function worst(attempts: readonly AttemptReport[]): Verdict {
  if (attempts.length === 0) return "nothing to try";
  const order: readonly Verdict[] = ["surprise", "open", "as it must be"];
  return order.find((verdict) => attempts.some((attempt) => attempt.verdict === verdict)) ?? "surprise";
}

/** The connections of one row: opened when they are needed, and again when an attempt has cost one. */
class Sessions {
  private readonly open = new Map<"app" | "migrator", Client>();

  constructor(private readonly connect: Connect) {}

  /** Does `work` within a transaction that is rolled back, or outside of one. */
  async within<T>(
    who: "app" | "migrator",
    outside: boolean,
    work: (client: Client) => Promise<T>,
  ): Promise<T> {
    const client = this.open.get(who) ?? (await this.connect(who));
    this.open.set(who, client);
    try {
      if (!outside) await client.query("BEGIN");
      return await work(client);
    } finally {
      try {
        // Everything that a session can have besides a transaction goes as well.
        await client.query("ROLLBACK");
        await client.query("RESET SESSION AUTHORIZATION; RESET ALL");
      } catch {
        this.open.delete(who);
        await client.end().catch(() => undefined);
      }
    }
  }

  async end(): Promise<void> {
    await Promise.all([...this.open.values()].map((client) => client.end().catch(() => undefined)));
  }
}

interface Tried {
  readonly what: string;
  readonly wanted: string;
  /** Undefined where it came as wanted. */
  readonly got: string | undefined;
}

async function tryCheck(attempt: CheckedAttempt, context: RowContext, sessions: Sessions): Promise<Tried> {
  const { what, wanted } = attempt;
  try {
    return {
      what,
      wanted,
      got: await sessions.within("app", false, (client) => attempt.check(client, context)),
    };
  } catch (error) {
    return { what, wanted, got: described(error) };
  }
}

async function trySql(
  { sql: what, refusedBy = /^42501$/, byMigrator = false, outside }: SqlAttempt,
  sessions: Sessions,
): Promise<Tried> {
  const wanted = "42501";
  const run = (who: "app" | "migrator"): Promise<unknown> =>
    sessions
      .within(who, outside !== undefined, async (client) => {
        await client.query(what);
        if (outside?.undo !== undefined) await client.query(outside.undo);
      })
      .then(
        () => undefined,
        (error: unknown) => error,
      );
  const error = await run("app");
  if (error === undefined) return { what, wanted, got: "allowed" };
  if (!refusedBy.test(stateOf(error))) return { what, wanted, got: described(error) };
  if (!byMigrator) return { what, wanted, got: undefined };
  const own = await run("migrator");
  if (own === undefined) return { what, wanted, got: undefined };
  return { what, wanted, got: `refused to the migrator as well (${described(own)}): the row proves nothing` };
}

function described(error: unknown): string {
  const { code, message } = error as { code?: string; message?: string };
  return [code, message].filter((text) => text !== undefined).join(": ");
}
