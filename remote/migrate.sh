#!/bin/sh
# migrate.sh: runs the migrations once, in a container of their own that is removed afterwards. What serves is not touched.
#
# Input:  service    service of the compose file whose image holds the migrations
#         arguments  how many; argument_N from 1: the program and its arguments (none: the image's own)
#         variables  how many; variable_N_name, variable_N_value from 1: over the application's environment. They reach
#                    compose by its own environment, never as arguments
#         timeout    seconds (default 600)
# Output: {"step":"migrate","project":…,"seconds":3}
# Exit:   20 the migrations failed or took too long: the release does not start; the rest as in lib.sh
# shellcheck source=remote/lib.sh disable=SC1091
. ./lib.sh

begin migrate
needs docker timeout

service=$(value service)
case $service in '' | -* | *[!A-Za-z0-9._-]*) fail 10 "bad service name" ;; esac
limit=$(number timeout 600)

set -- "$service"
count=$(number arguments 0)
n=1
while [ "$n" -le "$count" ]; do
  set -- "$@" "$(value "argument_$n")"
  n=$((n + 1))
done
count=$(number variables 0)
n=1
while [ "$n" -le "$count" ]; do
  name=$(value "variable_${n}_name")
  case $name in
    PATH | HOME | DOCKER_* | COMPOSE_* | '' | [!A-Za-z_]* | *[!A-Za-z0-9_]*) fail 10 "bad name of a variable" ;;
  esac
  content=$(value "variable_${n}_value"; printf .)
  export "$name=${content%.}"
  set -- --env "$name" "$@"
  n=$((n + 1))
done

started=$(date +%s)
within="timeout -k 10 $limit"
compose run --rm -T --no-deps "$@" </dev/null
status=$?
case $status in
  0) ;;
  124 | 137) fail 20 "the migrations took longer than $limit s and were ended; what served before still serves" with-log ;;
  *) fail 20 "the migrations failed with exit code $status; what served before still serves" with-log ;;
esac
finish "\"seconds\":$(($(date +%s) - started))"
