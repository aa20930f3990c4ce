#!/bin/sh
# database-drop-kept.sh: drops a database that a restore has replaced and kept. Never one that serves.
#
# Input:  service     the database's service in the compose file
#         admin_user  superuser in the container
#         database    the database that serves
#         kept        name of the one that was kept, <database>_before_<time>
# Output: {"step":"database-drop-kept","project":…,"dropped":"app_before_20260304t031500"}
# Exit:   20 the server refused, or has no such database; the rest as in lib.sh
# shellcheck source=remote/lib.sh disable=SC1091
. ./lib.sh

begin database-drop-kept
needs docker
service=$(value service)
admin=$(value admin_user)
database=$(value database)
kept=$(value kept)
plain_names "$service" "$admin" "$database" "$kept"
case $kept in
  "$(printf '%s' "$database" | cut -c 1-40)"_before_[0-9][0-9][0-9][0-9][0-9][0-9][0-9][0-9]t[0-9][0-9][0-9][0-9][0-9][0-9]) ;;
  *) fail 10 "$kept is no database that a restore has kept" ;;
esac
compose exec -T "$service" psql -X -w -q -v ON_ERROR_STOP=1 -U "$admin" -d postgres -c "DROP DATABASE \"$kept\" WITH (FORCE)" </dev/null ||
  fail 20 "$kept was not dropped" with-log
finish "\"dropped\":\"$kept\""
