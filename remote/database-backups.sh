#!/bin/sh
# database-backups.sh: lists a database's backups, and the databases that a restore has replaced and kept. Changes nothing.
#
# Input:  as in backup-lib.sh, and
#         check   "no" (default), or "data": reads all of the repository and checks it
# Output: {"step":"database-backups","project":…,"repository":"…","snapshots":[…],"kept":["app_before_…"],"last":{…},
#         "failed":{…},"drills":[…]}; snapshots as restic tells them; last and failed of the host's own record, null where
#         there is none; drills: the newest records of restores that were tried
# Exit:   20 the repository or the server refused, or the repository is damaged; the rest as in lib.sh
# shellcheck source=remote/backup-lib.sh disable=SC1091
. ./backup-lib.sh

open_backup database-backups
needs docker
: >"$log"
exec 1>>"$log" 2>&1
open_work
! has repository || open_repository || restic_failed $? "cannot open the repository"
# Before the first backup there is no repository, which is no failure.
if ! has repository && [ ! -e "$folder/repository/config" ] && [ ! -f "$folder/made" ]; then
  snapshots='[]'
else
snapshots=$(run_restic snapshots --json --host "$project" --path "/$name.backup" --no-lock) || restic_failed $? "cannot read the list"
if [ "$(value_or check no)" = data ]; then
  run_restic check --read-data || restic_failed $? "the check found something"
fi
fi
kept=$(query postgres -c "SELECT coalesce(jsonb_agg(datname ORDER BY datname), '[]') FROM pg_database WHERE datname ~ '_before_[0-9]{8}t[0-9]{6}\$' AND starts_with(datname, left('$database', 40))" </dev/null) ||
  kept='[]'
record() { if [ -f "$folder/$1" ]; then tr -d '\n' <"$folder/$1"; else printf null; fi; }
finish "\"repository\":\"$(json_text "$(place)")\",\"snapshots\":$(printf '%s' "$snapshots" | tr -d '\n'),\"kept\":$kept,\"last\":$(record last.json),\"failed\":$(record failed.json),\"drills\":[$(if [ -f "$folder/drills" ]; then tail -n 50 "$folder/drills" | paste -s -d , -; fi)]"
