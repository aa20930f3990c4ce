#!/bin/sh
# database-shell.sh: psql in the database's container, as one of the roles, by its own socket. What follows the frames is
# its input; what it prints is printed. Waits for no lock.
#
# Input:  service    the database's service in the compose file
#         role       who logs in
#         database   the database to be in
#         arguments  how many; argument_N from 1: psql's own
# Output: psql's
# Exit:   psql's; 10 to 12 as in lib.sh
# shellcheck source=remote/lib.sh disable=SC1091
. ./lib.sh

open_step database-shell
needs docker
service=$(value service)
role=$(value role)
database=$(value database)
for name in "$service" "$role" "$database"; do
  case $name in '' | -* | *[!A-Za-z0-9._-]*) fail 10 "bad name of service, role or database" ;; esac
done
count=$(number arguments 0)
n=1
set --
while [ "$n" -le "$count" ]; do
  set -- "$@" "$(value "argument_$n")"
  n=$((n + 1))
done
compose exec -T "$service" psql -w -U "$role" -d "$database" "$@"
