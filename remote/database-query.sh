#!/bin/sh
# database-query.sh: asks the server as the container's superuser, through its own socket; says how much room is left.
# Waits for no lock.
#
# Input:  service     the database's service in the compose file
#         admin_user  superuser in the container
#         database    the database to be in
#         statements  SQL that prints one line of JSON
# Output: {"step":"database-query","project":…,"disk":{"size":1,"free":1},"rows":…}; disk in KiB, of the host's data
# Exit:   20 the server does not answer or refused a statement; the rest as in lib.sh
# shellcheck source=remote/lib.sh disable=SC1091
. ./lib.sh

open_step database-query
needs docker df awk
service=$(value service)
admin=$(value admin_user)
database=$(value database)
plain_names "$service" "$admin" "$database"

rows=$(value statements | compose exec -T "$service" psql -X -w -q -t -A -v ON_ERROR_STOP=1 -U "$admin" -d "$database" -f - 2>"$log") ||
  fail 20 "the server refused" with-log
case $rows in '['*']' | '{'*'}') ;; *) fail 20 "the server's answer is no JSON" ;; esac
data=$(run_docker info --format '{{.DockerRootDir}}' </dev/null 2>/dev/null)
[ -d "$data" ] || data=$root
disk=$(df -Pk "$data" 2>/dev/null | awk 'NR == 2 { printf "{\"size\":%s,\"free\":%s}", $2, $4 }')
finish "\"disk\":${disk:-null},\"rows\":$(printf '%s' "$rows" | tr -d '\n')"
