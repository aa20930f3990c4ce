#!/bin/sh
# database-records.sh: lists the newest signed records of rehearsals. Changes nothing, waits for no lock.
#
# Input:  name   the database's entry, as in backup-lib.sh
# Output: {"step":"database-records","project":…,"rehearsals":[…]}, the newest last
# Exit:   as in lib.sh
# shellcheck source=remote/lib.sh disable=SC1091
. ./lib.sh

open_step database-records
name=$(value name)
case $name in '' | -* | *[!A-Za-z0-9._-]*) fail 10 "bad name of backups" ;; esac
file=$root/backups/$name/rehearsals
finish "\"rehearsals\":[$(if [ -f "$file" ]; then tail -n 10 "$file" | paste -s -d , -; fi)]"
