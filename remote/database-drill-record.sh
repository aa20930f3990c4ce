#!/bin/sh
# database-drill-record.sh: keeps the signed record of a restore or of migrations that were tried, and of those before the
# newest fifty.
#
# Input:  name     the database's entry, as in backup-lib.sh
#         record   one line of JSON
#         kind     "drills" (default) or "rehearsals"
# Output: {"step":"database-drill-record","project":…,"records":3}
# Exit:   as in lib.sh
# shellcheck source=remote/lib.sh disable=SC1091
. ./lib.sh

begin database-drill-record
name=$(value name)
case $name in '' | -* | *[!A-Za-z0-9._-]*) fail 10 "bad name of backups" ;; esac
record=$(value record)
case $record in '{'*'}') ;; *) fail 10 "the record is no JSON" ;; esac
kind=$(value_or kind drills)
case $kind in drills | rehearsals) ;; *) fail 10 "bad kind of record" ;; esac
file=$root/backups/$name/$kind
before=$(tail -n 49 "$file" 2>/dev/null)
printf '%s\n' ${before:+"$before"} "$(printf '%s' "$record" | tr '\n' ' ')" | store "$file" 0600 >/dev/null ||
  fail 12 "cannot write $file" with-log
finish "\"records\":$(wc -l <"$file" | tr -d ' ')"
