import { type Finding, type SettingsIssue, sortIssues } from "./issue";
import { parseListen } from "./listen";
import { configKey, configPath, type Keys } from "./paths";
import { completeRoles } from "./rules/databases";
import { portsOfProxy } from "./rules/deployed";
import { servedNames } from "./rules/hostnames";
import type { ContainerDatabaseSettings } from "./schema/databases";
import type { StackValues } from "./schema/stack";
import type { Settings } from "./settings-type";
import { inspectStackFile, issueOf, type StackFile, type ValidateOptions } from "./validate";
import { onHost, projectsOf } from "./on-host";

/** Something of the world that one stack only may have. */
interface Claim {
  /** What it is, the same for all who want it. */
  readonly id: string;
  readonly keys: Keys;
  /** For the message: "two stacks share this bucket". */
  readonly what: string;
  readonly value: string | undefined;
  readonly allowed: string;
  readonly fix: (stack: string) => string;
  /** The claim that says it already where two stacks share that one, too. */
  readonly within?: string;
}

/** Settings of all stacks by name, or everything that is wrong with any of them. */
export type ValidatedAll =
  { readonly settings: Readonly<Record<string, Settings>> } | { readonly issues: readonly SettingsIssue[] };

/**
 * Checks the stack files of one project: each by itself, then what no two may share: buckets, databases, Pages projects,
 * host names, compose projects and ports of a host, roles of a server, repositories of backups, tunnels, queues, the account's
 * one-time PIN, the zone's own settings.
 */
export function validateStackFiles(files: readonly StackFile[], options: ValidateOptions = {}): ValidatedAll {
  const inspected = files.map((file) => ({ file, result: inspectStackFile(file, options) }));
  const issues: SettingsIssue[][] = inspected.map(({ result }) => [...result.issues]);
  const owners = new Map<string, { readonly stack: string; readonly file: string; readonly keys: Keys }>();
  inspected.forEach(({ file, result }, index) => {
    for (const claim of claimsOf(result.values)) {
      const owner = owners.get(claim.id);
      const whole = claim.within === undefined ? undefined : owners.get(claim.within);
      if (whole !== undefined && whole.stack !== file.stack) continue;
      if (owner === undefined) {
        owners.set(claim.id, { stack: file.stack, file: file.file, keys: claim.keys });
      } else if (owner.stack !== file.stack) {
        const finding: Finding = {
          keys: claim.keys,
          what: `${file.stack} and ${owner.stack} share ${claim.what}: ${configKey(owner.keys)} in ${owner.file} has it already`,
          ...(claim.value === undefined ? {} : { value: claim.value }),
          allowed: claim.allowed,
          fix: claim.fix(file.stack),
          atKey: claim.value === undefined,
        };
        const place = {
          file: file.file,
          stack: file.stack,
          values: result.values,
          document: result.document,
        };
        issues[index]?.push(issueOf(finding, place));
      }
    }
  });
  if (issues.some((list) => list.length > 0)) return { issues: issues.flatMap(sortIssues) };
  const settings = inspected.flatMap(({ file, result }): [string, Settings][] =>
    result.settings === undefined ? [] : [[file.stack, result.settings]],
  );
  return { settings: Object.fromEntries(settings) };
}

/** What a stack's file, which is right by itself, wants of what another's has. */
export function sharedByOthers(file: StackFile, others: readonly StackFile[]): readonly SettingsIssue[] {
  if (others.length === 0) return [];
  const result = validateStackFiles([...others, file], { secrets: "optional" });
  return "issues" in result ? result.issues.filter((issue) => issue.file === file.file) : [];
}

/** A stack's name as part of a name in PostgreSQL. */
function wordOf(stack: string): string {
  return stack.replace(/[^a-z0-9]+/g, "_");
}

/** Everything that a stack claims for itself. */
function claimsOf(values: StackValues): Claim[] {
  const { accountId } = values.cloudflare;
  const unknownAccount = /^0{32}$/.test(accountId);
  const claims: Claim[] = [];
  const claim = (
    id: string,
    keys: Keys,
    what: string,
    value: string | undefined,
    fix: Claim["fix"],
    within?: string,
  ): void => {
    const allowed = "one of its own for each environment";
    claims.push({ id, keys, what, value, allowed, fix, ...(within === undefined ? {} : { within }) });
  };
  const claimPort = (machine: string, port: number, keys: Keys, fix: string, value = String(port)): void =>
    claim(`port ${machine} ${port}`, keys, `port ${port} of the host ${machine}`, value, () => fix);
  const claimDatabase = (name: string, database: StackValues["databases"][string], server: string): void => {
    const within = `database ${server}/${database.database}`;
    claim(
      within,
      ["databases", name, "database"],
      "a database",
      database.database,
      (stack) => `write another database, such as ${database.database}_${wordOf(stack)}, or another host`,
    );
    for (const [role, roleName] of Object.entries(completeRoles(database))) {
      if (roleName === undefined) continue;
      claim(
        `role ${server} ${roleName}`,
        ["databases", name, "roles", role],
        "a role of one database server, which would have the rights of both",
        roleName,
        (stack) => `write another role, such as ${roleName}_${wordOf(stack)}`,
        within,
      );
    }
  };
  const claimRepository = (name: string, { backups }: ContainerDatabaseSettings, project: string): void => {
    const { s3 } = backups ?? {};
    if (s3 === undefined) return;
    claim(
      `backups ${s3.endpoint}/${s3.bucket}/${project}/${name}`,
      ["databases", name, "backups", "s3", "bucket"],
      `a repository of backups, ${project}/${name} in one bucket`,
      s3.bucket,
      (stack) => `write another bucket, such as ${s3.bucket}-${stack}, or another compose project`,
    );
  };
  if (values.zone !== undefined) {
    claims.push({
      id: `zone ${values.domain}`,
      keys: ["zone"],
      what: `the settings of the zone ${values.domain}`,
      value: undefined,
      allowed: "groundwork:zone in one stack only, commonly prod",
      fix: (stack) => `remove groundwork:zone from this file: pulumi config rm 'groundwork:zone' -s ${stack}`,
    });
  }
  for (const { hostname, keys } of servedNames(values)) {
    claim(
      `hostname ${hostname}`,
      keys,
      "a host name",
      hostname,
      (stack) => `write another name, such as ${stack}-${hostname}`,
    );
  }
  if (!unknownAccount) {
    for (const [name, { project }] of Object.entries(values.sites)) {
      claim(
        `pages ${accountId} ${project}`,
        ["sites", name, "project"],
        "a Pages project",
        project,
        (stack) => `write another project, such as ${project}-${stack}`,
      );
    }
    for (const [name, bucket] of Object.entries(values.buckets)) {
      claim(
        `bucket ${accountId} ${bucket.name}`,
        ["buckets", name, "name"],
        "a bucket",
        bucket.name,
        (stack) => `write another bucket, such as ${bucket.name}-${stack}`,
      );
    }
    for (const [name, { notifications }] of Object.entries(values.buckets)) {
      notifications.forEach(({ queue }, index) => {
        if (queue === undefined) return;
        claim(
          `queue ${accountId} ${queue}`,
          ["buckets", name, "notifications", index, "queue"],
          "a queue",
          queue,
          (stack) => `write another queue, such as ${queue}-${stack}, or queueId where it is there already`,
        );
      });
    }
    if (values.access?.oneTimePin === true && values.access.oneTimePinProviderId === undefined) {
      claims.push({
        id: `one-time PIN ${accountId}`,
        keys: ["access"],
        what: "the account's only one-time PIN provider, which each would make",
        value: undefined,
        allowed: "one stack that makes it; oneTimePinProviderId in the others",
        fix: () => "add oneTimePinProviderId with the id of the provider, or oneTimePin: false",
      });
    }
    for (const [name, tunnel] of Object.entries(values.tunnels)) {
      if (tunnel.name === undefined) continue;
      claim(
        `tunnel ${accountId} ${tunnel.name}`,
        ["tunnels", name, "name"],
        "a tunnel",
        tunnel.name,
        () => "write another name, or leave it out: it then has the stack's name in it",
      );
    }
  }
  const machineOf = (host: string): string | undefined => values.hosts[host]?.address;
  for (const [name, origin] of Object.entries(values.origins)) {
    if (origin.kind === "external") {
      claim(
        `target ${origin.target}`,
        ["origins", name, "target"],
        "an application",
        origin.target,
        () => "write this environment's own application",
      );
      continue;
    }
    const deployed = onHost(origin);
    const machine = machineOf(deployed?.host ?? "");
    if (deployed === undefined || machine === undefined) continue;
    const placeOf = (project: string): string => `project ${machine} ${project}`;
    for (const project of projectsOf(deployed)) {
      claim(
        placeOf(project),
        ["origins", name, "project"],
        `the compose project ${project} on one host`,
        origin.project,
        (stack) => `write another project, such as ${origin.project}-${stack}`,
        project === origin.project ? undefined : placeOf(origin.project),
      );
    }
    for (const { port, keys } of portsOfProxy(name, deployed)) {
      claimPort(machine, port, keys, `write another port in groundwork:${configPath(keys)}, or another host`);
    }
    for (const [service, { publish, tls }] of Object.entries(origin.services)) {
      const at = ["origins", name, "services", service];
      for (const [port, keys] of [
        [publish, [...at, "publish"]],
        [tls?.publish, [...at, "tls", "publish"]],
      ] as const) {
        if (port !== undefined) claimPort(machine, port, keys, "write another port, or another host");
      }
    }
  }
  for (const [name, database] of Object.entries(values.databases)) {
    if (database.kind === "external") {
      claimDatabase(name, database, `${database.host}:${database.port}`);
      continue;
    }
    const origin = database.origin === undefined ? undefined : values.origins[database.origin];
    const deployed = origin && onHost(origin);
    const project = database.project ?? deployed?.project;
    if (project !== undefined) claimRepository(name, database, project);
    const machine = machineOf(database.host ?? deployed?.host ?? "");
    if (machine === undefined) continue;
    claimDatabase(name, database, `${machine} ${project ?? ""} ${database.service}`);
    const listen = database.listen === undefined ? undefined : parseListen(database.listen);
    if (listen !== undefined)
      claimPort(machine, listen.port, ["databases", name, "listen"], "write another port", database.listen);
  }
  return claims;
}
