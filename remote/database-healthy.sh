#!/bin/sh
# database-healthy.sh: starts the services that hold data and waits until they are healthy. A service that already runs
# as its definition says is left alone.
#
# Input:  services  their names in the compose file, one a line
#         timeout   seconds (default 180)
# Output: {"step":"database-healthy","project":…,"services":1}
# Exit:   20 not healthy in time; the rest as in lib.sh
# shellcheck source=remote/lib.sh disable=SC1091
. ./lib.sh

begin database-healthy
needs docker

timeout=$(number timeout 180)
set --
for service in $(value services); do
  case $service in -* | *[!A-Za-z0-9._-]*) fail 10 "bad service name" ;; esac
  set -- "$@" "$service"
done
[ "$#" -gt 0 ] || fail 10 "no service given"

{ compose up --detach --wait --wait-timeout "$timeout" "$@" && all_healthy "$@"; } || {
  compose logs --no-color --tail 30 "$@"
  fail 20 "$* did not become healthy within $timeout s" with-log
}
finish "\"services\":$#"
