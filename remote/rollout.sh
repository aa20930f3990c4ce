#!/bin/sh
# rollout.sh: fetches the images, then replaces what runs by what the files describe, and waits until all of it is
# healthy. A service that already runs as described is left alone.
#
# Input:  pull      "missing" (default) fetches images that are not there, "always" asks the registry each time,
#                   "never" uses what is there
#         services  what must run, one a line (none: all of the file)
#         timeout   seconds until all are healthy (default 180)
# Output: {"step":"rollout","project":…,"seconds":12}
# Exit:   20 an image cannot be had, or a container is not healthy in time; the rest as in lib.sh
# shellcheck source=remote/lib.sh disable=SC1091
. ./lib.sh

begin rollout
needs docker

policy=$(value_or pull missing)
case $policy in missing | always | never) ;; *) fail 10 "bad pull policy" ;; esac
timeout=$(number timeout 180)
set --
for service in $(value services); do
  case $service in -* | *[!A-Za-z0-9._-]*) fail 10 "bad service name" ;; esac
  set -- "$@" "$service"
done

started=$(date +%s)
{
  compose up --detach --wait --wait-timeout "$timeout" --pull "$policy" --remove-orphans "$@" && all_healthy "$@"
} || {
  compose ps --all
  compose logs --no-color --tail 30 "$@"
  fail 20 "the release did not become healthy within $timeout s" with-log
}
finish "\"seconds\":$(($(date +%s) - started))"
