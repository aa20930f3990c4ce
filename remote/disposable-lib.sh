# shellcheck shell=sh
# disposable-lib.sh: what restores and rehearsals share: a backup that is found and read, and a server of the same image in
# a compose project of its own, on a network that leads nowhere. It does nothing by itself; backup-lib.sh comes with it.
#
# Who includes it sets `target`, the new database.
# shellcheck source=remote/backup-lib.sh disable=SC1091,SC2034,SC2154
. ./backup-lib.sh

# find_backup NAME: sets backup and at, and writes what was recorded to $work/manifest.
find_backup() {
  run_restic snapshots --json --host "$project" --path "/$name.backup" --no-lock "$1" >"$work/found" || restic_failed $? "cannot find the backup"
  backup=$(json_member short_id <"$work/found")
  [ -n "$backup" ] || fail 20 "there is no such backup of $name at $(place)" with-log
  # The head first: what was recorded says how the database is made. restic is cut off behind it, which is no failure.
  fetch | {
    IFS= read -r head || head=
    printf '%s' "$head"
  } | base64 -d >"$work/manifest" || unreadable
  [ -s "$work/manifest" ] || unreadable
  grep -q '^{.*"backup": 1[,}]' "$work/manifest" || fail 20 "the backup $backup does not begin with what was recorded of it; nothing was changed" with-log
  at=$(sed -n '/"backup": /s/.*"at": "\([^"]*\)".*/\1/p' "$work/manifest")
}

fetch() {
  run_restic dump --no-lock "$backup" "/$name.backup" 2>"$work/fetch.log"
  printf '%s' $? >"$work/fetch.code"
}
unreadable() {
  cat "$work/fetch.log"
  restic_failed "$(cat "$work/fetch.code")" "the backup $backup cannot be read whole; nothing was changed"
}

# members NAME: the texts of the manifest's lines {"NAME": "…"}, unescaped by PostgreSQL itself.
members() {
  sed -n "s/^{\"$1\": \(.*\)}\$/\1/p" "$work/manifest" | paste -s -d , - | sed 's/.*/[&]/' | base64 | tr -d '\n' |
    sed "s/.*/SELECT x #>> ARRAY[]::text[] FROM jsonb_array_elements(convert_from(decode('&', 'base64'), 'UTF8')::jsonb) x;/" |
    query postgres -f -
}

# start_server PROJECT [WORDS [MEMBERS]]: WORDS are added to its command line, MEMBERS to its description, both JSON.
start_server() {
  image=$(compose config --images "$service" </dev/null | tail -n 1)
  case $image in '' | *[!A-Za-z0-9.:/@_-]*) fail 20 "cannot ask for the image of $service" with-log ;; esac
  # As the server of the service is started, in a project of its own: no volume of another, no way in and none out.
  words=$(run_docker inspect --format '{{json .Config.Cmd}}' "$(compose ps --quiet "$service" </dev/null)" </dev/null | tail -n 1 | sed 's/\$/$$/g')
  case $words in '['*']') ;; *) words=null ;; esac
  if [ -n "${2-}" ]; then
    case $words in null | '[]') words='["postgres"]' ;; esac
    words="${words%]},$2]"
  fi
  secret=$(head -c 24 /dev/urandom | base64 | tr -dc 'A-Za-z0-9')
  printf '{"services":{"db":{"image":"%s","command":%s,"pull_policy":"never","environment":{"POSTGRES_USER":"%s","POSTGRES_PASSWORD":"%s"}%s}},"networks":{"default":{"internal":true}}}\n' \
    "$image" "$words" "$admin" "$secret" "${3:+,$3}" >"$work/compose.json" || fail 12 "cannot write below $folder" with-log
  disposable=$1
  disposable_compose down --volumes --timeout 1 </dev/null || fail 20 "cannot start a disposable server: one of before does not go" with-log
  disposable_compose up --detach </dev/null || fail 20 "cannot start a disposable server" with-log
  deadline=$(($(date +%s) + 120))
  # By TCP: the server that initialises a new volume answers by its socket alone.
  until in_server pg_isready -q -h 127.0.0.1 </dev/null; do
    [ "$(date +%s)" -lt "$deadline" ] || { disposable_compose logs --no-color --tail 30 </dev/null; fail 20 "the disposable server does not start" with-log; }
    nap 0.3
  done
}

# The roles of the manifest, none of which logs in.
make_roles() {
  members role | sed 's/"/""/g; s/.*/"&"/' >"$work/roles" || fail 20 "the disposable server does not answer" with-log
  # The administrator is there already, and PostgreSQL has no IF NOT EXISTS for roles.
  grep -vx "\"$admin\"" "$work/roles" | sed 's/.*/CREATE ROLE & NOLOGIN;/' | query postgres -f - ||
    fail 20 "cannot make the roles on the disposable server" with-log
}

# TimescaleDB's own way: its catalogue is filled as it was, with its triggers and jobs at rest.
timescale() { query "$target" -c "SELECT $1()" </dev/null || fail 20 "TimescaleDB refuses $1" with-log; }

# restore_into_target COMMAND…: makes the database $target as the manifest says, and fills it with what the command prints.
restore_into_target() {
  locale=$(members create) || fail 20 "the server does not answer" with-log
  query postgres -c "CREATE DATABASE \"$target\" TEMPLATE template0$locale" </dev/null ||
    fail 20 "cannot make the database $target" with-log
  created=1
  has_timescale=
  if grep -q '"extension": "timescaledb"' "$work/manifest"; then
    query "$target" -c 'CREATE EXTENSION timescaledb' </dev/null || fail 20 "TimescaleDB cannot be made in the new database" with-log
    has_timescale=$(query "$target" -c "SELECT 1 WHERE to_regprocedure('timescaledb_pre_restore()') IS NOT NULL" </dev/null)
    [ -z "$has_timescale" ] || timescale timescaledb_pre_restore
  fi
  "$@" | {
    in_server pg_restore -w -U "$admin" -d "$target" --exit-on-error
    printf '%s' $? >"$work/restore.code"
    cat >/dev/null
  }
  [ "$(cat "$work/fetch.code")" = 0 ] || unreadable
  [ "$(cat "$work/restore.code")" = 0 ] || fail 20 "pg_restore failed; the database that was there is untouched" with-log
  [ -z "$has_timescale" ] || timescale timescaledb_post_restore
}

# dump_of_backup: the backup without its head.
dump_of_backup() {
  fetch | {
    IFS= read -r head
    cat
  }
}
