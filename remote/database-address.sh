#!/bin/sh
# database-address.sh: says where a database's container is, as other containers and the host reach it. Changes nothing,
# waits for no lock.
#
# Input:  service   the database's service in the compose file
# Output: {"step":"database-address","project":…,"address":"172.18.0.2"}
# Exit:   20 no container of it runs, or it has no address; the rest as in lib.sh
# shellcheck source=remote/lib.sh disable=SC1091
. ./lib.sh

open_step database-address
needs docker sed
service=$(value service)
case $service in '' | -* | *[!A-Za-z0-9._-]*) fail 10 "bad name of a service" ;; esac

id=$(compose ps --quiet "$service" </dev/null 2>"$log" | head -n 1)
[ -n "$id" ] || fail 20 "no container of $service runs" with-log
networks=$(run_docker inspect --format '{{json .NetworkSettings.Networks}}' "$id" </dev/null 2>"$log") ||
  fail 20 "cannot look at the container of $service" with-log
address=$(printf '%s' "$networks" | tr ',' '\n' | tr '{' '\n' | sed -n 's/^ *"IPAddress": *"\([0-9.][0-9.]*\)".*/\1/p' | head -n 1)
[ -n "$address" ] ||
  address=$(printf '%s' "$networks" | tr ',' '\n' | tr '{' '\n' | sed -n 's/^ *"GlobalIPv6Address": *"\([0-9a-f:][0-9a-f:]*\)".*/\1/p' | head -n 1)
[ -n "$address" ] || fail 20 "the container of $service has no address of its own"
finish "\"address\":\"$address\""
