/** Rehearsing migrations on a copy of the database, before a release runs them on the real one. */
import { resolve } from "node:path";
import { redactor } from "../../../report/redact";
import { UserError } from "../../../common/user-error";
import { readComposeFile } from "../../../components/origin/compose-files";
import { type Frames, listFrames } from "../../../remote/framing";
import type { Settings } from "../../../platform/settings";
import { hasDatabase, onHost } from "../../../platform/settings/on-host";
import type { Environment } from "../../environment";
import { backupAccess, backupStep, listBackups, place } from "../backups";
import { type EnvironmentDatabase, HostStepError } from "../database";
import { restoredFrom } from "../restore";
import type { SignedRecord } from "../signed-record";
import { rehearsalOverlay } from "./overlay";
import { newestRehearsal, type RehearsalRecord, signRehearsal } from "./record";
import { type HostRehearsal, verdictOf } from "./verdict";

/** Options of {@link rehearse}. */
export interface RehearseOptions {
  /** The origin whose migrations run. @default the only one that migrates the database */
  readonly origin?: string | undefined;
  /** The image whose migrations run. @default what the stack file says */
  readonly image?: string | undefined;
  /** Which backup. @default the newest; where there is none, the database is dumped */
  readonly backup?: string | undefined;
  /** Dumps the database although there are backups. @default false */
  readonly live?: boolean | undefined;
  /** Milliseconds that ACCESS EXCLUSIVE may be held. @default 1000 */
  readonly limitMs?: number | undefined;
  /** Told what happens. @default nobody */
  readonly log?: (line: string) => void;
}

/** A record, and whether it was kept. */
export interface Rehearsed {
  readonly record: RehearsalRecord;
  /** False where the stack has no backups of the database, whose key signs it. */
  readonly kept: boolean;
}

type Origin = NonNullable<ReturnType<typeof onHost>>;

/**
 * Copies the newest backup into a server of its own, runs the migrations of the release that comes there, as a release runs
 * them, then starts the release that serves on the new schema. The database itself is not changed; where it has no backup
 * it is dumped, which is said. The record is signed and kept on the host.
 *
 * @throws UserError where nothing could be tried: no migrations, no host, no copy
 */
export async function rehearse(
  environment: Environment,
  database: EnvironmentDatabase,
  { backup, image, limitMs = 1000, live = false, log = () => undefined, origin: named }: RehearseOptions = {},
): Promise<Rehearsed> {
  const began = new Date();
  const { settings } = await environment.config();
  const [name, origin] = migratingOrigin(settings, database, named);
  const { migrations } = origin;
  if (migrations === undefined) throw new Error("an origin that migrates nothing");
  if (live && backup !== undefined) {
    throw new UserError({
      what: "either a backup or the database as it is",
      value: `--backup ${backup} with --live`,
      next: `npx groundwork db rehearse -s ${database.stack} --backup ${backup}`,
    });
  }
  const chosen = restoredFrom(backup);
  const [last, roles] = await environment.stepInputs([`${name}-migrations`, `${database.name}-roles`]);
  const statements = roles?.["statements"];
  if (last === undefined || statements === undefined) {
    throw new UserError({
      what: `${database.stack} was not brought up yet with these migrations`,
      value: name,
      next: `npx groundwork up -s ${database.stack}`,
    });
  }
  const source = await sourceOf(database, { backup, live, log });
  const reference = image ?? origin.services[migrations.service]?.image ?? textOf(last["image_1_reference"]);
  const variables = { ...variablesOf(last), ...plainTexts(migrations.environment) };
  const secrets = secretsIn(variables);
  log(
    `running the migrations of ${reference ?? `the image of ${migrations.service}`} on ` +
      (source === "live" ? "a copy of the database" : `backup ${source.backup} of ${source.at}`),
  );
  const frames: Frames = {
    ...(source === "live" ? {} : chosen),
    source: source === "live" ? "live" : "backup",
    statements,
    aliases: hostsIn([...Object.values(variables), ...database.addresses]).join("\n"),
    overlay: overlayOf(environment.directory, origin),
    app: migrations.service,
    release: "rehearsal",
    ...listFrames(
      "images",
      "image",
      reference === undefined ? [] : [{ service: migrations.service, reference }],
    ),
    ...words("argument", migrations.command ?? wordsIn(last, "argument")),
    ...words("smoke", migrations.smokeCommand ?? []),
    ...listFrames(
      "variables",
      "variable",
      Object.entries(variables).map(([variable, value]) => ({ name: variable, value })),
    ),
    timeout: migrations.timeoutSeconds,
    pull: origin.pull === "always" ? "missing" : origin.pull,
    health: Math.max(
      1,
      ...Object.values(origin.services).map(({ healthTimeoutSeconds }) => healthTimeoutSeconds),
    ),
    ...listFrames("checks", "check", checksOf(origin)),
  };
  const host = await tried(database, source, frames, secrets);
  const verdict = verdictOf(host, {
    limitMs,
    breaking: migrations.breaking,
    redact: redactor(secrets),
  });
  const record: RehearsalRecord = {
    version: 1,
    ...place(database),
    origin: name,
    at: began.toISOString(),
    source: host.source,
    ...(host.backup === "" ? {} : { backup: host.backup }),
    copyAt: host.at,
    ...(reference === undefined ? {} : { image: reference }),
    ...(host.image === "" ? {} : { imageId: host.image }),
    limitMs,
    exact: host.exact,
    ...(host.previous === "" ? {} : { previous: host.previous }),
    checks: host.checks,
    seconds: host.seconds,
    ...verdict,
  };
  return { record, kept: await keep(database, record) };
}

/** The newest record of a rehearsal, of a stack that has backups of the database. */
export async function lastRehearsal(database: EnvironmentDatabase): Promise<RehearsalRecord | undefined> {
  if (database.backups === undefined) return undefined;
  const { rehearsals } = await database.hostStep<{ rehearsals: readonly SignedRecord[] }>(
    "database-records",
    {
      name: database.name,
    },
  );
  return newestRehearsal(rehearsals, database.backups.recordKey, place(database));
}

/**
 * The origin whose migrations change a database.
 *
 * @throws UserError where there is none, several, or the database is not in a container
 */
export function migratingOrigin(
  { databases, origins }: Pick<Settings, "databases" | "origins">,
  database: EnvironmentDatabase,
  named?: string,
): readonly [name: string, origin: Origin] {
  const { name, settings, stack } = database;
  if (settings.kind !== "container") {
    throw new UserError({
      what: "a rehearsal needs a database in a container of a host",
      value: `${name} of ${stack}`,
      next: "rehearse at the service itself, on a branch or a clone that it makes",
    });
  }
  const only = Object.keys(databases).length === 1;
  const all = Object.entries(origins).flatMap(([key, each]): [string, Origin][] => {
    const origin = onHost(each);
    const migrates = origin?.migrations;
    const meant = migrates !== undefined && (migrates.database ?? (only ? name : undefined)) === name;
    return origin !== undefined && meant && hasDatabase(each, settings) ? [[key, origin]] : [];
  });
  const found = named === undefined ? all : all.filter(([key]) => key === named);
  const [first] = found;
  if (first !== undefined && found.length === 1) return first;
  throw new UserError({
    what:
      first !== undefined
        ? `several origins of ${stack} migrate this database`
        : named === undefined
          ? `no origin of ${stack} migrates this database`
          : `that origin of ${stack} does not migrate this database`,
    value: named ?? name,
    allowed: all.length === 0 ? "an origin with migrations" : all.map(([key]) => key).join(", "),
    next:
      all.length === 0
        ? `write migrations to groundwork:origins, then npx groundwork up -s ${stack}`
        : `npx groundwork db rehearse -s ${stack} --origin ${all[0]?.[0] ?? ""}`,
  });
}

async function sourceOf(
  database: EnvironmentDatabase,
  { backup, live, log }: { backup: string | undefined; live: boolean; log: (line: string) => void },
): Promise<"live" | { readonly backup: string; readonly at: string }> {
  if (live) return "live";
  if (database.backups === undefined && backup === undefined) {
    log("there are no backups of this database: it is dumped as it is, which reads all of it");
    return "live";
  }
  backupAccess(database);
  const { backups } = await listBackups(database);
  const meant =
    backup === undefined ? backups[0] : backups.find((each) => each.backup.startsWith(backup.slice(0, 8)));
  if (meant !== undefined) return meant;
  if (backup === undefined) {
    log("there is no backup yet: the database is dumped as it is, which reads all of it");
    return "live";
  }
  throw new UserError({
    what: "there is no such backup",
    value: backup,
    next: `npx groundwork db backups -s ${database.stack}`,
  });
}

async function tried(
  database: EnvironmentDatabase,
  source: "live" | object,
  frames: Frames,
  secrets: readonly string[],
): Promise<HostRehearsal> {
  try {
    return source === "live"
      ? await database.hostStep<HostRehearsal>(
          "database-rehearse",
          { name: database.name, ...frames },
          secrets,
        )
      : await backupStep<HostRehearsal>(database, "database-rehearse", frames, secrets);
  } catch (error) {
    if (!(error instanceof HostStepError) || error.code !== 20) throw error;
    throw new UserError({
      ...error.parts,
      what: "there is no copy of the database to rehearse on; the database itself is as it was",
      next: `mend what it says, then run the same again; npx groundwork db drill -s ${database.stack} tries a restore alone`,
    });
  }
}

async function keep(database: EnvironmentDatabase, record: RehearsalRecord): Promise<boolean> {
  if (database.backups === undefined) return false;
  const signed = signRehearsal(record, database.backups.recordKey);
  const told = { name: database.name, kind: "rehearsals", record: JSON.stringify(signed) };
  await database.hostStep("database-drill-record", told);
  return true;
}

function overlayOf(directory: string, origin: Origin): string {
  const read = readComposeFile(resolve(directory, origin.composeFile));
  if ("problem" in read) {
    throw new UserError({
      what: `the compose file ${read.problem}`,
      value: origin.composeFile,
      next: "mend it, then run the same again",
    });
  }
  const migrating = origin.migrations?.service;
  return rehearsalOverlay({
    project: origin.project,
    summary: read.summary,
    services: [...(migrating === undefined ? [] : [migrating]), ...checkedServices(origin)],
    withCertificate: Object.entries(origin.services).flatMap(([service, { tls }]) =>
      tls === undefined || !("originCertificate" in origin) || origin.originCertificate === undefined
        ? []
        : [service],
    ),
  });
}

/** Services with a health path; where none has one, the one that holds the migrations. */
function checkedServices({ migrations, services }: Origin): string[] {
  const asked = Object.keys(services).filter((service) => services[service]?.healthPath !== undefined);
  return asked.length > 0 ? asked : migrations === undefined ? [] : [migrations.service];
}

function checksOf(origin: Origin): Frames[] {
  const [hostname] = "hostnames" in origin ? origin.hostnames : [];
  return checkedServices(origin).map((service) => {
    const { healthPath, port } = origin.services[service] ?? {};
    return {
      service,
      ...(healthPath === undefined || port === undefined ? {} : { path: healthPath, port }),
      ...(hostname === undefined ? {} : { hostname }),
    };
  });
}

function words(name: string, command: string | readonly string[]): Frames {
  const list = typeof command === "string" ? ["sh", "-c", command] : command;
  return {
    [`${name}s`]: list.length,
    ...Object.fromEntries(list.map((word, index) => [`${name}_${index + 1}`, word])),
  };
}

function wordsIn(frames: Frames, name: string): string[] {
  return numbered(frames, `${name}s`, (index) => textOf(frames[`${name}_${index}`]) ?? "");
}

function variablesOf(frames: Frames): Record<string, string> {
  return Object.fromEntries(
    numbered(frames, "variables", (index) => [
      textOf(frames[`variable_${index}_name`]) ?? "",
      textOf(frames[`variable_${index}_value`]) ?? "",
    ]),
  );
}

function numbered<T>(frames: Frames, count: string, each: (index: number) => T): T[] {
  return Array.from({ length: Number(frames[count] ?? 0) }, (_, index) => each(index + 1));
}

function textOf(value: string | number | undefined): string | undefined {
  return value === undefined || value === "" ? undefined : String(value);
}

/** Values that stand in the stack file as they are; others are as the last run had them. */
function plainTexts(environment: Readonly<Record<string, unknown>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(environment).filter((entry): entry is [string, string] => typeof entry[1] === "string"),
  );
}

/** Whole values, and the passwords in addresses. */
function secretsIn(variables: Readonly<Record<string, string>>): string[] {
  return Object.values(variables).flatMap((value) => {
    const password = URL.canParse(value) ? new URL(value).password : "";
    const both = password === "" ? [] : [password, decodeURIComponent(password)];
    return [...both, ...(value.length >= 8 ? [value] : [])];
  });
}

function hostsIn(values: readonly string[]): string[] {
  const hosts = values.flatMap((value) =>
    /^postgres(ql)?:/.test(value) && URL.canParse(value) ? [new URL(value).hostname] : [],
  );
  return [...new Set(hosts)].filter((host) => /^[A-Za-z][A-Za-z0-9._-]*$/.test(host));
}
