#!/bin/sh
# postgres-roles.sh: makes the database, then roles and grants in one transaction, as the container's superuser through
# its own socket. No password passes through here: the statements hold SCRAM verifiers.
#
# Input:  service     the database's service in the compose file
#         admin_user  superuser in the container
#         database    the application's database
#         statements  SQL that may run again and again
#         unscheduled the name of backups that this host shall not make any more (optional)
#         timeout     seconds to wait for the server to accept connections (default 60)
# Output: {"step":"postgres-roles","project":…,"database":"app","created":false}
# Exit:   20 the server does not answer or refused a statement (nothing of the transaction stays); the rest as in lib.sh
# shellcheck source=remote/lib.sh disable=SC1091
. ./lib.sh
# shellcheck source=remote/schedule-lib.sh disable=SC1091
. ./schedule-lib.sh

begin postgres-roles
needs docker

service=$(value service)
admin=$(value admin_user)
database=$(value database)
plain_names "$service" "$admin" "$database"

# Each call is one psql in the container: no start-up file, never asks for a password, stops at the first error.
query() {
  on=$1
  shift
  compose exec -T "$service" psql -X -w -v ON_ERROR_STOP=1 -U "$admin" -d "$on" "$@"
}

# A new volume is initialised by a server without TCP, which then restarts: waiting on TCP waits for the real one.
deadline=$(($(date +%s) + $(number timeout 60)))
until compose exec -T "$service" pg_isready -q -h 127.0.0.1 </dev/null; do
  [ "$(date +%s)" -lt "$deadline" ] || fail 20 "the database in $service does not accept connections" with-log
  sleep 1
done

exists=$(query postgres -t -A -c "SELECT 1 FROM pg_database WHERE datname = '$database'" </dev/null) ||
  fail 20 "cannot ask the server as $admin" with-log
created=false
if [ "$exists" != 1 ]; then
  query postgres -q -c "CREATE DATABASE \"$database\"" </dev/null || fail 20 "cannot make the database" with-log
  created=true
fi

value statements | query "$database" -q --single-transaction -f - ||
  fail 20 "the server refused the roles and grants; nothing was changed" with-log
# A login that was ended by a rotation keeps its connections until somebody cuts them.
query "$database" -q -t -A -f - <<'END'
SELECT pg_terminate_backend(a.pid) FROM pg_stat_activity a JOIN pg_roles r ON r.oid = a.usesysid
WHERE NOT r.rolcanlogin AND a.datname = current_database();
END
if has unscheduled; then
  unscheduled=$(value unscheduled)
  plain_names "$unscheduled"
  remove_schedule "$unscheduled" || fail 20 "the schedule of the backups of $unscheduled cannot be taken away" with-log
fi
finish "\"database\":\"$database\",\"created\":$created"
