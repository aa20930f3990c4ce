/**
 * Rotation of a database's passwords without downtime. The application has two logins in turn: a rotation gives the idle
 * one a new password and releases the application with it; the login of before stays usable until it is ended. What is
 * wanted stands in the stack file before anything is changed, so that a rotation that was cut short is gone on with by
 * the same command, or by any `up`.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { Client } from "pg";
import { UserError } from "../../common/user-error";
import { appLogins } from "../../components/database/names";
import { literal } from "../../components/database/quoting";
import { completeRoles } from "../../platform/settings/rules/databases";
import type { Environment, RunOptions } from "../environment";
import type { EnvironmentDatabase } from "./database";

/** Where a rotation stands. */
export interface RotationState {
  /** What the stack file asks for. */
  readonly wanted: number;
  /** What the last `up` brought. */
  readonly deployed: number;
  /** The login that the application has now. */
  readonly active: string;
  /** The other one. */
  readonly idle: string;
  /** Whether the other one, of before, can still log in. */
  readonly overlap: boolean;
  /** When the active password was made, ISO 8601. */
  readonly since: string | undefined;
}

/** Options of {@link rotate} and {@link endOld}. */
export interface RotateOptions extends RunOptions {
  readonly database?: string | undefined;
  /** Seconds to wait until nobody uses the login of before. @default 120 */
  readonly patience?: number;
  /** Told what happens. @default nobody */
  readonly log?: (line: string) => void;
}

/** Looks at where a database's rotation stands. */
export async function rotationState(
  environment: Environment,
  database: EnvironmentDatabase,
): Promise<RotationState> {
  const { settings } = database;
  const { app } = completeRoles(settings);
  const { user: active } = database.login("app");
  const [a, b] = appLogins(app);
  const versions = await environment.secretVersions(database.name);
  const deployed = Number(versions[active]?.split("-")[0] ?? settings.passwordVersion);
  return {
    wanted: settings.passwordVersion,
    deployed,
    active,
    idle: active === a ? b : a,
    overlap: settings.passwordOverlap && deployed > 1,
    since: await environment.createdAt(`${database.name}-app-${active.slice(-1)}-password`),
  };
}

/**
 * Whether a database's password is older than the stack allows.
 *
 * @throws UserError where the stack says no age
 */
export function isDue(
  { settings, name }: EnvironmentDatabase,
  { since }: RotationState,
  now = Date.now(),
): boolean {
  const { rotateAfterDays: days } = settings;
  if (days === undefined) {
    throw new UserError({
      what: "the stack does not say how old a password may be",
      value: name,
      allowed: "groundwork:databases with rotateAfterDays",
      next: `write rotateAfterDays: 90 to groundwork:databases.${name}`,
    });
  }
  return since === undefined || now - Date.parse(since) >= days * 86_400_000;
}

/**
 * Gives the application its other login with a new password, by a release, and waits until nobody uses the one of before,
 * which stays usable. A rotation that was cut short is gone on with.
 *
 * @throws UserError where the release fails: what served goes on with its login
 */
export async function rotate(environment: Environment, options: RotateOptions = {}): Promise<RotationState> {
  const { log = () => undefined, patience = 120 } = options;
  const { name, state } = await inspected(environment, options.database);
  const unfinished = state.deployed !== state.wanted;
  const target = unfinished ? state.wanted : state.wanted + 1;
  log(
    unfinished
      ? `${name}: going on with a rotation that was cut short (password ${state.deployed} to ${target})`
      : `${name}: from ${state.active} to ${state.idle} (password ${target})`,
  );
  // First the wish, then the deed: whatever is cut from here on, the next `up` goes on with it.
  // Both at once: a login that was ended must not come back with its old password.
  const at = (key: string) => ["groundwork:databases", name, key];
  await environment.setConfig([
    [at("passwordOverlap"), undefined],
    [at("passwordVersion"), target],
  ]);
  await environment.up(runOptions(options));
  return withFresh(environment, name, async (database) => {
    const after = await rotationState(environment, database);
    await mustLogIn(database);
    await untilUnused(database, after.idle, { log, patience });
    return after;
  });
}

/**
 * Ends the login of before a rotation: it cannot log in any more, and loses its connections.
 *
 * @param force also where somebody still uses it. @default false
 * @throws UserError where somebody still uses it
 */
export async function endOld(
  environment: Environment,
  { force = false, ...options }: RotateOptions & { readonly force?: boolean } = {},
): Promise<RotationState> {
  const { log = () => undefined } = options;
  const { name, state } = await inspected(environment, options.database);
  if (state.deployed !== state.wanted) {
    throw new UserError({
      what: "a rotation was cut short: who uses which login is not known",
      value: `${name} of ${environment.name}`,
      next: `npx groundwork db rotate -s ${environment.name}`,
    });
  }
  const users = await withFresh(environment, name, (database) => usersOf(database, state.idle));
  if (users.length > 0 && !force) {
    throw new UserError({
      what: `${state.idle} is still in use`,
      value: users.join(", "),
      allowed: "a login that nobody uses; --force cuts its connections",
      next: `restart who uses it, or: npx groundwork db rotate --finish --force -s ${environment.name}`,
    });
  }
  log(`${name}: ending ${state.idle}`);
  await environment.setConfig([[["groundwork:databases", name, "passwordOverlap"], false]]);
  await environment.up(runOptions(options));
  return withFresh(environment, name, (database) => rotationState(environment, database));
}

function runOptions({ onProgress, signal }: RotateOptions): RunOptions {
  return { ...(onProgress === undefined ? {} : { onProgress }), ...(signal === undefined ? {} : { signal }) };
}

async function inspected(
  environment: Environment,
  wanted: string | undefined,
): Promise<{ name: string; state: RotationState }> {
  const database = await environment.database(wanted);
  try {
    return { name: database.name, state: await rotationState(environment, database) };
  } finally {
    await database.close();
  }
}

/** Settings and passwords as they are now: the run before may have changed them. */
async function withFresh<T>(
  environment: Environment,
  name: string,
  work: (database: EnvironmentDatabase) => Promise<T>,
): Promise<T> {
  const database = await environment.database(name);
  try {
    return await work(database);
  } finally {
    await database.close();
  }
}

/** The new login, as the application uses it: over TCP, with the password. */
async function mustLogIn(database: EnvironmentDatabase): Promise<void> {
  const { host, port, ssl } = await database.place("app");
  const login = database.login("app");
  const client = new Client({ host, port, ssl, ...login, database: database.settings.database });
  client.on("error", () => undefined);
  try {
    await client.connect();
    await client.query("SELECT 1");
  } catch (error) {
    throw new UserError({
      what: `the application's new login ${login.user} is refused`,
      value: error instanceof Error ? error.message : String(error),
      next: `the login of before still works; npx groundwork up -s ${database.stack}, then npx groundwork db status -s ${database.stack}`,
      cause: error,
    });
  } finally {
    await client.end().catch(() => undefined);
  }
}

/** Who is connected as a role: `name of the application (address)`. */
async function usersOf(database: EnvironmentDatabase, role: string): Promise<string[]> {
  const { rows } = await database.ask<{ who: string }>(
    `SELECT DISTINCT coalesce(nullif(application_name, ''), 'somebody') || coalesce(' (' || host(client_addr) || ')', '') AS who
     FROM pg_stat_activity WHERE usename = ${literal(role)} ORDER BY 1`,
  );
  return rows.map(({ who }) => who);
}

/** What drains keeps its connections for a while; so do cron jobs and shells that nobody restarts. */
async function untilUnused(
  database: EnvironmentDatabase,
  role: string,
  { log, patience }: { readonly log: (line: string) => void; readonly patience: number },
): Promise<void> {
  const until = Date.now() + patience * 1000;
  let told = "";
  for (;;) {
    const users = (await usersOf(database, role)).join(", ");
    if (users === "") return log(`nobody uses ${role} any more`);
    if (users !== told) log(`${role} is still used by ${users}`);
    told = users;
    if (Date.now() >= until) return log(`${role} stays usable; it is ended once nobody uses it (--finish)`);
    await sleep(1000);
  }
}
