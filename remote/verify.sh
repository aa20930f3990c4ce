#!/bin/sh
# verify.sh: asks each service that takes traffic, from the host, by its published port, until it answers well.
#
# Input:  checks   how many; for each N from 1: check_N_service, check_N_port (in the container), check_N_path,
#                  check_N_scheme (http or https), check_N_hostname (sent as Host; https: also expected by name)
#         timeout  seconds for all together (default 60)
# Output: {"step":"verify","project":…,"answered":{"api:4000":200}}
# Exit:   20 a service does not answer 2xx or 3xx in time; the rest as in lib.sh
# shellcheck source=remote/lib.sh disable=SC1091
. ./lib.sh

begin verify
needs docker curl

count=$(number checks 0)
deadline=$(($(date +%s) + $(number timeout 60)))
answered=
n=1
while [ "$n" -le "$count" ]; do
  service=$(value "check_${n}_service")
  port=$(number "check_${n}_port" 80)
  case $service in '' | -* | *[!A-Za-z0-9._-]*) fail 10 "bad service name" ;; esac
  check_frames "$n"

  published=$(compose port "$service" "$port" | head -n 1)
  [ -n "$published" ] || fail 20 "port $port of $service is not published on the host" with-log
  address=${published%:*}
  case $address in 0.0.0.0) address=127.0.0.1 ;; '[::]' | '::') address='[::1]' ;; esac

  ask_until_well "$address" "${published##*:}" "$deadline" || {
    compose logs --no-color --tail 20 "$service"
    fail 20 "$service answers $status to $path instead of 2xx or 3xx" with-log
  }
  answered="$answered${answered:+,}\"$service:$port\":$status"
  n=$((n + 1))
done
finish "\"answered\":{$answered}"
