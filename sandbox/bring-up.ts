import { createHash, randomBytes } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, readFile } from "node:fs/promises";
import { delimiter, join } from "node:path";
import { openProject } from "../automation/project";
import { type Log, silent } from "../common/log";
import { projectRoot } from "../common/project-root";
import { UserError } from "../common/user-error";
import { readSettings, secretNamesOf, type Settings } from "../platform/settings";
import { findBackupPrograms } from "./engine/backup-programs";
import { findCaddy } from "./engine/caddy";
import { type Engine, findEngine } from "./engine/engine";
import { runEngine } from "./engine/run";
import { type SandboxNeeds, needsOf } from "./external/needs";
import { putFlyctl } from "./external/programs";
import { sandboxFolder } from "./folder";
import { readHostConfig } from "./host/config";
import { hostLayout } from "./host/layout";
import { reservePorts } from "./host/ports";
import { keptJson, writeKept, writeWhole } from "./kept-files";
import { type InstalledProvider, installProviders } from "./providers/install";
import type { DockerChoice } from "./record";
import { type Sandbox, startSandbox } from "./sandbox";
import { readState } from "./state-file";
import { deriveStackFile, keptInCopy, type StackFileFacts, stackFileFacts } from "./stack-file";
import { originsWithStandIns, usesImage } from "./origin-images";

/** A sandbox that is ready for the engine. */
export interface ReadySandbox extends Sandbox {
  readonly engine: Engine;
  /** The sandbox's copy of the stack file. */
  readonly configFile: string;
  /** What the engine and its providers find in their environment. */
  readonly variables: Readonly<Record<string, string>>;
  /** What differs from the stack file, one line each, to be shown. */
  readonly notes: readonly string[];
}

/** Options of {@link bringUpSandbox}. */
export interface BringUpOptions {
  readonly stack: string;
  /** @default the project's Pulumi.<stack>.yaml */
  readonly stackFile?: string;
  /** @default what was said last */
  readonly docker?: DockerChoice | undefined;
  readonly log?: Log;
  /** Ends the waiting; what has been started goes on, and is found by the next call. @default never */
  readonly signal?: AbortSignal;
}

/**
 * Brings up everything that a stack needs here, in place of the cloud: engine, providers, API, edge, host. The stack
 * file is read, never written.
 *
 * @throws UserError where the stack file is missing or wrong, or a part does not come up.
 */
export async function bringUpSandbox({
  stack,
  stackFile = join(openProject().directory, `Pulumi.${stack}.yaml`),
  docker,
  log = silent,
  signal,
}: BringUpOptions): Promise<ReadySandbox> {
  const text = await readStackFile(stackFile, stack);
  // Everything that can be wrong is looked at before anything is started or changed.
  const settings = await readSettings(stackFile, stack);
  const needs = needsOf(settings, { caddy: usesImage(settings, stackFile, "caddy") });
  await readState(sandboxFolder(stack), stack);
  await keptJson(sandboxFolder(stack).secretsFile, {});
  const facts = stackFileFacts(text, stackFile);
  const start = async (): Promise<Sandbox> => {
    // Here and not by the daemon, which is given less time than a build may take.
    if (needs.parts.proxy) await findCaddy(log);
    if (needs.parts.backups) await findBackupPrograms(log);
    const zone = {
      name: facts.domain,
      ...(facts.zoneId === undefined ? {} : { id: facts.zoneId }),
      ...(settings.zone === undefined ? {} : { plan: settings.zone.plan }),
    };
    const options = { stack, accountId: facts.accountId, zones: [zone], ...needs.parts, docker };
    return startSandbox(options, log, signal);
  };
  const [engine, sandbox] = await Promise.all([findEngine({ log }), start()]);
  signal?.throwIfAborted();
  const { folder } = sandbox;
  for (const path of [folder.state, folder.pulumiHome]) await mkdir(path, { recursive: true, mode: 0o700 });
  const providers = await installProviders({ pulumiHome: folder.pulumiHome, policy: "missing" });
  for (const line of providerLines(providers)) log(line);
  const variables = await engineVariables(sandbox, engine, needs);
  const notes = [
    ...(await writeStackFile({ text, file: stackFile, facts, settings }, sandbox, engine, variables)),
    ...needs.notes,
  ];
  return { ...sandbox, engine, configFile: folder.stackFile(stack), variables, notes };
}

/** Which providers are used, one line for all of a kind. */
function providerLines(providers: readonly InstalledProvider[]): string[] {
  const own = providers.filter(({ used }) => used === "sandbox");
  const others = providers.filter(({ used }) => used !== "sandbox");
  const named = own.map(({ name, version }) => `${name} ${version}`).join(", ");
  return [
    ...(own.length === 0 ? [] : [`providers of the sandbox's own, as no plugin is installed: ${named}`]),
    ...others.map(
      ({ name, version, executable }) => `provider ${name} ${version}: ${executable ?? "the engine's"}`,
    ),
  ];
}

/** The environment variables that lead an engine, also a plain `pulumi`, to the sandbox. */
async function engineVariables(
  { folder, record, stack }: Sandbox,
  engine: Engine,
  { flyctl }: SandboxNeeds,
): Promise<Record<string, string>> {
  if (flyctl) await putFlyctl(folder);
  const path = [...(flyctl ? [folder.bin] : []), engine.binDirectory, process.env.PATH ?? ""];
  return {
    PATH: path.join(delimiter),
    // Where the programs of steps are found that run here, from whatever folder.
    GROUNDWORK_ROOT: projectRoot(),
    // Steps that run here trust the sandbox's authority, by which its edge, databases and stand-ins are known.
    NODE_EXTRA_CA_CERTS: await trusted(folder.root, record.edge.caFile),
    PULUMI_HOME: folder.pulumiHome,
    PULUMI_BACKEND_URL: `file://${folder.state}`,
    PULUMI_CONFIG_PASSPHRASE_FILE: folder.passphraseFile,
    PULUMI_OPTION_CONFIG_FILE: folder.stackFile(stack),
    PULUMI_SKIP_UPDATE_CHECK: "1",
    PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION: "true",
    // The AWS SDKs and command line read it.
    AWS_ENDPOINT_URL_S3: record.storage.url,
    CLOUDFLARE_BASE_URL: record.api.url,
    CLOUDFLARE_API_TOKEN: (await readFile(folder.apiTokenFile, "utf8")).trim(),
    // A dead agent socket would make every SSH connection fail before it is tried.
    SSH_AUTH_SOCK: "",
  };
}

/** The sandbox's authority, beside those that the user trusts already. */
async function trusted(root: string, caFile: string): Promise<string> {
  const own = process.env.NODE_EXTRA_CA_CERTS;
  const file = join(root, "authorities.pem");
  if (own === undefined || own === caFile || own === file) return caFile;
  await writeWhole(file, `${await readFile(own, "utf8")}\n${await readFile(caFile, "utf8")}`);
  return file;
}

async function readStackFile(file: string, stack: string): Promise<string> {
  try {
    return await readFile(file, "utf8");
  } catch (cause) {
    throw new UserError({
      what: "there is no stack of that name",
      value: stack,
      allowed: "dev, staging, prod, or another one with a stack file",
      next: `write ${`Pulumi.${stack}.yaml`}: docs/settings.md says how`,
      cause,
    });
  }
}

/** A stack file, and what was read in it. */
interface Source {
  readonly text: string;
  readonly file: string;
  readonly facts: StackFileFacts;
  readonly settings: Settings;
}

/** Writes the sandbox's copy when something in it is new, and seals the secrets in it by the engine. */
async function writeStackFile(
  { text, file, facts, settings }: Source,
  { folder, record, stack }: Sandbox,
  engine: Engine,
  variables: Readonly<Record<string, string>>,
): Promise<readonly string[]> {
  const copy = folder.stackFile(stack);
  const before = existsSync(copy) ? await readFile(copy, "utf8") : "";
  const kept = keptInCopy(before);
  const direct = facts.direct.map(({ port }) => port);
  const ports = await reservePorts(hostLayout(folder.host).portsFile, direct);
  const standIns = originsWithStandIns(settings, file, readHostConfig(folder.host).config.images);
  const derived = deriveStackFile(text, file, { ...record, ports, standIns }, kept);
  if (derived.text !== before) await writeWhole(copy, derived.text);

  const secrets = JSON.stringify(await sandboxSecrets({ folder, record }, secretNamesOf(text), variables));
  const fingerprint = createHash("sha256").update(secrets).digest("hex");
  const sealedFile = join(folder.root, "sealed");
  const sealedBefore = existsSync(sealedFile) ? await readFile(sealedFile, "utf8") : "";
  if (kept.sealed === undefined || sealedBefore !== fingerprint) {
    const { directory } = openProject();
    await runEngine(engine, ["stack", "init", stack, "--no-select"], { directory, variables }).catch(
      (error: unknown) => {
        if (!/already exists/.test(String(error))) throw error;
      },
    );
    await runEngine(engine, ["config", "set", "--secret", "groundwork:secrets", "--stack", stack], {
      directory,
      variables,
      input: secrets,
    });
    await writeWhole(sealedFile, fingerprint);
  }
  return derived.notes;
}

/** Generated values, the same at every call; the keys to the sandbox's own parts are what they are. */
async function sandboxSecrets(
  { folder, record }: Pick<Sandbox, "folder" | "record">,
  names: readonly string[],
  variables: Readonly<Record<string, string>>,
): Promise<Record<string, string>> {
  const kept = await keptJson<Record<string, string>>(folder.secretsFile, {});
  const all: Record<string, string> = {};
  for (const name of [...new Set(names)].sort())
    all[name] = kept[name] ?? randomBytes(24).toString("base64url");
  await writeKept(folder.secretsFile, JSON.stringify(all));
  all.SSH_PRIVATE_KEY = await readFile(record.host.privateKeyFile, "utf8");
  for (const { adminPasswordSecret, passwordFile } of record.databases) {
    all[adminPasswordSecret] = (await readFile(passwordFile, "utf8")).trim();
  }
  all.CLOUDFLARE_API_TOKEN = variables.CLOUDFLARE_API_TOKEN ?? "";
  return all;
}
