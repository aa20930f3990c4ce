#!/bin/sh
# prepare-host.sh: checks that the host can run the project and makes its folder. Changes nothing else.
#
# Input:  min_free_mb  megabytes that must be free (default 256)
# Output: {"step":"prepare-host","project":…,"compose":"2.40.3"}
# Exit:   11 docker, its compose plug-in or flock is missing; 12 the disk is too full; the rest as in lib.sh
# shellcheck source=remote/lib.sh disable=SC1091
. ./lib.sh

begin prepare-host
needs docker cmp cat chmod mv date

version=$(run_docker compose version --short 2>>"$log") ||
  fail 11 "docker compose does not run here; install Docker with its compose plug-in (version 2 or newer)" with-log
case $version in v1* | 1*) fail 11 "docker compose is version $version; version 2 or newer is needed" ;; esac
case $version in *[!A-Za-z0-9.+~-]*) version=unknown ;; esac

free_kb=$(df -Pk "$root" | awk 'NR == 2 { print $4 }')
wanted_mb=$(number min_free_mb 256)
case $free_kb in
  '' | *[!0-9]*) ;;
  *) [ "$free_kb" -ge $((wanted_mb * 1024)) ] ||
    fail 12 "$((free_kb / 1024)) MB are free under $root, $wanted_mb MB are needed; free some (docker system prune)" ;;
esac

for folder in environment certificates; do
  mkdir -p "$root/$folder" || fail 12 "cannot make $root/$folder"
done
finish "\"compose\":\"$version\""
