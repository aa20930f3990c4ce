/** Short-lived environments: made, kept on, listed and removed without a trace. */
import { existsSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Log, silent } from "../../common/log";
import { UserError } from "../../common/user-error";
import { SettingsError, validateStackFile } from "../../platform/settings";
import { cloudflareApiUrl } from "../cloudflare-api";
import type { Environment } from "../environment";
import { removeFromHosts } from "../host-removal";
import { cloudflareAccess, type StackConfig } from "../stack-config";
import { readYaml } from "../yaml-file";
import { type Derivation, deriveStack, imagesOf } from "./derive";
import { type HadResource, leftAtCloudflare } from "./left";
import { isShortLived, type ShortLived, whyRemoved } from "./lifetime";

/** Where short-lived environments are: in the cloud, or in the sandbox of the one that they are made from. */
export interface ShortLivedPlace {
  /** The folder of their stack files. */
  readonly folder: string;
  /** The template's stack file. @throws UserError where there is none */
  readonly template: (stack: string) => string;
  /** Opens one by its own stack file, or any other stack by its name. */
  readonly open: (stack: string, configFile?: string) => Promise<Environment>;
  /** Whether pull request N is open; undefined where nobody can be asked. @default nobody can */
  readonly isOpen?: (number: number) => Promise<boolean | undefined>;
  /** Cloudflare's API. @default the public one */
  readonly apiUrl?: string;
}

/** The stack file of a short-lived environment. */
export function stackFileOf({ folder }: ShortLivedPlace, name: string): string {
  return join(folder, `Pulumi.${name}.yaml`);
}

/**
 * Writes an environment's stack file, as its template is now. What is in doubt is refused before a file is written.
 *
 * @returns the file
 */
export async function writeDerived(place: ShortLivedPlace, derivation: Derivation): Promise<string> {
  const file = stackFileOf(place, derivation.name);
  const template = place.template(derivation.template);
  const providers = await providersOf(await place.open(derivation.template));
  const text = deriveStack(template, { providers, ...derivation });
  const checked = validateStackFile({ file, text, stack: derivation.name }, { secrets: "optional" });
  if ("issues" in checked) throw new SettingsError(checked.issues);
  writeFileSync(`${file}.partial`, text, { mode: 0o600, flush: true });
  renameSync(`${file}.partial`, file);
  return file;
}

/** The images that an environment runs of its template's services, by its stack file; none where that is on another machine. */
export function imagesOfOwn(
  place: ShortLivedPlace,
  { name, template }: { readonly name: string; readonly template: string },
): Readonly<Record<string, string>> {
  const file = stackFileOf(place, name);
  if (!existsSync(file)) return {};
  const known = Object.keys(imagesOf(place.template(template)));
  return Object.fromEntries(
    Object.entries(imagesOf(readFileSync(file, "utf8"))).filter(([service]) => known.includes(service)),
  );
}

/** The identity providers that a stack has made. */
async function providersOf(template: Environment): Promise<NonNullable<Derivation["providers"]>> {
  const { resources = [] } = ((await template.state().catch(() => undefined)) ?? {}) as {
    readonly resources?: readonly { readonly type: string; readonly urn: string; readonly id?: string }[];
  };
  const idOf = (end: string): string | undefined =>
    resources.find(({ type, urn }) => type.endsWith(":ZeroTrustAccessIdentityProvider") && urn.endsWith(end))
      ?.id;
  return { oneTimePin: idOf("-one-time-pin"), github: idOf("-github") };
}

/** Every short-lived environment that state or stack files know of. */
export async function listShortLived(place: ShortLivedPlace, template: string): Promise<ShortLived[]> {
  const any = await place.open(template);
  const stacks = (await any.stacks()).filter(({ name }) => isShortLived(name));
  const files = readdirSync(place.folder).flatMap((file) => /^Pulumi\.(pr-\d+)\.yaml$/.exec(file)?.[1] ?? []);
  const names = [...new Set([...stacks.map(({ name }) => name), ...files.filter(isShortLived)])].sort();
  return Promise.all(
    names.map(async (name): Promise<ShortLived> => {
      const lifetime = lifetimeInFile(place, name) ?? (await lifetimeInState(any, name, stacks));
      return {
        name,
        template: lifetime?.template,
        expires: lifetime?.expires,
        updated: stacks.find((stack) => stack.name === name)?.updated,
        open: await place.isOpen?.(Number(name.slice(3))),
      };
    }),
  );
}

interface Lifetime {
  readonly template?: string;
  readonly expires?: string;
}

function lifetimeInFile(place: ShortLivedPlace, name: string): Lifetime | undefined {
  const file = stackFileOf(place, name);
  if (!existsSync(file)) return undefined;
  const { config } = (readYaml(file, "the stack file") ?? {}) as { config?: Record<string, unknown> };
  return config?.["groundwork:lifetime"] as Lifetime | undefined;
}

async function lifetimeInState(
  any: Environment,
  name: string,
  stacks: readonly { readonly name: string }[],
): Promise<Lifetime | undefined> {
  if (!stacks.some((stack) => stack.name === name)) return undefined;
  return (await any.outputsOf(name))["lifetime"] as Lifetime | undefined;
}

/**
 * Removes an environment wholly, and proves it: its containers, volumes, networks and folder on the hosts, what it has at
 * Cloudflare, its state, its stack file. Cut short, it goes on when it is called again.
 *
 * @param template of which it was made, where that is known. @default the one given
 * @throws UserError with what is left
 */
export async function removeShortLived(
  place: ShortLivedPlace,
  { name, template }: { readonly name: string; readonly template: string },
  log: Log = silent,
  destroy: (environment: Environment) => Promise<unknown> = (environment) => environment.destroy(),
): Promise<void> {
  const file = stackFileOf(place, name);
  // On another machine than the one that made it.
  if (!existsSync(file)) {
    await writeDerived(place, { name, template, expires: new Date(0).toISOString(), isPublic: true });
  }
  const environment = await place.open(name, file);
  const isThere = (await environment.stacks()).some((stack) => stack.name === name);
  // First of all: the lock of a killed run refuses even what only makes sure that the stack is there.
  const doubts = await environment
    .mend({ log: (line) => log(`${name}: ${line}`) })
    .catch((error: unknown) => {
      if (isThere) throw error;
      return [];
    });
  await environment.ensureStack();
  const config = await environment.config();
  const state = await environment.state();
  const had = hadIn(state);
  await removeFromHosts(config, (line) => log(`${name}: ${line}`));
  if (had.any) {
    await environment.unprotect(state);
    await environment.forgetPendingCreates();
    await destroy(environment);
  }
  const left = [
    ...(await leftAtCloudflare(lookingAt(place, config), had.cloudflare, hostnamesOf(config))),
    ...(hadIn(await environment.state()).any ? ["resources in its state"] : []),
    ...doubts.map(({ name: of, type }) => `perhaps ${type} ${of}: a killed run was making it, look yourself`),
  ];
  if (left.length > 0) {
    throw new UserError({
      what: `of ${name} there is something left`,
      value: left.map((line) => `\n  ${line}`).join(""),
      next: `remove what is named by hand, or run npx groundwork env gc ${name} again`,
    });
  }
  log(
    `${name}: nothing is left at Cloudflare (${had.cloudflare.length} resources asked for), on the hosts and in the state`,
  );
  await environment.removeStack();
  rmSync(file, { force: true });
}

/** Which of them go, each with the reason. */
export function toRemove(all: readonly ShortLived[], now: Date): { environment: ShortLived; why: string }[] {
  return all.flatMap((environment) => {
    const why = whyRemoved(environment, now);
    return why === undefined ? [] : [{ environment, why }];
  });
}

function hadIn(state: unknown): { readonly any: boolean; readonly cloudflare: HadResource[] } {
  const { resources = [] } = state as {
    readonly resources?: readonly { readonly type: string; readonly id?: string }[];
  };
  return {
    any: resources.length > 0,
    cloudflare: resources.flatMap(({ type, id }) =>
      type.startsWith("cloudflare:") && id !== undefined ? [{ type, id }] : [],
    ),
  };
}

function lookingAt(place: ShortLivedPlace, config: StackConfig) {
  const { accountId, zoneId } = config.settings.cloudflare;
  const { apiUrl, apiToken } = cloudflareAccess(config);
  return {
    apiUrl: apiUrl ?? place.apiUrl ?? cloudflareApiUrl,
    token: apiToken,
    accountId,
    zoneId,
  };
}

function hostnamesOf({ settings: { sites, tunnels, origins, buckets } }: StackConfig): string[] {
  return [
    ...Object.values(sites).flatMap(({ hostnames }) => hostnames),
    ...Object.values(tunnels).flatMap(({ ingress }) => Object.keys(ingress)),
    ...Object.values(origins).flatMap((origin) => ("hostnames" in origin ? origin.hostnames : [])),
    ...Object.values(buckets).flatMap(({ customDomain }) => customDomain ?? []),
  ];
}
