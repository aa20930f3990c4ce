#!/bin/sh
# database-empty.sh: drops a database with everything in it and makes it anew, empty. Roles and grants come afterwards by
# postgres-roles.
#
# Input:  service     the database's service in the compose file
#         admin_user  superuser in the container
#         database    the database
# Output: {"step":"database-empty","project":…,"database":"app"}
# Exit:   20 the server does not answer or refused; the rest as in lib.sh
# shellcheck source=remote/lib.sh disable=SC1091
. ./lib.sh

begin database-empty
needs docker
service=$(value service)
admin=$(value admin_user)
database=$(value database)
plain_names "$service" "$admin" "$database"
case $database in postgres | template0 | template1) fail 10 "$database belongs to the server itself" ;; esac

# Not in one transaction, which PostgreSQL allows neither of the two. A run that is cut in between is put right by the next.
compose exec -T "$service" psql -X -w -q -v ON_ERROR_STOP=1 -U "$admin" -d postgres -f - <<END || fail 20 "the server refused" with-log
SET client_min_messages = warning;
DROP DATABASE IF EXISTS "$database" WITH (FORCE);
CREATE DATABASE "$database";
END
finish "\"database\":\"$database\""
