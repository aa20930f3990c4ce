/** `groundwork release`: what runs in the environment before is released by git: a tag, the production branch, its images. */
import { readFileSync, realpathSync } from "node:fs";
import { join, relative, sep } from "node:path";
import { type Log, silent } from "../../common/log";
import { UserError } from "../../common/user-error";
import { readSettings, type Settings } from "../../platform/settings";
import type { Environment } from "../environment";
import { gitRoot } from "../git";
import type { Project } from "../project";
import { stacksOf } from "../pipelines/project";
import { editStackFile } from "../stack-file-edit";
import { assertReleasable, type ReadyCheckout } from "./checkout";
import { assertHealthy } from "./health";
import { type DigestOf, imageEdits, type ImageEdit } from "./images";
import { JournalFile, type ReleaseJournal } from "./journal";
import { digestAtRegistry } from "./registry";
import { dropTag, follow, isPushed, makeCommit, makeTag, pushAll } from "./steps";

/** Options of {@link release}. */
export interface ReleaseOptions {
  readonly project: Project;
  /** The stack that is released to. @default the only one with `groundwork:release` */
  readonly stack?: string | undefined;
  /** Looks at everything and changes nothing. @default false */
  readonly dryRun?: boolean;
  /** Opens the environment before. */
  readonly open: (stack: string) => Promise<Environment>;
  /** @default the registry itself, with FLY_API_TOKEN for Fly.io's */
  readonly digestOf?: DigestOf;
  /** Begins no further step: what is begun is kept, and goes on by the same call. @default never */
  readonly signal?: AbortSignal | undefined;
  /** Told what is found and done. @default nobody */
  readonly log?: Log;
  /** @default now */
  readonly now?: Date;
}

/** What a release did, or would do. */
export interface Released {
  readonly stack: string;
  readonly tag: string;
  /** Undefined with `dryRun`. */
  readonly commit: string | undefined;
  readonly images: readonly ImageEdit[];
  /** Whether it went on with one that was cut short. */
  readonly resumed: boolean;
}

/**
 * Releases what the environment before runs: a commit in which the stack file names its images by digest, a tag, and the
 * production branch moved forward to it, pushed all at once. What was cut short goes on where it was.
 *
 * @throws UserError where the checkout is dirty or behind, the environment before is not well, or the remote refuses
 */
export async function release(options: ReleaseOptions): Promise<Released> {
  const { project, dryRun = false, log = silent, signal } = options;
  const root = await gitRoot(project.directory);
  const kept = await JournalFile.of(root, project.name);
  const begun = kept.read();
  if (begun !== undefined) {
    log(`release ${begun.tag} of ${begun.stack} was begun at ${begun.at} and cut short; going on with it`);
    if (options.stack !== undefined && options.stack !== begun.stack) throw otherBegun(begun, options.stack);
    const done = dryRun ? undefined : await goOn(root, kept, begun, { log, signal });
    return { stack: begun.stack, tag: begun.tag, commit: done, images: [], resumed: true };
  }
  const { journal, images } = await plan(options, root, log);
  signal?.throwIfAborted();
  if (dryRun) return { stack: journal.stack, tag: journal.tag, commit: undefined, images, resumed: false };
  kept.write(journal);
  const commit = await goOn(root, kept, journal, { log, signal });
  return { stack: journal.stack, tag: journal.tag, commit, images, resumed: false };
}

/**
 * Gives a release up that was begun and not pushed.
 *
 * @param options.dryRun changes nothing. @default false
 * @returns its tag; undefined where none was begun
 * @throws UserError where it was pushed: it is deployed then
 */
export async function abandonRelease(
  project: Project,
  { dryRun = false }: Pick<ReleaseOptions, "dryRun"> = {},
): Promise<string | undefined> {
  const root = await gitRoot(project.directory);
  const kept = await JournalFile.of(root, project.name);
  const begun = kept.read();
  if (begun === undefined) return undefined;
  if (await isPushed(root, begun)) {
    throw new UserError({
      what: `release ${begun.tag} of ${begun.stack} was pushed already: ${begun.remote} has its tag, and its pipeline deploys it`,
      next: `npx groundwork release -s ${begun.stack}, which ends it here; going back is npx groundwork rollback`,
    });
  }
  if (dryRun) return begun.tag;
  await dropTag(root, begun);
  kept.remove();
  return begun.tag;
}

/** Looks at everything that a release depends on. Changes nothing but what is fetched. */
async function plan(
  { project, stack: wanted, open, digestOf = ownDigestOf, now = new Date() }: ReleaseOptions,
  root: string,
  log: Log,
): Promise<{ journal: ReleaseJournal; images: ImageEdit[] }> {
  const { settings, stack } = await releasedStack(project, wanted);
  const { branch, productionBranch, tag: pattern, from } = settings.release;
  const checkout = await assertReleasable(root, { branch, productionBranch });
  log(`${branch} is at ${checkout.commit.slice(0, 12)}, here and at ${checkout.remote}`);
  const before = from ?? (stacksOf(project.directory).includes("staging") ? "staging" : undefined);
  const images =
    before === undefined || before === stack
      ? []
      : await promoted(project, before, settings, open, digestOf, log);
  const tag = pattern.replaceAll("{timestamp}", timestamp(now));
  const file = join(project.directory, `Pulumi.${stack}.yaml`);
  const text = readFileSync(file, "utf8");
  const edited = images.reduce((edits, { path, to }) => editStackFile(edits, path, to), text);
  return {
    images,
    journal: {
      version: 1,
      stack,
      tag,
      at: `${now.toISOString().slice(0, 19)}Z`,
      remote: checkout.remote,
      branch,
      ...(productionBranch === undefined ? {} : { productionBranch }),
      base: checkout.commit,
      message: messageOf(tag, stack, before, images),
      ...(edited === text ? {} : { stackFile: { path: below(checkout, file), text: edited } }),
    },
  };
}

/** What the environment before runs, which must be well. */
async function promoted(
  project: Project,
  before: string,
  target: Settings,
  open: ReleaseOptions["open"],
  digestOf: DigestOf,
  log: Log,
): Promise<ImageEdit[]> {
  const file = join(project.directory, `Pulumi.${before}.yaml`);
  const written = await readSettings(file, before);
  const hosted = Object.values(written.origins).some(({ kind }) => kind !== "external");
  const environment = hosted ? await open(before) : undefined;
  const settings = environment === undefined ? written : (await environment.config()).settings;
  const releases = environment === undefined ? [] : await environment.releases();
  for (const line of await assertHealthy(settings, releases)) log(`${before}: ${line}`);
  return imageEdits(settings, target, releases, digestOf);
}

/** Does what is left of a release. */
async function goOn(
  root: string,
  kept: JournalFile,
  begun: ReleaseJournal,
  { log, signal }: { readonly log: Log; readonly signal: AbortSignal | undefined },
): Promise<string> {
  signal?.throwIfAborted();
  const commit = begun.commit ?? (await makeCommit(root, begun));
  const journal = { ...begun, commit };
  if (begun.commit === undefined) kept.write(journal);
  await makeTag(root, journal, commit);
  signal?.throwIfAborted();
  const pushed = await pushAll(root, journal, commit);
  if (pushed === "moved on") {
    await dropTag(root, journal);
    kept.remove();
    throw new UserError({
      what: `somebody has pushed to ${journal.branch} meanwhile: nothing was released`,
      next: "git pull --ff-only, look at what has come, then run the same command again",
    });
  }
  log(
    pushed === "pushed"
      ? `pushed to ${journal.remote}, all at once: ${[journal.branch, journal.productionBranch, journal.tag].filter((name) => name !== undefined).join(", ")}`
      : `${journal.remote} has tag ${journal.tag} already`,
  );
  if (!(await follow(root, journal, commit))) {
    log(`the checkout stays where it is; git pull brings it to ${commit.slice(0, 12)}`);
  }
  kept.remove();
  return commit;
}

async function releasedStack(
  { directory }: Project,
  wanted: string | undefined,
): Promise<{ stack: string; settings: Settings & { release: NonNullable<Settings["release"]> } }> {
  const found = [];
  for (const stack of wanted === undefined ? stacksOf(directory) : [wanted]) {
    const settings = await readSettings(join(directory, `Pulumi.${stack}.yaml`), stack);
    const { release: section } = settings;
    if (section !== undefined) found.push({ stack, settings: { ...settings, release: section } });
  }
  const [only] = found;
  if (only !== undefined && found.length === 1) return only;
  throw new UserError({
    what:
      only === undefined
        ? "no stack file says how a release is made"
        : "more than one stack can be released to",
    ...(found.length > 1 ? { allowed: found.map(({ stack }) => stack).join(", ") } : {}),
    next:
      only === undefined
        ? `write groundwork:release into Pulumi.${wanted ?? "prod"}.yaml: docs/pipelines.md`
        : `npx groundwork release -s ${only.stack} --dry-run`,
  });
}

/** `2026-01-31-143015`, in UTC. */
export function timestamp(now: Date): string {
  return now.toISOString().slice(0, 19).replace("T", "-").replaceAll(":", "");
}

function messageOf(
  tag: string,
  stack: string,
  before: string | undefined,
  images: readonly ImageEdit[],
): string {
  const lines = images.map(({ name, to }) => `${name}: ${to}`);
  return [
    `Release ${tag} to ${stack}`,
    ...(lines.length === 0 ? [] : ["", `As ${before ?? ""} runs it:`, ...lines]),
  ].join("\n");
}

function below({ root }: ReadyCheckout, file: string): string {
  return relative(root, realpathSync(file)).split(sep).join("/");
}

const ownDigestOf: DigestOf = (reference, platform) => {
  const token = process.env["FLY_API_TOKEN"];
  return digestAtRegistry(
    reference,
    platform === "fly" && token !== undefined && token !== ""
      ? { username: "x", password: token }
      : undefined,
  );
};

function otherBegun({ stack, tag }: ReleaseJournal, wanted: string): UserError {
  return new UserError({
    what: `release ${tag} of ${stack} was begun and cut short`,
    value: `asked for: ${wanted}`,
    next: `npx groundwork release -s ${stack}, which ends it; or npx groundwork release --abandon`,
  });
}
