#!/bin/sh
# database-rehearse.sh: runs the migrations of a release that comes against a copy of the database, on a server of its own
# whose network leads nowhere, with the roles and grants of the real one; then tries the release that serves on the new
# schema. The real database is only read, and only where there is no backup to copy.
#
# The server's own log tells each statement's time. Locks are told exactly: event triggers read them after each DDL
# statement, and every commit waits, its locks still held, for a standby that does not exist, until an observer has read
# them. All of it goes with the server. A watch that lives on removes everything where this script is killed.
#
# Input:  as in backup-lib.sh (without password: the database has no backups), and
#         source      "backup" (default), or "live": a dump of the database as it is
#         backup      which (default: the newest)
#         statements  SQL of roles and grants, as postgres-roles has it: before and after the migrations
#         aliases     host names of the database in its addresses, one a line
#         overlay     compose file that is laid over the project's: the network, and no volume of another
#         app         the service whose image holds the migrations; images, arguments, variables, timeout and pull as in
#                     migrate.sh
#         checks      how many services of the release that serves are started on the new schema; check_N_service,
#                     check_N_port and check_N_path (optional), check_N_hostname
#         health      seconds until each is healthy (default 180)
#         smokes      how many; smoke_N: a program and its arguments, run in the app's image of the release that serves
# Output: {"step":"database-rehearse","project":…,"source":"backup","backup":"1f2e3d4c","at":"…","image":"sha256:…",
#         "code":0,"output":"…","again":"","exact":true,"before":[…],"after":[…],"log":"…","previous":"…","checks":[…],
#         "seconds":{"start":1,"restore":2,"migrate":3,"previous":4}}; output, again and log in base64: the end of what the
#         migrations printed, what refused roles and grants after them, the server's log as CSV. exact: commits were seen
# Exit:   20 there is no copy to rehearse on: said why; 75 another rehearsal goes on; the rest as in lib.sh
# shellcheck source=remote/disposable-lib.sh disable=SC1091,SC2015
. ./disposable-lib.sh

open_backup database-rehearse without
needs docker flock setsid timeout curl
source=$(value_or source backup)
case $source in backup | live) ;; *) fail 10 "bad source" ;; esac
[ "$source" = live ] || [ -n "$(value password)" ] || fail 10 "the repository's password is missing"
wanted=$(value_or backup latest)
case $wanted in latest) ;; '' | *[!0-9a-f]*) fail 10 "bad name of a backup" ;; esac
app=$(value app)
plain_names "$app"
limit=$(number timeout 600) && health=$(number health 180) || exit 10
policy=$(value_or pull missing)
case $policy in missing | always | never) ;; *) fail 10 "bad pull policy" ;; esac
target=$database
n=1
while [ "$n" -le "$(number variables 0)" ]; do
  case $(value "variable_${n}_name") in
    PATH | HOME | DOCKER_* | COMPOSE_* | '' | [!A-Za-z_]* | *[!A-Za-z0-9_]*) fail 10 "bad name of a variable" ;;
  esac
  n=$((n + 1))
done
aliases=$(value aliases | sed '/^$/d; /[^A-Za-z0-9._-]/d; s/.*/"&"/' | paste -s -d , -)

exec 8>>"$folder/rehearse.lock" || fail 12 "cannot write $folder/rehearse.lock"
lock_limit=$(number lock_wait 600) || exit 10
wait_lock 8 "$lock_limit" || fail 75 "another rehearsal of $name goes on; nothing was done"
: >"$log"
exec 1>>"$log" 2>&1
# Of one that was killed together with its watch, as by a machine that stops.
for old in "$folder"/.work.*/rehearsal; do
  [ ! -f "$old" ] || rm -rf "${old%/*}"
done
open_work
: >"$work/rehearsal"
! has repository || open_repository || restic_failed $? "cannot open the repository"
server_project=$project-rehearsal
app_project=$project-rehearsal-app

# shellcheck disable=SC2016 # the dollars are the inner shell's
remove_projects='
  for project in "$4" "$3"; do
    $1 docker compose --project-name "$project" --project-directory "$2" --file "$2/compose.json" down --volumes --remove-orphans --timeout 1
  done'
printf '{"services":{"db":{"image":"%s"}}}\n' "$service" >"$work/compose.json" || fail 12 "cannot write below $folder"
# shellcheck disable=SC2317 # called by the trap
at_end() { sh -c "$remove_projects" groundwork-rehearsal "$docker_prefix" "$work" "$server_project" "$app_project" </dev/null 8>&- 3>&- 4>&-; }
# Gets the lock when this script has ended, however that was. Then its folder is gone, or there is something to remove.
setsid sh -c "flock 8; [ -d \"\$2\" ] || exit 0; $remove_projects; rm -rf \"\$2\"" groundwork-rehearsal-watch "$docker_prefix" "$work" \
  "$server_project" "$app_project" 8>>"$folder/rehearse.lock" </dev/null 3>&- 4>&- &
at_end >/dev/null 2>&1
began=$(date +%s)

# The copy.
if [ "$source" = backup ]; then
  find_backup "$wanted"
else
  backup=
  { printf 'BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;\n'; facts; } | query "$database" -f - >"$work/manifest" ||
    fail 20 "the database cannot be read" with-log
  at=$(sed -n '/"backup": /s/.*"at": "\([^"]*\)".*/\1/p' "$work/manifest")
fi
# shellcheck disable=SC2317 # called by restore_into_target
dump_of_live() {
  compose exec -T "$service" pg_dump -w -U "$admin" -d "$database" --format=custom --compress=0 --lock-wait-timeout=60000 \
    </dev/null 2>"$work/fetch.log" 8>&-
  printf '%s' $? >"$work/fetch.code"
}
[ "$source" = backup ] || unreadable() { cat "$work/fetch.log"; fail 20 "the database could not be dumped" with-log; }
start_server "$server_project" \
  '"-c","logging_collector=on","-c","log_destination=csvlog","-c","log_rotation_age=0","-c","log_rotation_size=0","-c","log_timezone=UTC"' \
  "\"networks\":{\"default\":{\"aliases\":[\"$service\"${aliases:+,$aliases}]}}"
make_roles
ready=$(date +%s)
restore_into_target "dump_of_$source"
members apply | query "$target" -v "database=$target" --single-transaction -f - ||
  fail 20 "grants and settings of the database cannot be given to the copy" with-log
roles_and_grants() { value statements | query "$target" --single-transaction -f -; }
roles_and_grants || fail 20 "the copy refuses roles and grants as the stack has them" with-log
query "$target" -c ANALYZE </dev/null || fail 20 "the copy cannot be analysed" with-log
restored=$(date +%s)

relations() {
  query "$target" -f - <<'END'
SELECT coalesce(jsonb_agg(jsonb_build_array(c.oid::int8, format('%I.%I', n.nspname, c.relname), c.relkind,
  coalesce(pg_relation_filenode(c.oid), 0)::int8, greatest(c.reltuples, 0)::int8,
  CASE WHEN c.relkind IN ('r', 'm', 'i') THEN pg_total_relation_size(c.oid) ELSE 0 END)), '[]')
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.oid >= 16384 AND c.relkind IN ('r', 'p', 'm', 'i', 'I', 'S', 'v', 'f') AND n.nspname !~ '^pg_'
  AND n.nspname NOT IN ('information_schema', 'groundwork_rehearsal');
END
}

# locks PROCESS: SQL of the relations that a process has locked, with the modes.
locks() {
  printf '%s' "(SELECT coalesce(jsonb_agg(jsonb_build_array(l.relation::int8, l.mode)), '[]') FROM pg_catalog.pg_locks l JOIN pg_catalog.pg_database d ON d.oid = l.database WHERE l.locktype = 'relation' AND l.granted AND l.pid = $1 AND d.datname = '$target' AND l.relation::int8 >= 16384)"
}
milliseconds() { printf '%s' "round((extract(epoch FROM $1) * 1000)::numeric, 3)"; }

observe() {
  query "$target" -f - <<END_OF_SQL || fail 20 "the copy cannot be observed" with-log
SET client_min_messages = warning;
CREATE SCHEMA groundwork_rehearsal;
CREATE FUNCTION groundwork_rehearsal.tell() RETURNS event_trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS \$tell\$
BEGIN
  RAISE LOG 'groundwork %', jsonb_build_object('event', tg_event, 'tag', tg_tag, 'at', $(milliseconds 'clock_timestamp()'),
    'statement', $(milliseconds 'statement_timestamp()'), 'locks', $(locks 'pg_backend_pid()'))
    || CASE tg_event WHEN 'table_rewrite' THEN jsonb_build_object('table', pg_event_trigger_table_rewrite_oid()::int8) ELSE '{}' END;
END \$tell\$;
CREATE EVENT TRIGGER groundwork_rehearsal_start ON ddl_command_start EXECUTE FUNCTION groundwork_rehearsal.tell();
CREATE EVENT TRIGGER groundwork_rehearsal_end ON ddl_command_end EXECUTE FUNCTION groundwork_rehearsal.tell();
CREATE EVENT TRIGGER groundwork_rehearsal_rewrite ON table_rewrite EXECUTE FUNCTION groundwork_rehearsal.tell();
END_OF_SQL
  # In another database: a concurrent index waits for every snapshot in its own. A commit is let go once, as what is sent
  # later would cancel the statement after it.
  # Without the lock, so that the watch gets it.
  (exec 8>&- 3>&- 4>&-; query postgres -f - <<END_OF_SQL
SET application_name = 'groundwork rehearsal';
SET synchronous_commit = local;
DO \$observe\$
DECLARE
  waiting record;
  seen jsonb := '{}';
BEGIN
  LOOP
    PERFORM pg_stat_clear_snapshot();
    FOR waiting IN SELECT pid, coalesce(backend_xid::text, '') AS xid FROM pg_stat_activity WHERE wait_event = 'SyncRep' LOOP
      CONTINUE WHEN seen ->> waiting.pid::text = waiting.xid;
      seen := seen || jsonb_build_object(waiting.pid::text, waiting.xid);
      RAISE LOG 'groundwork %', jsonb_build_object('event', 'commit', 'pid', waiting.pid, 'at', $(milliseconds 'clock_timestamp()'),
        'locks', $(locks waiting.pid));
      PERFORM pg_cancel_backend(waiting.pid);
    END LOOP;
    PERFORM pg_sleep(0.002);
  END LOOP;
END \$observe\$;
END_OF_SQL
  ) &
  query postgres -f - <<'END_OF_SQL' || fail 20 "the copy cannot be observed" with-log
SET synchronous_commit = local;
ALTER SYSTEM SET log_min_duration_statement = 0;
SELECT 'ALTER SYSTEM SET log_parameter_max_length = 0' WHERE EXISTS (SELECT FROM pg_settings WHERE name = 'log_parameter_max_length') \gexec
ALTER SYSTEM SET synchronous_standby_names = 'groundwork_rehearsal';
SELECT pg_reload_conf();
END_OF_SQL
  # The server waits for a standby only a moment after it was told. Whoever has waited is told so by a warning.
  exact=false
  tries=0
  while [ "$exact" = false ] && [ "$tries" -lt 25 ]; do
    printf '%s\n' "SELECT pg_logical_emit_message(true, 'groundwork', 'probe');" |
      query "$target" -f - >/dev/null 2>"$work/probe" || fail 20 "the copy cannot be observed" with-log
    if grep -q WARNING "$work/probe"; then exact=true; else nap 0.2; fi
    tries=$((tries + 1))
  done
}
mark() { printf "SET log_min_duration_statement = -1;\nDO \$mark\$ BEGIN RAISE LOG 'groundwork {\"event\": \"%s\"}'; END \$mark\$;\n" "$1" | query postgres -f - || fail 20 "the copy does not answer" with-log; }

before=$(relations) || fail 20 "the copy cannot be read" with-log
observe
value overlay >"$work/overlay.yaml" && release_json "$(release_name release)" >"$work/release.json" ||
  fail 12 "cannot write below $folder" with-log

# in_app RELEASE-FILE ARGUMENT…: docker compose on the project's files, with the images of a release, in the network of the copy.
in_app() {
  of=$1
  shift
  vaulted=$(vault_file) || exit "$?"
  run_docker compose --project-name "$app_project" --project-directory "$root" --env-file "$root/.env" \
    ${vaulted:+--env-file "$vaulted"} --file "$root/compose.yaml" --file "$root/compose.override.json" --file "$of" --file "$work/overlay.yaml" "$@" 8>&-
}
# run_words LIST RELEASE-FILE PULL OPTION…: the frames LIST_N, in a container of the app's image, which ends with its time.
run_words() {
  list=$1
  of_release=$2
  pull=$3
  shift 3
  container=$app_project-$list-$began
  within="timeout -k 10 $limit"
  with_words "$list" in_app "$of_release" ${lent_variables:+--env-file "$lent_variables"} run --rm --name "$container" -T --no-deps \
    --pull "$pull" "$@" "$app" </dev/null
  ran=$?
  within=
  case $ran in 124 | 137) end_container "$container" >>"$log" 2>&1 ;; esac
  return "$ran"
}
shown() {
  cat "$1"
  { value redact; printf '\n'; cat "$root/.redact"; printf '\n\001\n'; tail -n 30 "$1"; } 2>/dev/null | redact_lines | base64 | tr -d '\n'
}

# The migrations, as the release has them.
mark migrations
lent_variables=$(lent_file "$work") || exit "$?"
set --
n=1
count=$(number variables 0) || exit 10
while [ "$n" -le "$count" ]; do
  name_of=$(value "variable_${n}_name")
  content=$(value "variable_${n}_value"; printf .)
  lend "$lent_variables" "$name_of" "${content%.}"
  set -- "$@" --env "$name_of"
  n=$((n + 1))
done
migrating=$(date +%s)
run_words argument "$work/release.json" "$policy" "$@" >"$work/output" 2>&1
code=$?
rm -f "$lent_variables"
lent_variables=
migrated=$(date +%s)
mark migrated
output=$(shown "$work/output" 2>>"$log" | tail -n 1)
image=$(run_docker image inspect --format '{{.Id}}' "$(value image_1_reference)" </dev/null 2>/dev/null | tail -n 1)
case $image in *[!A-Za-z0-9:]*) image= ;; esac
n=1
while [ "$n" -le "$(number variables 0)" ]; do
  unset "$(value "variable_${n}_name")"
  n=$((n + 1))
done

query postgres -f - <<'END' || fail 20 "the copy does not answer" with-log
SET synchronous_commit = local;
ALTER SYSTEM SET log_min_duration_statement = -1;
ALTER SYSTEM SET synchronous_standby_names = '';
SELECT pg_reload_conf();
SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'groundwork rehearsal';
END
query "$target" -f - <<'END' || fail 20 "the copy does not answer" with-log
SET synchronous_commit = local;
SET client_min_messages = warning;
DROP EVENT TRIGGER groundwork_rehearsal_start;
DROP EVENT TRIGGER groundwork_rehearsal_end;
DROP EVENT TRIGGER groundwork_rehearsal_rewrite;
DROP SCHEMA groundwork_rehearsal CASCADE;
END
after=$(relations) || fail 20 "the copy cannot be read" with-log
query postgres -c "SELECT encode(pg_read_binary_file(pg_current_logfile('csvlog'), 0, 16777216), 'base64')" </dev/null >"$work/log" ||
  fail 20 "the log of the copy cannot be read" with-log

# The release that serves, on the new schema.
again=
previous=
found=
if [ "$code" = 0 ]; then
  roles_and_grants >"$work/again" 2>&1 || again=$(shown "$work/again" | tail -n 1)
  previous_file=$root/current/compose.release.json
  [ ! -f "$previous_file" ] || previous=$(cat "$root/current/id" 2>/dev/null)
fi
found_one() { found="$found${found:+,}{\"what\":\"$1\",\"service\":\"$2\",\"ok\":$3,\"detail\":\"$(json_text "$4")\"}"; }

# becomes_well SERVICE: whether its container gets healthy, and answers where it has a path. Says in `detail` what it came to.
becomes_well() {
  deadline=$(($(date +%s) + health))
  stable=$(($(date +%s) + 3))
  while :; do
    state=$(containers "$app_project" </dev/null | awk -v name="$1" '$2 == name { print; exit }')
    id=${state%% *}
    case $state in
      '') detail='its container is gone'; return 1 ;;
      *' exited '* | *' dead '* | *' restarting '*) detail='it has ended'; return 1 ;;
      *'(unhealthy)'*) detail='it is unhealthy by its own health check'; return 1 ;;
      *'(health: starting)'*) detail="it is not healthy after $health s" ;;
      *)
        if [ -z "$(value "check_${n}_path")" ]; then
          detail='healthy by its own health check'
          case $state in *'(healthy)'*) return 0 ;; esac
          detail='it runs'
          [ "$(date +%s)" -lt "$stable" ] || return 0
        else
          address=$(run_docker inspect --format '{{json .NetworkSettings.Networks}}' "$id" </dev/null | tr ',' '\n' | tr '{' '\n' |
            sed -n 's/^ *"IPAddress": *"\([0-9.][0-9.]*\)".*/\1/p' | head -n 1)
          scheme=http hostname=$(value_or "check_${n}_hostname" localhost) path=$(value "check_${n}_path")
          if [ -n "$address" ] && ask_until_well "$address" "$(number "check_${n}_port" 80)" 0 8>&-; then
            detail="$path answers $status"
            return 0
          fi
          detail="$path answers ${status:-nothing}"
        fi
        ;;
    esac
    [ "$(date +%s)" -lt "$deadline" ] || return 1
    nap 0.5
  done
}
if [ -n "$previous" ]; then
  n=1
  while [ "$n" -le "$(number checks 0)" ]; do
    one=$(value "check_${n}_service")
    plain_names "$one"
    status=
    if ! in_app "$previous_file" up --detach --no-deps --no-build --pull never --scale "$one=1" "$one" </dev/null; then
      found_one health "$one" false "it cannot be started"
    elif becomes_well "$one"; then
      found_one health "$one" true "$detail"
    else
      in_app "$previous_file" logs --no-color --tail 30 "$one" </dev/null
      found_one health "$one" false "$detail"
    fi
    n=$((n + 1))
  done
  if [ "$(number smokes 0)" -gt 0 ]; then
    run_words smoke "$previous_file" never >"$work/smoke" 2>&1
    smoked=$?
    cat "$work/smoke"
    if [ "$smoked" = 0 ]; then found_one smoke "$app" true "exit code 0"; else found_one smoke "$app" false "exit code $smoked"; fi
  fi
fi
ended=$(date +%s)
finish "\"source\":\"$source\",\"backup\":\"$backup\",\"at\":\"$at\",\"image\":\"$image\",\"code\":$code,\"output\":\"$output\",\"again\":\"$again\",\"exact\":$exact,\"before\":$before,\"after\":$after,\"log\":\"$(tr -d '\n' <"$work/log")\",\"previous\":\"$previous\",\"checks\":[$found],\"seconds\":{\"start\":$((ready - began)),\"restore\":$((restored - ready)),\"migrate\":$((migrated - migrating)),\"previous\":$((ended - migrated))}"
