/** `groundwork doctor`: what of an environment is not as it should be, asked where it is, changing nothing. */
import { hostAccess } from "../../platform/host-access";
import { SshConnection } from "../../remote/ssh-client";
import { listBackups } from "../database/backups";
import type { EnvironmentDatabase } from "../database/database";
import { databaseStatus } from "../database/status";
import type { Environment } from "../environment";
import { CloudflareApi } from "../cloudflare-api";
import { cloudflareAccess, type StackConfig } from "../stack-config";
import type { StackState } from "../state";
import { tokenCheckOf } from "../token/check";
import { backupFindings } from "./backups";
import { certificateFindings } from "./certificates";
import { endingFinding, type Finding } from "./finding";
import {
  scopedTokenFindings,
  type ServiceToken,
  serviceTokenFindings,
  serviceTokensOf,
} from "./issued-tokens";

/** Days before the end of the API token from which it is to be looked at. */
export const tokenSoonDays = 14;

/**
 * Looks at an environment that was brought up: its API token, the tokens it has made, certificates, hosts, databases, backups
 * and the proof that they restore. What cannot be asked is a finding as well.
 *
 * @throws UserError where it was not brought up yet, or its settings are wrong
 * @example
 * const findings = await examine(await Environment.open("prod"));
 * if (!isWell(findings)) process.exitCode = 1;
 */
export async function examine(
  environment: Environment,
  { now = new Date() }: { readonly now?: Date } = {},
): Promise<Finding[]> {
  const stack = environment.name;
  const [config, state] = await Promise.all([environment.config(), environment.state()]);
  const { databases, hosts } = config.settings;
  const [ofToken = [], ofServiceTokens = [], ...further] = await Promise.all([
    asked("API token", () => token(config, now)),
    asked("service tokens", () => serviceTokens(config, state, now)),
    ...Object.keys(hosts).map((name) => asked(`host ${name}`, () => host(config, name))),
    ...Object.keys(databases).map((name) =>
      asked(`database ${name}`, async () => {
        const database = await environment.database(name);
        try {
          return await databaseFindings(database, now);
        } finally {
          await database.close();
        }
      }),
    ),
  ]);
  return [
    ...ofToken,
    ...ofServiceTokens,
    ...scopedTokenFindings(state, now, stack),
    ...certificateFindings(state, now, stack),
    ...further.flat(),
  ];
}

/** What could not be asked is said as that, with the first line of why. */
async function asked(subject: string, ask: () => Promise<readonly Finding[]>): Promise<readonly Finding[]> {
  try {
    return await ask();
  } catch (error) {
    const parts = (error as { readonly parts?: { readonly next?: string } }).parts;
    const [says = ""] = (error instanceof Error ? error.message : String(error)).split("\n");
    return [{ subject, state: "unknown", says, ...(parts?.next === undefined ? {} : { next: parts.next }) }];
  }
}

async function token(config: StackConfig, now: Date): Promise<Finding[]> {
  const { expiresOn, missing } = await tokenCheckOf(config);
  const next = "make another one in Cloudflare's dashboard, and put it into the stack's secrets";
  return [
    endingFinding("API token", expiresOn, { now, soonDays: tokenSoonDays, next }),
    ...missing.map(({ because, name, scope }): Finding => ({
      subject: "API token",
      state: "bad",
      says: `lacks ${name} (${scope}), for ${because.join(", ")}`,
      next: `npx groundwork token -s ${config.stack}`,
    })),
  ];
}

async function serviceTokens(config: StackConfig, state: StackState, now: Date): Promise<Finding[]> {
  if (serviceTokensOf(state).length === 0) return [];
  const { accountId } = config.settings.cloudflare;
  const account = await new CloudflareApi(cloudflareAccess(config)).list<ServiceToken>(
    `/accounts/${accountId}/access/service_tokens`,
  );
  return serviceTokenFindings(state, account, now, config.stack);
}

async function host({ secrets, settings }: StackConfig, name: string): Promise<Finding[]> {
  const connection = await SshConnection.open(hostAccess(settings, secrets, name));
  connection.close();
  return [{ subject: `host ${name}`, state: "well", says: "lets us in, with the key that is pinned" }];
}

async function databaseFindings(database: EnvironmentDatabase, now: Date): Promise<Finding[]> {
  const { backups, name, settings, stack } = database;
  const { server, warnings } = await databaseStatus(database);
  const subject = `database ${name}`;
  const found: Finding[] = [
    { subject, state: "well", says: `answers, PostgreSQL ${server}` },
    ...warnings.map((says): Finding => ({ subject, state: "look", says })),
  ];
  if (settings.backups === undefined) return found;
  if (backups === undefined) {
    const next = `npx groundwork up -s ${stack}`;
    return [...found, { subject: `backups of ${name}`, state: "bad", says: "were not brought up yet", next }];
  }
  const of = await asked(`backups of ${name}`, async () =>
    backupFindings(name, await listBackups(database, { now }), stack),
  );
  return [...found, ...of];
}
