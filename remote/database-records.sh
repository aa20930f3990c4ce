#!/bin/sh
# database-records.sh: lists the newest signed records of rehearsals and of drills. Changes nothing, waits for no lock.
#
# Input:  name   the database's entry, as in backup-lib.sh
# Output: {"step":"database-records","project":…,"rehearsals":[…],"drills":[…]}, the newest last
# Exit:   as in lib.sh
# shellcheck source=remote/lib.sh disable=SC1091
. ./lib.sh

open_step database-records
name=$(value name)
case $name in '' | -* | *[!A-Za-z0-9._-]*) fail 10 "bad name of backups" ;; esac
records() {
  file=$root/backups/$name/$1
  if [ -f "$file" ]; then tail -n "$2" "$file" | paste -s -d , -; fi
}
finish "\"rehearsals\":[$(records rehearsals 10)],\"drills\":[$(records drills 50)]"
