import { type Finding, type SettingsIssue, sortIssues } from "./issue";
import { parseListen } from "./listen";
import { configKey, type Keys } from "./paths";
import { servedNames } from "./rules/hostnames";
import type { StackValues } from "./schema/stack";
import type { Settings } from "./settings-type";
import { inspectStackFile, issueOf, type StackFile, type ValidateOptions } from "./validate";
import { onHost } from "./on-host";

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
}

/** Settings of all stacks by name, or everything that is wrong with any of them. */
export type ValidatedAll =
  { readonly settings: Readonly<Record<string, Settings>> } | { readonly issues: readonly SettingsIssue[] };

/**
 * Checks the stack files of one project: each by itself, then what no two may share: buckets, databases, Pages projects,
 * host names, compose projects and ports of a host, tunnels, the zone's own settings.
 */
export function validateStackFiles(files: readonly StackFile[], options: ValidateOptions = {}): ValidatedAll {
  const inspected = files.map((file) => ({ file, result: inspectStackFile(file, options) }));
  const issues: SettingsIssue[][] = inspected.map(({ result }) => [...result.issues]);
  const owners = new Map<string, { readonly stack: string; readonly file: string; readonly keys: Keys }>();
  inspected.forEach(({ file, result }, index) => {
    for (const claim of claimsOf(result.values)) {
      const owner = owners.get(claim.id);
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
  ): void => {
    claims.push({ id, keys, what, value, allowed: "one of its own for each environment", fix });
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
    const machine = machineOf(onHost(origin)?.host ?? "");
    if (machine === undefined) continue;
    claim(
      `project ${machine} ${origin.project}`,
      ["origins", name, "project"],
      "a compose project on one host",
      origin.project,
      (stack) => `write another project, such as ${origin.project}-${stack}`,
    );
    for (const [service, { publish, tls }] of Object.entries(origin.services)) {
      const at = ["origins", name, "services", service];
      for (const [port, keys] of [
        [publish, [...at, "publish"]],
        [tls?.publish, [...at, "tls", "publish"]],
      ] as const) {
        if (port === undefined) continue;
        claim(
          `port ${machine} ${port}`,
          keys,
          `port ${port} of the host ${machine}`,
          String(port),
          () => "write another port, or another host",
        );
      }
    }
  }
  for (const [name, database] of Object.entries(values.databases)) {
    const keys = ["databases", name, "database"];
    if (database.kind === "external") {
      const place = `${database.host}:${database.port}/${database.database}`;
      claim(
        `database ${place}`,
        keys,
        "a database",
        database.database,
        (stack) =>
          `write another database, such as ${database.database}_${stack.replace(/[^a-z0-9]+/g, "_")}, or another host`,
      );
      continue;
    }
    const origin = database.origin === undefined ? undefined : values.origins[database.origin];
    const deployed = origin && onHost(origin);
    const machine = machineOf(database.host ?? deployed?.host ?? "");
    if (machine === undefined) continue;
    const project = database.project ?? deployed?.project ?? "";
    claim(
      `database ${machine} ${project} ${database.service}/${database.database}`,
      keys,
      "a database",
      database.database,
      (stack) =>
        `write another database, such as ${database.database}_${stack.replace(/[^a-z0-9]+/g, "_")}, or another host`,
    );
    const listen = database.listen === undefined ? undefined : parseListen(database.listen);
    if (listen !== undefined) {
      claim(
        `port ${machine} ${listen.port}`,
        ["databases", name, "listen"],
        `port ${listen.port} of the host ${machine}`,
        database.listen,
        () => "write another port",
      );
    }
  }
  return claims;
}
