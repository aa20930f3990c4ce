import * as pulumi from "@pulumi/pulumi";
import type { PostgresWithAppUserArgs } from "./args";
import type { Login, Logins } from "./logins";
import { appLogins, historyTables, roleNames } from "./names";
import { roleStatements } from "./roles";

/** What the server is to be told, by the component's arguments. Secret, though no password is in it. */
export function statementsOf(args: PostgresWithAppUserArgs, logins: Logins): pulumi.Output<string> {
  const { database } = args;
  const names = roleNames(args);
  const [nameOfA, nameOfB] = appLogins(names.app);
  const { migrator, a, b, readOnly, backup, monitor, replication } = logins;
  const { passwordOverlap = true } = args;
  const usable = (login: Login | undefined) => login === logins.active || passwordOverlap;
  const verifiers = pulumi.all([
    migrator.verifier,
    a.verifier,
    b?.verifier,
    readOnly?.verifier,
    backup?.verifier,
    monitor?.verifier,
    replication?.verifier,
  ]);
  const statements = verifiers.apply(
    ([ofMigrator, ofA, ofB, ofReadOnly, ofBackup, ofMonitor, ofReplication]) => {
      const optional = (name: string | undefined, verifier: string | undefined) =>
        name === undefined ? undefined : { name, verifier };
      return roleStatements({
        database,
        schemas: args.schemas ?? ["public"],
        extensions: args.extensions ?? [],
        migrator: { name: names.migrator, verifier: ofMigrator },
        furtherMigrators: args.furtherMigrators ?? [],
        appGroup: names.app,
        appLogins: [
          { name: nameOfA, verifier: usable(a) ? ofA : undefined },
          { name: nameOfB, verifier: usable(b) ? ofB : undefined },
        ],
        readOnly: optional(names.readOnly, ofReadOnly),
        backup: optional(names.backup, ofBackup),
        monitor: optional(names.monitor, ofMonitor),
        replication:
          names.replication === undefined
            ? undefined
            : {
                role: { name: names.replication, verifier: ofReplication },
                publication: args.replication?.publication ?? `${database}_publication`,
                tables: args.replication?.tables,
              },
        readOnlyTables: args.readOnlyTables ?? historyTables,
        hiddenRelations: args.hiddenRelations ?? [],
        passwordOverlap,
        connectionLimit: args.connectionLimit ?? 50,
        statementTimeout: args.statementTimeout ?? 30_000,
        lockTimeout: args.lockTimeout ?? 5_000,
        idleInTransactionTimeout: args.idleInTransactionTimeout ?? 60_000,
        migratorLockTimeout: args.migratorLockTimeout ?? 5_000,
        reduceRoles: args.reduceRoles ?? false,
        isolateDatabases: args.isolateDatabases ?? args.kind === "container",
      });
    },
  );
  return pulumi.secret(statements);
}
