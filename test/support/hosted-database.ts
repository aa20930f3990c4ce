import { spawnSync } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { BackupAccess } from "../../automation/database/backups";
import { type EnvironmentDatabase, openDatabase } from "../../automation/database/database";
import type { StackConfig } from "../../automation/stack-config";
import type { Settings } from "../../platform/settings";
import { DatabaseRoles } from "./database-roles";
import type { RealSsh, RealSshOptions } from "./open-ssh";
import { startPostgres, type TestPostgres } from "./postgres";

/** Whether this machine has psql, which stands in for a container's. */
export const hasPsql = spawnSync("psql", ["--version"]).error === undefined;

/** A database `shop` in a container of a host that is reached by SSH: PostgreSQL and SSH are real, `docker` is not. */
export interface HostedDatabase {
  readonly server: TestPostgres;
  readonly roles: DatabaseRoles;
  /** The calls of docker. */
  calls(): string;
  /** HOME of who logs in; `bin` in it is on the PATH. */
  readonly home: string;
  config(changes?: object): StackConfig;
  open(changes?: object): EnvironmentDatabase;
  close(): Promise<void>;
}

/** Shell that runs a container's psql: its own socket is a connection as the superuser. */
export function containersPsql(server: Pick<TestPostgres, "port" | "password">): string {
  return `while [ "$1" != psql ]; do shift; done
    PGHOST=127.0.0.1 PGPORT=${server.port} PGPASSWORD='${server.password}' exec "$@"`;
}

function dockerFor(server: TestPostgres, log: string): string {
  return `#!/bin/sh
printf '%s\\n' "$*" >>${log}
case " $* " in
  *" ps --quiet db "*) echo 0123456789abcdef ;;
  *" ps --quiet "*) ;;
  *" inspect "*) echo '{"app_default":{"IPAMConfig":null,"Gateway":"172.18.0.1","IPAddress":"127.0.0.1","GlobalIPv6Address":""}}' ;;
  *" info "*) echo / ;;
  *" exec -T db psql "*)
    ${containersPsql(server)} ;;
  *) exit 3 ;;
esac
`;
}

interface HostedOptions {
  /** The folder of another PostgreSQL. @default npm's */
  readonly installation?: string | undefined;
  /** Text of the program that stands in for docker and writes its calls to the file `log`. @default psql alone */
  readonly docker?: (server: TestPostgres, log: string) => string;
  /** Where its backups are. @default none */
  readonly backups?: BackupAccess;
}

export async function hostedDatabase(
  start: (options: RealSshOptions) => Promise<RealSsh>,
  settings: Readonly<Record<string, string>> = {},
  { installation, docker = dockerFor, backups }: HostedOptions = {},
): Promise<HostedDatabase> {
  const server = await startPostgres(settings, installation);
  const roles = new DatabaseRoles(server);
  await roles.database("shop");
  const directory = mkdtempSync(join(tmpdir(), "groundwork-database-"));
  const bin = join(directory, "bin");
  mkdirSync(bin);
  const log = join(directory, "calls");
  writeFileSync(join(bin, "docker"), docker(server, log));
  chmodSync(join(bin, "docker"), 0o755);
  const ssh = await start({ directory, bin });
  mkdirSync(join(directory, "groundwork", "app"), { recursive: true });
  const config = (changes: object = {}): StackConfig => {
    const { privateKey, ...own } = ssh.server;
    const all = {
      hosts: { machine: { ...own, privateKeySecret: "KEY" } },
      resolve: [],
      databases: {
        main: {
          ...{ kind: "container", host: "machine", project: "app", service: "db", port: server.port },
          ...{ database: "shop", adminUser: "postgres", schemas: ["public"], roles: {}, extensions: [] },
          ...{ hiddenRelations: [], logicalReplication: false, allowReset: false },
          ...changes,
        },
      },
    };
    return { stack: "dev", settings: all as unknown as Settings, secrets: { KEY: privateKey } };
  };
  const opened: EnvironmentDatabase[] = [];
  return {
    server,
    roles,
    home: directory,
    calls: () => readFileSync(log, "utf8"),
    config,
    open: (changes) => {
      const connections = {
        main: {
          app: roles.url("shop_app_a", "shop"),
          migrator: roles.url("shop_migrator", "shop"),
          readOnly: roles.url("shop_ro", "shop"),
        },
      };
      const database = openDatabase(config(changes), connections, "main", {
        backups: backups && { main: backups },
      });
      opened.push(database);
      return database;
    },
    close: async () => {
      for (const database of opened) await database.close();
      await ssh.close();
      await server.remove();
      rmSync(directory, { recursive: true, force: true });
    },
  };
}
