import { appLogins } from "../../../components/database/names";
import { isAddress, isLoopback, isPublicAddress } from "../addresses";
import { isWithin } from "../hostnames";
import { configPath, type Keys } from "../paths";
import type { ContainerDatabaseSettings, ExternalDatabaseSettings } from "../schema/databases";
import type { Rule, RuleContext } from "./context";
import { mustExist } from "./origins";

const places: Rule = (context) => {
  for (const [name, database] of Object.entries(context.values.databases)) {
    if (database.kind === "container") containerPlace(context, name, database);
    else externalPlace(context, name, database);
    if (["postgres", "template0", "template1"].includes(database.database)) {
      context.report({
        keys: ["databases", name, "database"],
        what: "this database belongs to the server itself",
        value: true,
        allowed: "a database of the application's own",
        fix: "write another name; it is made if it is missing",
      });
    }
  }
};

function containerPlace(context: RuleContext, name: string, database: ContainerDatabaseSettings): void {
  const at = ["databases", name];
  const { origin, host, project } = database;
  if (context.isTouched([...at, "origin"]) || context.isTouched([...at, "host"])) return;
  if (origin === undefined && (host === undefined || project === undefined)) {
    context.report({
      keys: at,
      atKey: true,
      what: "it is not said where the container runs",
      allowed: "origin, or host and project",
      fix: `add origin: <name of an origin> to groundwork:${configPath(at)}`,
    });
  }
  if (origin !== undefined && (host ?? project) !== undefined) {
    context.report({
      keys: [...at, host === undefined ? "project" : "host"],
      what: "origin says already where the container runs",
      value: true,
      allowed: "origin, or host and project, not both",
      fix: "remove origin, or host and project",
    });
  }
  if (host !== undefined) mustExist(context, "hosts", host, [...at, "host"]);
  if (origin === undefined) return;
  mustExist(context, "origins", origin, [...at, "origin"]);
  if (context.values.origins[origin]?.kind !== "external") return;
  context.report({
    keys: [...at, "origin"],
    what: "an external origin has no containers of ours",
    value: true,
    allowed: "an origin of kind compose or tunnel",
    fix: "name another origin, or write kind: external with the server's host name",
  });
}

function externalPlace(context: RuleContext, name: string, { host, tls }: ExternalDatabaseSettings): void {
  const at = ["databases", name, "host"];
  if (isPublicAddress(host)) {
    context.report({
      keys: at,
      what: "a database on a public address: no certificate can be checked for it, and everybody can reach it",
      value: true,
      allowed: "the service's host name, or an address in a private network",
      fix: "write the host name; for a container on a host of yours write kind: container",
    });
  }
  for (const [machine, { address }] of Object.entries(context.values.hosts)) {
    if (address !== host || isPublicAddress(host)) continue;
    context.report({
      keys: at,
      what: `this is groundwork:hosts.${machine}: a database there would be reached from outside`,
      value: true,
      allowed: "a database service elsewhere",
      fix: "write kind: container, which is reached on the host itself",
    });
  }
  if (!isAddress(host) && isWithin(host, context.values.domain) && !context.isTouched(["domain"])) {
    context.report({
      keys: at,
      what: "the name is in the zone behind Cloudflare, which passes no PostgreSQL",
      value: true,
      allowed: "the service's own host name",
      fix: "write the name that the database service gave you",
    });
  }
  if (tls === "disable" && !isLoopback(host)) {
    context.report({
      keys: ["databases", name, "tls"],
      what: "passwords and data would travel unencrypted",
      value: true,
      allowed: "verify-full; disable only for a server on loopback",
      fix: "write verify-full, or remove the line",
    });
  }
}

const roles: Rule = (context) => {
  for (const [name, database] of Object.entries(context.values.databases)) {
    const given = completeRoles(database);
    const seen = new Map<string, string>();
    for (const [role, roleName] of Object.entries(given)) {
      if (roleName === undefined) continue;
      const keys = ["databases", name, "roles", role];
      const first = seen.get(roleName);
      if (first !== undefined) {
        context.report({
          keys,
          what: `roles.${first} has this name too: one role cannot have the rights of both`,
          value: roleName,
          allowed: "a different name for each role",
          fix: `write another name, such as ${database.database}_${role.toLowerCase()}`,
        });
      } else seen.set(roleName, role);
      if (roleName === database.adminUser) {
        context.report({
          keys,
          what: "this is the superuser (adminUser), which may do everything",
          value: roleName,
          allowed: "a role of its own",
          fix: `write another name, such as ${database.database}_${role.toLowerCase()}`,
        });
      }
    }
    for (const login of appLogins(given.app)) {
      const owner = seen.get(login);
      if (owner === undefined) continue;
      context.report({
        keys: ["databases", name, "roles", owner],
        what: "roles.app has a login of this name: its two are called as it is, with _a and _b",
        value: login,
        allowed: "a different name for each role",
        fix: `write another name, such as ${database.database}_${owner.toLowerCase()}`,
      });
    }
    if (database.roles.replication !== undefined && database.logicalReplication === false) {
      context.report({
        keys: ["databases", name, "roles", "replication"],
        what: "there is no replication role without logicalReplication",
        value: true,
        allowed: "roles.replication with logicalReplication: true",
        fix: "set logicalReplication to true, or remove the role",
      });
    }
  }
};

/** PostgreSQL would cut a longer one off, silently. */
const LONGEST_NAME = 63;

const lengths: Rule = (context) => {
  for (const [name, database] of Object.entries(context.values.databases)) {
    const given = completeRoles(database);
    const derived = [
      ...Object.entries(given).filter(([role]) => database.roles[role as keyof typeof given] === undefined),
      ...(database.roles.app === undefined
        ? appLogins(given.app).map((login) => ["app", login] as const)
        : []),
    ];
    const report = (keys: Keys, long: readonly (string | undefined)[], fix: string): void => {
      const [first] = long.filter((roleName) => roleName !== undefined && roleName.length > LONGEST_NAME);
      if (first === undefined) return;
      context.report({
        keys,
        what: `its role ${first} would have ${first.length} letters`,
        value: true,
        allowed: `names with which all roles have at most ${LONGEST_NAME} letters`,
        fix,
      });
    };
    const at = ["databases", name];
    report(
      [...at, "database"],
      derived.map(([, roleName]) => roleName),
      `write a shorter name, or name the roles themselves in groundwork:${configPath([...at, "roles"])}`,
    );
    if (database.roles.app !== undefined)
      report([...at, "roles", "app"], appLogins(database.roles.app), "write a shorter name");
  }
};

const otherMigrators: Rule = (context) => {
  for (const [name, database] of Object.entries(context.values.databases)) {
    const given = completeRoles(database);
    const ours: (string | undefined)[] = [...Object.values(given), ...appLogins(given.app)];
    database.furtherMigrators.forEach((role, index) => {
      if (!ours.includes(role)) return;
      context.report({
        keys: ["databases", name, "furtherMigrators", index],
        what: "this is one of the database's own roles",
        value: true,
        allowed: "roles that somebody else has made, beside the migrator",
        fix: "remove it",
      });
    });
  }
};

/** Roles belong to a whole server: the same name for two of its databases would be one role with the rights of both. */
const sharedRoles: Rule = (context) => {
  const seen = new Map<string, string>();
  for (const [name, database] of Object.entries(context.values.databases)) {
    const server =
      database.kind === "external"
        ? `${database.host}:${database.port}`
        : `${database.origin ?? ""} ${database.host ?? ""} ${database.project ?? ""} ${database.service}`;
    const { app, ...rest } = completeRoles(database);
    for (const [role, roleName] of Object.entries({ app, ...rest })) {
      if (roleName === undefined) continue;
      const place = `${server} ${roleName}`;
      const first = seen.get(place);
      if (first === undefined || first === name) {
        seen.set(place, name);
        continue;
      }
      context.report({
        keys: ["databases", name, "roles", role],
        what: `databases.${first} is on the same server and has this role too: it would have the rights of both`,
        value: roleName,
        allowed: "roles of its own for each database of a server",
        fix: `write another name, such as ${database.database}_${role.toLowerCase()}`,
      });
    }
  }
};

/** The names of a database's roles with the defaults filled in. */
export function completeRoles(database: ContainerDatabaseSettings | ExternalDatabaseSettings) {
  const { roles: given, database: name } = database;
  return {
    migrator: given.migrator ?? `${name}_migrator`,
    app: given.app ?? `${name}_app`,
    readOnly: given.readOnly,
    backup: given.backup,
    monitor: given.monitor,
    replication: given.replication ?? (database.logicalReplication === false ? undefined : `${name}_repl`),
  };
}

const safety: Rule = (context) => {
  for (const [name, database] of Object.entries(context.values.databases)) {
    if (database.allowReset && context.tier === "production") {
      context.report({
        keys: ["databases", name, "allowReset"],
        what: "a production database may not be emptied by a command",
        value: true,
        allowed: "false in production",
        fix: "remove the line",
      });
    }
  }
};

const backups: Rule = (context) => {
  for (const [name, database] of Object.entries(context.values.databases)) {
    const at = ["databases", name, "backups"];
    if (database.backups === undefined || context.isTouched(at)) continue;
    const { bucket, keep, s3 } = database.backups;
    if (database.kind === "external") {
      context.report({
        keys: at,
        atKey: true,
        what: "a database elsewhere has no host of ours to make its backups",
        allowed: "backups of databases in a container; those of a service are its own",
        fix: "remove backups, and turn on the service's own",
      });
    }
    if (keep.daily + keep.weekly + keep.monthly === 0) {
      context.report({
        keys: [...at, "keep"],
        what: "the rule keeps no backup for longer than a day",
        allowed: "daily, weekly or monthly from 1",
        fix: "write daily: 7",
      });
    }
    if (bucket === undefined) continue;
    const keys = [...at, "bucket"];
    if (s3 !== undefined) {
      context.report({
        keys,
        what: "s3 says already where the backups go",
        value: true,
        allowed: "bucket or s3, not both",
        fix: "remove one of the two",
      });
    }
    mustExist(context, "buckets", bucket, keys);
    const settings = context.values.buckets[bucket];
    if (settings?.public === true || settings?.customDomain !== undefined) {
      context.report({
        keys,
        what: "everybody can read this bucket, and so the backups",
        value: true,
        allowed: "a bucket without customDomain and public",
        fix: "add a bucket for backups and name it here",
      });
    }
    if (settings?.lifecycle?.some(({ deleteAfterDays }) => deleteAfterDays !== undefined) === true) {
      context.report({
        keys,
        what: "the bucket deletes old objects, and new backups are built upon old ones: all of them would be damaged",
        value: true,
        allowed: "a bucket without deleteAfterDays; keep says which backups stay",
        fix: `remove deleteAfterDays from groundwork:buckets.${bucket}.lifecycle; where no rule is left, write lifecycle: []`,
      });
    }
  }
};

const once: Rule = (context) => {
  const seen = new Map<string, string>();
  for (const [name, database] of Object.entries(context.values.databases)) {
    const place =
      database.kind === "external"
        ? `${database.host}:${database.port}/${database.database}`
        : `${database.origin ?? ""} ${database.host ?? ""} ${database.project ?? ""} ${database.service}/${database.database}`;
    const first = seen.get(place);
    if (first === undefined) seen.set(place, name);
    else {
      context.report({
        keys: ["databases", name, "database"],
        what: `databases.${first} is the same database`,
        value: true,
        allowed: "each database once",
        fix: "write another database, or remove one of the entries",
      });
    }
  }
};

export const databaseRules: readonly Rule[] = [
  places,
  roles,
  lengths,
  otherMigrators,
  sharedRoles,
  safety,
  backups,
  once,
];
