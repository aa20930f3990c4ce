/** Releases on the hosts of an environment: listed and rolled back over SSH, without a run of the engine. */
import { UserError } from "../common/user-error";
import { explainRollout } from "../components/origin/follow-rollout";
import { type Ledger, readLedger } from "../components/origin/ledger";
import { type RolloutOutput, runRollout } from "../components/origin/run-rollout";
import type { HeadersByHost } from "../components/shared/access-headers";
import { hostAccess } from "../platform/host-access";
import type { ComposeOriginSettings, OriginSettings, TunnelOriginSettings } from "../platform/settings";
import { onHost } from "../platform/settings/on-host";
import type { Frames } from "../remote/framing";
import { SshConnection, SshFailure } from "../remote/ssh-client";
import type { StackConfig } from "./stack-config";
import { migrationFramesOf, probeOf, type StackState } from "./state";

export type { Ledger, LedgerSpan } from "../components/origin/ledger";

/** A release that a host keeps. */
export interface ReleaseRecord {
  readonly id: string;
  /** Counts up on the host. */
  readonly number: number;
  /** When it last took over, ISO 8601, by the host's clock. */
  readonly at: string;
  /** `active` has the traffic, `previous` had it before. */
  readonly state: "active" | "previous" | "kept";
  /** References by service. */
  readonly images: Readonly<Record<string, string>>;
  /** The schema's version, where migrations tell it. */
  readonly schema?: string;
  /** Whether releases before it cannot work with its schema. */
  readonly breaking: boolean;
  /** What its rollout lost, where something was asked meanwhile. */
  readonly ledger?: Ledger;
}

/** The releases of one origin, the one that was entered last first. */
export interface OriginReleases {
  readonly origin: string;
  readonly project: string;
  /** Id of a release that is under way now. */
  readonly running?: string;
  readonly releases: readonly ReleaseRecord[];
}

/** Options of a rollback. */
export interface RollbackOptions {
  /** @default the only origin that is deployed to a host */
  readonly origin?: string | undefined;
  /** Id, the beginning of one, or number of a release that the host keeps. @default the one before */
  readonly to?: string | undefined;
  /** Takes migrations back first, by the origin's `downgradeCommand`. @default false: refused across a breaking one */
  readonly downgrade?: boolean | undefined;
  /** Told what happens, one line each. @default nobody */
  readonly log?: (line: string) => void;
}

type HostedOrigin = (ComposeOriginSettings | TunnelOriginSettings) & { readonly inSwarm?: boolean };

/** The origins that are deployed to a host, by name; of them the named one. @throws UserError where it is none of them */
export function hostedOrigins(
  { settings, stack }: StackConfig,
  named?: string,
): [name: string, origin: HostedOrigin][] {
  const all = Object.entries(settings.origins).flatMap(([name, origin]): [string, HostedOrigin][] =>
    hosted(origin).map((each) => [name, each]),
  );
  if (named === undefined) return all;
  const found = all.filter(([name]) => name === named);
  if (found.length > 0) return found;
  throw new UserError({
    what:
      settings.origins[named] === undefined
        ? `${stack} has no origin of that name`
        : "that origin is at a platform, which keeps its releases itself",
    value: named,
    allowed:
      all.length === 0 ? "none: no origin is deployed to a host" : all.map(([name]) => name).join(", "),
    next: `npx groundwork releases -s ${stack}`,
  });
}

/** None where the origin is elsewhere; of a swarm its manager, which keeps the releases. */
function hosted(origin: OriginSettings): HostedOrigin[] {
  const found = onHost(origin);
  return found === undefined ? [] : [{ ...found, inSwarm: origin.kind === "swarm" }];
}

/** Reads what the hosts keep. @throws UserError where one cannot be reached */
export async function listReleases(config: StackConfig, named?: string): Promise<OriginReleases[]> {
  return Promise.all(
    hostedOrigins(config, named).map(async ([origin, settings]) =>
      connected(config, settings, (connection) => releasesOf(connection, config, origin, settings)),
    ),
  );
}

async function releasesOf(
  connection: SshConnection,
  config: StackConfig,
  origin: string,
  { host, project }: HostedOrigin,
): Promise<OriginReleases> {
  const access = hostAccess(config.settings, config.secrets, host);
  const { code, stdout, stderr } = await connection.step("releases", access, project);
  if (code !== 0) {
    throw new UserError({
      what: `the releases of ${origin} cannot be read on ${host}`,
      value: stderr.trim(),
      next: "mend what is said and run the same command again",
    });
  }
  return { origin, project, ...readReleases(stdout) };
}

/** The answer of the step `releases`. */
export function readReleases(stdout: string): Pick<OriginReleases, "running" | "releases"> {
  const answer = JSON.parse(stdout.trim().split("\n").at(-1) ?? "{}") as {
    readonly active?: string | null;
    readonly previous?: string | null;
    readonly running?: string | null;
    readonly releases?: readonly {
      readonly release: string;
      readonly number?: number;
      readonly at?: number;
      readonly images?: Readonly<Record<string, { readonly reference?: string }>>;
      readonly schema?: unknown;
      readonly breaking?: unknown;
      readonly ledger?: unknown;
    }[];
  };
  const releases = (answer.releases ?? []).map((record): ReleaseRecord => {
    const ledger = readLedger(record.ledger);
    const { release: id } = record;
    return {
      id,
      number: record.number ?? 0,
      at: new Date(record.at ?? 0).toISOString(),
      state: id === answer.active ? "active" : id === answer.previous ? "previous" : "kept",
      images: Object.fromEntries(
        Object.entries(record.images ?? {}).map(([service, { reference = "" }]) => [service, reference]),
      ),
      ...(typeof record.schema === "string" && record.schema !== "" ? { schema: record.schema } : {}),
      breaking: record.breaking === true,
      ...(ledger === undefined ? {} : { ledger }),
    };
  });
  return {
    ...(answer.running === undefined || answer.running === null ? {} : { running: answer.running }),
    releases,
  };
}

/**
 * Goes back to a release that the host keeps: images, configuration and secrets as they were then, beside the running one,
 * with the same checks and the same ledger as any release.
 *
 * @param state the stack's, its secrets shown: what its last run gave to migrations, and asked meanwhile
 * @param headers of requests to a host name, where Access is in front of it. Default: those of the last run
 * @throws UserError where there is none to go back to, where it is refused, or where it does not get healthy
 */
export async function rollBack(
  config: StackConfig,
  options: RollbackOptions,
  state: StackState,
  headers: HeadersByHost = {},
): Promise<RolloutOutput> {
  const { log = () => undefined, downgrade = false } = options;
  const [origin, settings] = onlyOrigin(config, options.origin);
  const { stack } = config;
  const { project, keepReleases, host } = settings;
  const access = hostAccess(config.settings, config.secrets, host);
  const forced = await connected(config, settings, async (connection) => {
    const listed = await releasesOf(connection, config, origin, settings);
    const target = targetOf(listed, options.to, stack);
    log(`${origin}: back to release ${target.id} (number ${target.number}, of ${target.at})`);
    refuseUnmigrated(listed, target, stack);
    const crossed = breakingSince(listed, target);
    if (downgrade && crossed.length > 0) {
      await takeBack(connection, { config, origin, settings, target, crossed, state, log });
    }
    return { target, schema: downgrade && crossed.length > 0 };
  });
  const id = forced.target.id;
  const asked = probeOf(state, origin);
  const probe = asked && { ...asked, headers: headers[new URL(asked.url).hostname] ?? asked.headers };
  try {
    return await runRollout(
      {
        origin,
        stack,
        host: access,
        project,
        ...(settings.inSwarm === true ? { step: "swarm-rollout" as const } : {}),
        frames: { release: id, to: id, keep: keepReleases, ...(forced.schema ? { forced: "schema" } : {}) },
        ...(probe === undefined ? {} : { probe }),
      },
      log,
    );
  } catch (error) {
    const explained = explainRollout(error, { project, stack });
    if (explained === undefined) throw error;
    throw new UserError({ ...explained, cause: error });
  }
}

function onlyOrigin(config: StackConfig, named: string | undefined): [string, HostedOrigin] {
  const all = hostedOrigins(config, named);
  const [only] = all;
  if (only !== undefined && all.length === 1) return only;
  throw new UserError({
    what:
      only === undefined
        ? `no origin of ${config.stack} is deployed to a host`
        : `which origin of ${config.stack} goes back is not said`,
    allowed: all.map(([name]) => name).join(", ") || undefined,
    next:
      only === undefined
        ? "go back at the platform itself, such as by flyctl releases and flyctl deploy --image"
        : `npx groundwork rollback -s ${config.stack} --origin ${only[0]}`,
  });
}

/** @throws UserError where there is no such release */
export function targetOf(
  { releases, origin }: OriginReleases,
  to: string | undefined,
  stack: string,
): ReleaseRecord {
  const fits =
    to === undefined
      ? releases.filter(({ state }) => state === "previous")
      : ([
          releases.filter(({ id }) => id === to),
          releases.filter(({ number }) => String(number) === to),
          releases.filter(({ id }) => to !== "" && id.startsWith(to)),
        ].find((found) => found.length > 0) ?? []);
  const [target] = fits;
  const others = releases
    .filter(({ state }) => state !== "active")
    .map(({ id, number }) => `${id} (${number})`);
  const refuse = (what: string) =>
    new UserError({
      what,
      value: to,
      allowed: others.length === 0 ? "none: the host keeps no other release" : others.join(", "),
      next: `npx groundwork releases -s ${stack}`,
    });
  if (target === undefined) {
    throw refuse(
      to === undefined
        ? `${origin} has no release before the one that runs`
        : `the host of ${origin} keeps no such release`,
    );
  }
  if (fits.length > 1) throw refuse("more than one release begins like that");
  if (target.state === "active") throw refuse("that release runs already");
  return target;
}

/**
 * A newer release behind a breaking migration can only have been left by taking that migration back: only a release of
 * the stack's own runs migrations again.
 */
function refuseUnmigrated({ releases, origin }: OriginReleases, target: ReleaseRecord, stack: string): void {
  const active = releases.find(({ state }) => state === "active");
  if (active === undefined) return;
  const [missing] = breakingSince({ releases }, active).filter(({ number }) => number <= target.number);
  if (missing === undefined) return;
  throw new UserError({
    what: `release ${target.id} of ${origin} needs the schema of release ${missing.id}, whose migrations were taken back`,
    next: `npx groundwork up -s ${stack} after a change of the image or of groundwork:origins.${origin}: that runs migrations`,
  });
}

/** Releases after the target whose schema it cannot work with, the newest first. */
export function breakingSince(
  { releases }: Pick<OriginReleases, "releases">,
  target: ReleaseRecord,
): ReleaseRecord[] {
  return releases
    .filter(({ breaking, number }) => breaking && number > target.number)
    .sort((one, other) => other.number - one.number);
}

/** A downgrade command that never comes to the wanted version is given up after so many runs. */
const mostDowngrades = 50;

/**
 * Runs the downgrade command, in the image of the release that runs and with the migrating user's login, until the schema
 * is the target's; where versions are not known, once for each release that is crossed.
 */
async function takeBack(
  connection: SshConnection,
  {
    config,
    origin,
    settings,
    target,
    crossed,
    state,
    log,
  }: {
    readonly config: StackConfig;
    readonly origin: string;
    readonly settings: HostedOrigin;
    readonly target: ReleaseRecord;
    readonly crossed: readonly ReleaseRecord[];
    readonly state: StackState;
    readonly log: (line: string) => void;
  },
): Promise<void> {
  const { migrations, project, host } = settings;
  const command = migrations?.downgradeCommand;
  if (command === undefined) {
    throw new UserError({
      what: `${origin} has no command that takes a migration back`,
      allowed: `groundwork:origins.${origin}.migrations.downgradeCommand, such as "alembic downgrade -1"`,
      next: `write it into Pulumi.${config.stack}.yaml and run the same command again; or restore the database as it was at ${target.at}`,
    });
  }
  const frames = migrationFramesOf(state, origin);
  if (frames === undefined) {
    throw new UserError({
      what: `the state of ${config.stack} has no migrations of ${origin}`,
      next: `npx groundwork up -s ${config.stack}`,
    });
  }
  const words = typeof command === "string" ? ["sh", "-c", command] : command;
  const access = hostAccess(config.settings, config.secrets, host);
  const runs = target.schema === undefined ? crossed.length : mostDowngrades;
  for (let run = 1, before = ""; run <= runs; run++) {
    log(`${origin}: taking the schema back (${run})`);
    const { code, stdout, stderr } = await connection.step(
      "migrate",
      access,
      project,
      withCommand(frames, words),
    );
    if (code !== 0) {
      throw new UserError({
        what: `the schema of ${origin} could not be taken back: the release that runs serves on`,
        value: `\n${stderr.trim().replace(/^/gm, "  ")}`,
        next: "mend what is said and run the same command again; or restore the database",
      });
    }
    if (target.schema === undefined) continue;
    const schema = schemaIn(stdout);
    if (schema === target.schema) return;
    if (schema === undefined || schema === before) {
      throw new UserError({
        what: `the schema of ${origin} does not come to the version of release ${target.id}`,
        value: schema ?? "unknown",
        allowed: target.schema,
        next: "look at the downgrade command; nothing else was changed, and the release that runs serves on",
      });
    }
    before = schema;
  }
}

/** The frames of migrations with another command. */
export function withCommand(frames: Frames, words: readonly string[]): Frames {
  const others = Object.entries(frames).filter(([name]) => !/^(arguments|argument_\d+|trigger)$/.test(name));
  return {
    ...Object.fromEntries(others),
    arguments: words.length,
    ...Object.fromEntries(words.map((word, index) => [`argument_${index + 1}`, word])),
  };
}

function schemaIn(stdout: string): string | undefined {
  const { schema } = JSON.parse(stdout.trim().split("\n").at(-1) ?? "{}") as { schema?: unknown };
  return typeof schema === "string" && schema !== "" ? schema : undefined;
}

async function connected<T>(
  { settings, secrets }: StackConfig,
  { host }: HostedOrigin,
  work: (connection: SshConnection) => Promise<T>,
): Promise<T> {
  let connection: SshConnection | undefined;
  try {
    connection = await SshConnection.open(hostAccess(settings, secrets, host));
    return await work(connection);
  } catch (error) {
    if (!(error instanceof SshFailure)) throw error;
    throw new UserError({ what: error.message, next: error.next, cause: error });
  } finally {
    connection?.close();
  }
}
