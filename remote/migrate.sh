#!/bin/sh
# migrate.sh: runs the migrations once, in a container of their own that is removed afterwards. What serves is not touched.
#
# Input:  service    service of the compose file whose image holds the migrations
#         arguments  how many; argument_N from 1: the program and its arguments (none: the image's own)
#         variables  how many; variable_N_name, variable_N_value from 1: over the application's environment. They reach
#                    compose by its own environment and an env file, never as arguments
#         timeout    seconds (default 600)
#         release    id of the release that comes (optional), with its images: images, image_N_service, image_N_reference.
#                    Its image is run; without it, the one of the files or of the current release
#         pull       "missing" (default), "always" or "never"
#         version_arguments  how many; version_argument_N: a program and its arguments that print the schema's version on their
#                    last line, run after the migrations (none: not asked)
#         locks      how many; lock_N_service, lock_N_user, lock_N_database: databases in the project's containers whose
#                    advisory lock of migrations is held meanwhile, so that migrations on another way wait for these. Of
#                    a database elsewhere instead of the service: lock_N_host, lock_N_port, lock_N_password, lock_N_sslmode:
#                    a session from a container of the migrations' image holds it
#         lock_image an image with psql for these sessions (default: the migrations' own)
# Output: {"step":"migrate","project":…,"seconds":3,"schema":"0042","unlocked":"shop"}; schema only where it was asked,
#         unlocked only where the image has no psql: databases whose lock nobody held
# Exit:   20 the migrations failed or took too long: the release does not start; the rest as in lib.sh
# shellcheck source=remote/lib.sh disable=SC1091,SC2015
. ./lib.sh

begin migrate
needs docker timeout

service=$(value service)
case $service in '' | -* | *[!A-Za-z0-9._-]*) fail 10 "bad service name" ;; esac
limit=$(number timeout 600)

release=$(release_name release) || exit 10
policy=$(value_or pull missing)
case $policy in missing | always | never) ;; *) fail 10 "bad pull policy" ;; esac
restore_wanted
if [ -n "$release" ]; then
  release_json "$release" | store "$root/migrate.release.json" 0600 >/dev/null || fail 12 "cannot write below $root" with-log
  release_file=$root/migrate.release.json
fi

lent_variables=$(lent_file "$root") || exit "$?"
trap 'rm -f "$lent_variables"' EXIT
trap 'exit 143' INT TERM
set --
count=$(number variables 0)
n=1
while [ "$n" -le "$count" ]; do
  name=$(value "variable_${n}_name")
  case $name in
    PATH | HOME | DOCKER_* | COMPOSE_* | '' | [!A-Za-z_]* | *[!A-Za-z0-9_]*) fail 10 "bad name of a variable" ;;
  esac
  content=$(value "variable_${n}_value"; printf .)
  lend "$lent_variables" "$name" "${content%.}"
  set -- "$@" --env "$name"
  n=$((n + 1))
done

# run_migrations NAME OPTION…: the arguments of the frames NAME_N, in a container of the service's image.
run_migrations() {
  list=$1
  shift
  with_words "$list" compose --env-file "$lent_variables" run --rm --name "$container" -T --no-deps --pull "$policy" "$@" "$service" </dev/null
}

# Anything else that migrates, such as an image's entry point, waits by `SELECT pg_advisory_lock(4857283)`.
lock_key=4857283

# hold_locks: a session in each database that has its lock until the other end of its input is closed. That end is open in
# this script and in the container's command, so that migrations whose script was killed still hold the lock.
hold_locks() {
  count=$(number locks 0) || exit 10
  [ "$count" -gt 0 ] || return 0
  prepare_sessions
  pipe=$root/.groundwork.migrate.pipe
  mkfifo -m 0600 "$pipe" || fail 12 "cannot write below $root"
  exec 7<>"$pipe" || fail 12 "cannot write below $root"
  n=1
  while [ "$n" -le "$count" ]; do
    lock_host=$(value "lock_${n}_host")
    lock_service=$(value "lock_${n}_service")
    lock_user=$(value "lock_${n}_user")
    lock_database=$(value "lock_${n}_database")
    plain_names "${lock_service:-elsewhere}" "$lock_user" "$lock_database"
    [ -n "$lock_host$lock_service" ] || fail 10 "neither a service nor a host of the database $lock_database"
    held=$root/.groundwork.migrate.held
    : >"$held" || fail 12 "cannot write below $root"
    # A shell of its own: a function's redirections would keep copies of what they close.
    (
      exec 3>&- 4>&- 7>&- 9>&-
      in_database -c "SET application_name = 'groundwork migrations'" \
        -c "SET lock_timeout = '${limit}s'" -c "SELECT 'held' FROM (SELECT pg_advisory_lock($lock_key)) AS lock" -f -
    ) <"$pipe" >"$held" &
    wait_for_lock $!
    n=$((n + 1))
  done
}

# Variables of sessions in databases elsewhere: a password is nobody's argument.
session_variables="--env PGHOST --env PGPORT --env PGUSER --env PGPASSWORD --env PGDATABASE --env PGSSLMODE
  --env PGCONNECT_TIMEOUT"

# The file that gives these sessions another image; and what begins them. Where libpq is older than 16, `system` is a file
# that is not there, which it says.
prepare_sessions() {
  lock_image=$(value lock_image)
  case $lock_image in -* | *[!A-Za-z0-9.:/@_-]*) fail 10 "bad image of psql" ;; esac
  session_file=
  if [ -n "$lock_image" ]; then
    session_file=$root/.groundwork.migrate.session.json
    printf '{"services":{"%s":{"image":"%s"}}}\n' "$service" "$lock_image" >"$session_file" ||
      fail 12 "cannot write below $root"
  fi
  # shellcheck disable=SC2016 # it is the container's shell that reads this
  session='command -v psql >/dev/null || { echo no-psql; exit 0; }
case $PGSSLMODE in verify-*) export PGSSLROOTCERT=${PGSSLROOTCERT:-system} ;; esac
exec psql "$@"'
}

# elsewhere ARGUMENT…: psql in a container of its own, at the database elsewhere.
elsewhere() {
  lent_session=$(lent_file "$root") || exit "$?"
  lend "$lent_session" PGHOST "$lock_host"
  lend "$lent_session" PGPORT "$(number "lock_${n}_port" 5432)"
  lend "$lent_session" PGUSER "$lock_user"
  lend "$lent_session" PGPASSWORD "$(value "lock_${n}_password")"
  lend "$lent_session" PGDATABASE "$lock_database"
  lend "$lent_session" PGSSLMODE "$(value_or "lock_${n}_sslmode" verify-full)"
  lend "$lent_session" PGCONNECT_TIMEOUT 20
  # shellcheck disable=SC2086 # words on purpose; no file, no words
  compose --env-file "$lent_session" ${session_file:+--file "$session_file"} run --rm -T --no-deps --pull "$policy" \
    $session_variables --entrypoint /bin/sh "$service" -c "$session" psql "$@"
  asked=$?
  rm -f "$lent_session"
  return "$asked"
}

in_database() {
  set -- -X -w -q -t -A -v ON_ERROR_STOP=1 "$@"
  # In a shell of its own, so that its variables reach nothing else.
  [ -z "$lock_host" ] || { (elsewhere "$@"); return; }
  compose exec -T "$lock_service" psql -U "$lock_user" -d "$lock_database" "$@"
}

# wait_for_lock PROCESS: until the session has the lock, or has given up.
wait_for_lock() {
  since=$(date +%s)
  said=
  until grep -q held "$held"; do
    if grep -q no-psql "$held"; then
      unlocked="$unlocked${unlocked:+ }$lock_database"
      printf 'migrate: the image has no psql: nobody holds the lock of migrations in %s\n' "$lock_database" >&4
      return
    fi
    if ! kill -0 "$1" 2>/dev/null && ! grep -q held "$held" && ! grep -q no-psql "$held"; then
      ! grep -q 'lock timeout' "$log" ||
        fail 20 "$(lock_holder) held the lock of migrations in $lock_database for $limit s; what served before still serves"
      fail 20 "$lock_database does not give the lock of migrations; what served before still serves" with-log
    fi
    if [ -z "$said" ] && [ "$(date +%s)" -gt $((since + 1)) ]; then
      said=1
      printf 'migrate: waiting for %s, which holds the lock of migrations in %s\n' "$(lock_holder)" "$lock_database" >&4
    fi
    nap 0.1
  done
}

lock_holder() {
  holder=$(in_database -c "SELECT format('%s (process %s of the server, since %s)', coalesce(nullif(application_name, ''),
    usename), pid, to_char(backend_start AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS')) FROM pg_locks JOIN pg_stat_activity
    USING (pid) WHERE locktype = 'advisory' AND objid = $lock_key AND classid = 0 AND granted LIMIT 1" </dev/null)
  printf '%s' "${holder:-another session}"
}

started=$(date +%s)
unlocked=
container=$project-migrate-$started
hold_locks
within="timeout -k 10 $limit"
late=
migrating=$(date +%s)
run_migrations argument "$@"
status=$?
if [ "$status" != 0 ]; then
  what="the migrations failed with exit code $status"
  # By the time as well: busybox's timeout ends as what it has ended.
  case $status in 124 | 137) late=1 ;; *) [ $(($(date +%s) - migrating)) -lt "$limit" ] || late=1 ;; esac
  [ -z "$late" ] || what="the migrations took longer than $limit s"
  # Whatever it was, docker's own end is not the container's; and before this script lets go of the lock, or the next migrations
  # would run beside these.
  end_container "$container" ||
    fail 20 "$what, and their container cannot be removed: they may go on, look at it: docker rm --force $container" with-log
  fail 20 "$what${late:+ and were ended}; what served before still serves" with-log
fi
schema=
if [ "$(number version_arguments 0)" -gt 0 ]; then
  policy=never
  # Another, as the first may not be gone yet.
  container=$container-version
  # shellcheck disable=SC2016 # the dollar is sed's
  schema=$(run_migrations version_argument "$@" | tr -d '\r' | sed -n '/[^ ]/h; ${x;p;}' | sed 's/^ *//; s/ *$//' | cut -c 1-200)
  if [ -z "$schema" ]; then
    end_container "$container"
    fail 20 "the command for the schema's version printed nothing; the migrations have run, what served before still serves" with-log
  fi
fi
exec 7>&-
finish "\"seconds\":$(($(date +%s) - started))${schema:+,\"schema\":\"$(json_text "$schema")\"}${unlocked:+,\"unlocked\":\"$unlocked\"}"
