import { constants, copyFileSync, existsSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { type Log, silent } from "../../common/log";
import { UserError } from "../../common/user-error";
import {
  type ImportList,
  type ImportedResource,
  importListFile,
  importListText,
} from "../../platform/imports";
import { CloudflareApi, CloudflareRefusal } from "../cloudflare-api";
import type { Environment } from "../environment";
import { type Description, type DescribeOptions, describe } from "./describe";
import { identify } from "./identify";
import { type Live, type LiveZone, readLive } from "./live";
import { keptWords, Planned } from "./planned";

/** Options of {@link adopt}. */
export interface AdoptOptions extends Omit<DescribeOptions, "stack"> {
  readonly stack: string;
  /** The project's folder. */
  readonly directory: string;
  /** Name of the zone. */
  readonly domain: string;
  /** Where several accounts have a zone of that name. @default the only one's */
  readonly accountId?: string | undefined;
  readonly apiToken: string;
  /** Writes over a stack file that is there; the first one of before is kept beside it. @default false */
  readonly force?: boolean;
  /** Opens the environment once its stack file is written. */
  readonly open: () => Promise<Environment>;
  readonly signal?: AbortSignal | undefined;
  /** @default silent */
  readonly log?: Log;
}

/** What was taken over. */
export interface Adopted {
  /** The files that were written, the stack file first. */
  readonly files: readonly string[];
  readonly imported: readonly ImportedResource[];
  /** Properties that stay as they are there, since the stack file says something else: a line each. */
  readonly kept: readonly string[];
  /** What the first `up` writes once more, with what is there already: a line each. */
  readonly rewritten: readonly string[];
  /** What the first `up` would make, since it is not there: a line each. */
  readonly made: readonly string[];
  /** What stays by hand, a line each: what, and why. */
  readonly remarks: readonly string[];
  readonly requests: number;
}

/** Ignoring one difference may bring another to light, as a replacement hides what is below it. */
const rounds = 4;

/**
 * Writes the stack file and the import list of what stands at Cloudflare already, so that a first `up` takes it over and
 * changes nothing. Nothing at Cloudflare is changed. What settings cannot say is told in `remarks` and `kept`.
 *
 * @throws UserError where there is a stack file, no such zone, a token that may not read it, or the stack has resources
 */
export async function adopt(options: AdoptOptions): Promise<Adopted> {
  const { stack, directory, log = silent, force = false } = options;
  const file = join(directory, `Pulumi.${stack}.yaml`);
  const listFile = importListFile(directory, stack);
  const there = [file, listFile].filter((each) => existsSync(each));
  if (there.length > 0 && !force) {
    throw new UserError({
      what: "there is a stack file already, and it is not written over",
      value: there.map((each) => basename(each)).join(", "),
      allowed: "the name of a stack without one",
      next: `npx groundwork adopt -s ${stack} --domain ${options.domain} --force writes a new one; ${there.map(whatIsKept).join("; ")}`,
    });
  }
  const api = new CloudflareApi(options);
  const live = await readLive(api, await findZone(api, options));
  log(`read ${live.zone.name} in ${api.requests} requests: ${countsOf(live)}`);
  const description = describe(live, options);
  for (const each of there) keepFirst(each, log);
  writeFileSync(file, headed(description.text, options), { mode: 0o644 });
  const list: ImportList = {
    accountId: live.zone.accountId,
    ...(options.apiUrl === undefined ? {} : { apiUrl: options.apiUrl }),
    resources: [],
    leave: [...description.leave],
  };
  writeFileSync(listFile, importListText(list));
  log(`wrote ${basename(file)}`);
  const environment = await options.open();
  const found = await match(environment, live, description, list, options);
  const kept = await settle(environment, found.list, listFile, options);
  log(`wrote ${basename(listFile)}`);
  return {
    files: [file, listFile],
    imported: kept.list.resources,
    kept: kept.lines,
    rewritten: kept.rewritten,
    made: found.made,
    remarks: description.remarks,
    requests: api.requests,
  };
}

function whatIsKept(file: string): string {
  const name = basename(file);
  return existsSync(`${file}.before`)
    ? `${name}.before stays as it is, and this ${name} is not kept`
    : `this ${name} is kept as ${name}.before`;
}

/** Beside it, unless an earlier one is: that is the user's own, and what stands there since then is what was written here. */
function keepFirst(file: string, log: Log): void {
  try {
    copyFileSync(file, `${file}.before`, constants.COPYFILE_EXCL);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
    log(whatIsKept(file));
  }
}

async function findZone(api: CloudflareApi, { domain, accountId }: AdoptOptions): Promise<LiveZone> {
  interface Zone {
    readonly id: string;
    readonly name: string;
    readonly account: { readonly id: string; readonly name?: string };
    readonly plan?: { readonly legacy_id?: string };
  }
  const zones = await api.list<Zone>(`/zones?name=${encodeURIComponent(domain)}`).catch((error: unknown) => {
    if (!(error instanceof CloudflareRefusal) || !error.isOfToken) throw error;
    throw new UserError({
      what: "Cloudflare refuses the API token",
      value: error.message,
      allowed: "a token that is active and may read the zone",
      next: "put a valid one into CLOUDFLARE_API_TOKEN; groundwork token -s <stack> says what one must be allowed",
      cause: error,
    });
  });
  const mine = zones.filter(({ account }) => accountId === undefined || account.id === accountId);
  const [zone] = mine;
  if (zone === undefined || mine.length > 1) {
    throw new UserError({
      what:
        zone === undefined
          ? "the token sees no zone of that name"
          : "several accounts have a zone of that name",
      value: domain,
      allowed:
        zone === undefined
          ? "the domain of a zone that the token may read (Zone Read)"
          : mine.map(({ account }) => account.id).join(", "),
      next:
        zone === undefined
          ? "look at the domain's spelling, and at the zones that the token is for"
          : `npx groundwork adopt --domain ${domain} --account ${zone.account.id}`,
    });
  }
  const plan = zone.plan?.legacy_id ?? "free";
  const known = ["free", "pro", "business", "enterprise"];
  return {
    id: zone.id,
    name: zone.name,
    accountId: zone.account.id,
    plan: known.includes(plan) ? plan : "free",
  };
}

/** One preview without the list says which resources there will be; each is looked for at Cloudflare. */
async function match(
  environment: Environment,
  live: Live,
  description: Description,
  list: ImportList,
  { stack, signal }: AdoptOptions,
): Promise<{ list: ImportList; made: string[] }> {
  const planned = new Planned();
  await environment.preview({ onEvent: planned.add, ...(signal === undefined ? {} : { signal }) });
  const foreign = planned.changes.find(({ operation }) => operation !== "create");
  if (foreign !== undefined) {
    throw new UserError({
      what: "the stack has resources already, which is not what is to be taken over",
      value: `${stack}: ${foreign.name} (${foreign.operation})`,
      allowed: "a stack that was never brought up",
      next: "choose another name for the stack: npx groundwork adopt -s <name> --domain <domain>",
    });
  }
  const { resources, missing } = identify(planned.of("create"), live, description);
  return {
    list: { ...list, resources: [...resources] },
    made: missing.map(({ type, name }) => `${name} (${type})`),
  };
}

/** Previews with the list until nothing differs any more: what the stack file says otherwise stays as it is there. */
async function settle(
  environment: Environment,
  list: ImportList,
  listFile: string,
  { signal }: AdoptOptions,
): Promise<{ list: ImportList; lines: string[]; rewritten: string[] }> {
  const lines: string[] = [];
  let now = list;
  for (let round = 0; ; round++) {
    writeFileSync(listFile, importListText(now));
    const planned = new Planned();
    await environment.preview({ onEvent: planned.add, ...(signal === undefined ? {} : { signal }) });
    const differing = planned.of("update", "replace").flatMap((change) => {
      const known = now.resources.find(({ type, name }) => type === change.type && name === change.name);
      const paths = change.paths.filter((path) => known?.keep.includes(path) === false && !isReference(path));
      return known === undefined ? [] : [{ ...change, further: paths }];
    });
    const further = differing.filter((change) => change.further.length > 0);
    if (further.length === 0 || round === rounds) {
      assertKept(
        differing.filter(({ operation }) => operation === "replace"),
        listFile,
      );
      // What is kept and differs all the same is a default that the provider writes by itself.
      const rewritten = differing.map(({ name, paths }) => `${name}: ${paths.join(", ")}`);
      return { list: now, lines, rewritten };
    }
    now = {
      ...now,
      resources: now.resources.map((each) => {
        const change = further.find(({ type, name }) => type === each.type && name === each.name);
        if (change === undefined) return each;
        const words = change.further.flatMap((path) => keptWords(change, path) ?? []);
        lines.push(...words.map((said) => `${each.name}: ${said}`));
        return { ...each, keep: [...each.keep, ...change.further] };
      }),
    };
  }
}

/**
 * Policies of an application stand in it by their ids. What is in them is the policies' own: kept here, it would be
 * written back over them.
 */
function isReference(path: string): boolean {
  return path.startsWith("policies[");
}

/** @throws UserError where a thing would be made anew, which must not be */
function assertKept(replaced: readonly { name: string; paths: readonly string[] }[], listFile: string): void {
  if (replaced.length === 0) return;
  throw new UserError({
    what: "something would be made anew instead of being taken over",
    value: replaced.map(({ name, paths }) => `${name}: ${paths.join(", ")}`).join("; "),
    allowed: "a stack file that says the same as what is there",
    next: `take these out of the stack file and of ${basename(listFile)}, then run groundwork preview`,
  });
}

function countsOf({ records, rulesets, projects, buckets, applications, tunnels }: Live): string {
  return [
    `${records.length} DNS records`,
    `${rulesets.length} sets of rules`,
    `${projects.length} Pages projects`,
    `${buckets.length} buckets`,
    `${applications.length} Access applications`,
    `${tunnels.length} tunnels`,
  ].join(", ");
}

function headed(text: string, { domain, stack }: AdoptOptions): string {
  return `# What stood at Cloudflare for ${domain}, read by groundwork adopt. Pulumi.${stack}.imports.json says which thing is which.\n${text}`;
}
