import { randomBytes } from "node:crypto";
import { symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Frames } from "../../remote/framing";
import { findRestic } from "../../sandbox/engine/restic";
import { DatabaseRoles } from "./database-roles";
import { postgresVersions, startPostgres, type TestPostgres } from "./postgres";
import { type StepHost, stepHost, type StepResult } from "./remote-step";

/** A PostgreSQL with its own pg_dump and pg_restore, which npm's has not. Undefined where Debian's is not installed. */
export const fullPostgres = postgresVersions.find(([, folder]) => folder !== undefined)?.[1];

/** What a test says that cannot run. */
export const noFullPostgres = "not here: a PostgreSQL with pg_dump (apt-get install postgresql-15)";

/**
 * Body of a stand-in for docker: `exec` in the service `db` is a program of PostgreSQL's on the test's server, and `exec`
 * in what `run` starts is one on the server that `$HOME/disposable` names. With `$HOME/cut-dump` a dump breaks off; what
 * is in `$HOME/plant.sql` is done to every restored database.
 */
export function dockerWithPostgres(server: TestPostgres): string {
  const tools = `${fullPostgres ?? ""}/bin`;
  return `
on_server() {
  while :; do case $1 in psql|pg_dump|pg_restore|pg_isready) break ;; esac; shift; done
  PGHOST=127.0.0.1 PGPORT=$port PGPASSWORD=$password
  export PGHOST PGPORT PGPASSWORD
  if [ "$1" = pg_dump ] && [ -f "$HOME/cut-dump" ]; then
    ${tools}/"$@" | head -c 100000
    echo 'pg_dump: error: the connection was cut' >&2
    exit 1
  fi
  if [ "$1" = pg_restore ] && [ -f "$HOME/plant.sql" ]; then
    while [ "$1" != -d ]; do set -- "$@" "$1"; shift; done
    shift
    ${tools}/pg_restore -w -U postgres -d "$1" && ${tools}/psql -q -U postgres -d "$1" -f "$HOME/plant.sql"
    exit
  fi
  exec ${tools}/"$@"
}
# The image of the service in the last file but one: the overlay is the last.
release_image() {
  file=
  while [ $# -gt 0 ]; do
    [ "$1" != --file ] || { before=$file; file=$2; }
    shift
  done
  sed -n 's/.*"image":"\\([^"]*\\)".*/\\1/p' "$before"
}
case " $* " in
  *" image inspect "*) echo sha256:0123456789abcdef ;;
  *" ps --quiet db "*) echo 0123456789abcdef ;;
  *" config --images db "*) echo postgres:18 ;;
  *" inspect --format {{json .Config.Cmd}} "*) echo '["postgres","-c","wal_level=logical"]' ;;
  *" inspect "*) echo '{"app_default":{"IPAMConfig":null,"Gateway":"172.18.0.1","IPAddress":"127.0.0.1","GlobalIPv6Address":""}}' ;;
  *" ps --quiet "*) ;;
  *" info "*) echo / ;;
  *"-rehearsal-app --project-directory "*" run "*)
    # The image is a folder of programs, and its container finds the copy's server under the name \`db\`.
    image=$(release_image "$@")
    while [ "$1" != api ]; do shift; done
    shift
    { read -r port; read -r password; } <"$HOME/disposable"
    DATABASE_URL=$(printf '%s' "\${DATABASE_URL-}" | sed "s#@db:5432/#@127.0.0.1:$port/#") exec "$HOME/images/$image/$@" ;;
  *"-rehearsal-app --project-directory "*" up --detach "*)
    { read -r port; read -r password; } <"$HOME/disposable"
    image=$(release_image "$@")
    if "$HOME/images/$image/health" "$port" "$password" >/dev/null; then echo healthy; else echo unhealthy; fi >"$HOME/previous-health" ;;
  *"-rehearsal-app --project-directory "*" logs "*) ;;
  *" down --volumes --remove-orphans "*) rm -f "$HOME/previous-health" ;;
  *" ps --all --no-trunc "*"project=sample-rehearsal-app "* | *" ps --all --no-trunc "*"project=app-rehearsal-app "*)
    [ ! -f "$HOME/previous-health" ] || echo "0123456789ab api running Up 3 seconds ($(cat "$HOME/previous-health"))" ;;
  *"-rehearsal --project-directory "*" up --detach "* | *"-drill --project-directory "*" up --detach "*)
    # What it is told lies in a folder that is gone at the end.
    while [ "$1" != --file ]; do shift; done
    cat "$2" >>"$HOME/disposable.json" ;;
  *"-drill --project-directory "*" down --volumes "* | *"-rehearsal --project-directory "*" down --volumes "*) ;;
  *"-drill --project-directory "*" exec -T db "* | *"-rehearsal --project-directory "*" exec -T db "*) { read -r port; read -r password; } <"$HOME/disposable"; on_server "$@" ;;
  *" exec -T db "*) port=${server.port} password='${server.password}'; on_server "$@" ;;
  *) exit 3 ;;
esac`;
}

type BackupStep = "database-backup" | "database-backups" | "database-restore" | "database-rehearse";

/** A host with a database `shop`, real PostgreSQL and restic, and steps that run as they do over SSH. */
export interface BackupHost {
  readonly server: TestPostgres;
  readonly roles: DatabaseRoles;
  readonly host: StepHost;
  readonly password: string;
  /** The folder of its backups on the host. */
  readonly folder: string;
  step(step: BackupStep, changes?: Frames): Promise<StepResult>;
  /** The step's one line, parsed. @throws where the step fails */
  done<T>(step: BackupStep, changes?: Frames): Promise<T>;
  /** Starts the server that `docker run` stands for. */
  disposable(settings?: Readonly<Record<string, string>>): Promise<TestPostgres>;
  close(): Promise<void>;
}

export async function backupHost(): Promise<BackupHost> {
  const server = await startPostgres({}, fullPostgres);
  const roles = new DatabaseRoles(server);
  await roles.database("shop");
  const password = randomBytes(24).toString("base64url");
  const host = stepHost(dockerWithPostgres(server));
  symlinkSync(await findRestic((line) => console.log(line)), join(host.home, "bin", "restic"));
  const frames = {
    name: "main",
    service: "db",
    admin_user: "postgres",
    database: "shop",
    password,
    redact: password,
  };
  const started: TestPostgres[] = [];
  const step: BackupHost["step"] = (name, changes = {}) => host.run(name, { ...frames, ...changes });
  return {
    server,
    roles,
    host,
    password,
    folder: join(host.root, "backups", "main"),
    step,
    done: async <T>(name: Parameters<BackupHost["step"]>[0], changes?: Frames) => {
      const { code, stderr, stdout } = await step(name, changes);
      if (code !== 0) throw new Error(`${name} ended with ${code}: ${stderr}`);
      return JSON.parse(stdout) as T;
    },
    disposable: async (settings = {}) => {
      const fresh = await startPostgres(settings, fullPostgres);
      started.push(fresh);
      writeFileSync(join(host.home, "disposable"), `${fresh.port}\n${fresh.password}\n`, { mode: 0o600 });
      return fresh;
    },
    close: async () => {
      for (const each of started) await each.remove();
      await server.remove();
      host.remove();
    },
  };
}
