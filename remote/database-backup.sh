#!/bin/sh
# database-backup.sh: saves a database into a restic repository, with the rows and checksums of each table as they are in
# the dump's own snapshot; then forgets what the retention rule does not keep. Waits for no release and keeps none back.
#
# Input:  as in backup-lib.sh, and
#         keep_daily, keep_weekly, keep_monthly   how many stay (default 7, 5, 12); those of the last day stay as well
#         forget      "no" leaves old ones (default yes)
# Output: {"step":"database-backup","project":…,"backup":"1f2e3d4c","tables":12,"rows":3400,"bytes":123456,
#         "added":4567,"seconds":3,"made":false}; bytes of the dump, those added to the repository, whether it was made now
# Exit:   12 disk full; 20 the server or the repository refused, or is damaged: no backup was made, or, if it says so, old
#         ones were not forgotten; 75 a backup or restore goes on; the rest as in lib.sh
# shellcheck source=remote/backup-lib.sh disable=SC1091
. ./backup-lib.sh

open_backup database-backup
needs docker
keep=
for period in daily weekly monthly; do
  case $period in daily) default=7 ;; weekly) default=5 ;; *) default=12 ;; esac
  count=$(number "keep_$period" "$default") || exit 10
  [ "$count" -eq 0 ] || keep="$keep --keep-$period $count"
done
lock_backups
: >"$log"
exec 1>>"$log" 2>&1
open_work
started=$(date +%s)

# A repository that was there and is gone is not made anew in silence: its backups are what is missing.
made=false
open_repository
case $? in
  0) ;;
  10)
    [ ! -f "$folder/made" ] ||
      fail 20 "the repository at $(place) is gone; it was made on $(cat "$folder/made"). To begin anew, remove $folder/made on the host" with-log
    run_restic init || restic_failed $? "cannot make the repository"
    made=true
    ;;
  *) restic_failed $? "cannot open the repository" ;;
esac
[ -f "$folder/made" ] || date -u +%Y-%m-%dT%H:%M:%SZ >"$folder/made" || fail 12 "cannot write $folder/made"
# Only locks whose holder is dead: of a backup that was killed.
run_restic unlock || restic_failed $? "cannot open the repository"

# A session of psql counts, and holds its snapshot open until the dump has read it, too.
mkfifo "$work/session" || fail 12 "cannot write below $folder"
exec 7<>"$work/session"
# In a shell of its own, as a function's redirections keep copies of what they close: with one of the pipe's other end, the
# session would outlive a script that is killed, and its snapshot with it.
(
  exec 7>&-
  query "$database" -f -
) <"$work/session" >"$work/survey" &
session=$!
# shellcheck disable=SC2317 # called by the trap
at_end() {
  printf 'ROLLBACK;\n' >&7
  exec 7>&-
  kill "$session" 2>/dev/null
}
{
  cat <<'END'
BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;
SELECT 'snapshot ' || pg_export_snapshot();
END
  facts
  survey
  printf 'SELECT %s;\n' "'surveyed'"
} >&7
until grep -qx surveyed "$work/survey"; do
  kill -0 "$session" 2>/dev/null || fail 20 "the server refused to count what is in $database" with-log
  nap 0.1
done
snapshot=$(sed -n 's/^snapshot \([0-9A-F-]*\)$/\1/p' "$work/survey")
[ -n "$snapshot" ] || fail 20 "the server gave no snapshot" with-log
sed '/^snapshot /d; /^surveyed$/d' "$work/survey" >"$work/manifest"
{ base64 <"$work/manifest" | tr -d '\n' && printf '\n'; } >"$work/head" || fail 12 "cannot write below $folder"
tables=$(grep -c '"table": ' "$work/manifest")
tables=$((tables - 1))
rows=$(awk 'match($0, /"rows": [0-9]+/) && !/"large objects"/ { n += substr($0, RSTART + 8, RLENGTH - 8) } END { printf "%.0f", n }' "$work/manifest")

# The dump is a child of restic: one that fails makes no backup. Uncompressed, as restic compresses what it has not got yet.
vaulted=$(vault_file) || exit "$?"
# shellcheck disable=SC2086,SC2016 # the words before docker are split on purpose; the dollars are the inner shell's
set -- sh -c 'head=$1; shift; cat "$head" && exec "$@" </dev/null' stream "$work/head" \
  $docker_prefix docker compose --project-name "$project" --project-directory "$root" --env-file "$root/.env" \
  ${vaulted:+--env-file "$vaulted"} --file "$root/compose.yaml" --file "$root/compose.override.json"
[ ! -f "$root/current/compose.release.json" ] || set -- "$@" --file "$root/current/compose.release.json"
set -- "$@" exec -T "$service" pg_dump -w -U "$admin" -d "$database" --format=custom --compress=0 \
  --snapshot="$snapshot" --lock-wait-timeout=60000
run_restic backup --json --quiet --host "$project" --tag groundwork --tag "tables=$tables" --tag "rows=$rows" \
  --stdin-from-command --stdin-filename "$name.backup" -- "$@" >"$work/summary" || {
  status=$?
  cat "$work/summary"
  # A dump that fails is told by restic with its own exit code 1.
  ! grep -q 'pg_dump: error\|command failed\|error from .*command' "$log" "$work/summary" ||
    grep -qi 'no space left' "$log" || fail 20 "pg_dump failed; no backup was made" with-log
  restic_failed "$status" "no backup was made"
}
cat "$work/summary"
backup=$(json_member snapshot_id <"$work/summary" | cut -c 1-8)
bytes=$(number_member total_bytes_processed <"$work/summary")
added=$(number_member data_added_packed <"$work/summary")
[ -n "$backup" ] || fail 20 "restic does not say what it has saved" with-log
seconds=$(($(date +%s) - started))
printf '{"backup":"%s","at":"%s","seconds":%s,"tables":%s,"rows":%s,"bytes":%s}\n' "$backup" \
  "$(sed -n '/"backup": /s/.*"at": "\([^"]*\)".*/\1/p' "$work/manifest")" "$seconds" "$tables" "$rows" "${bytes:-0}" |
  store "$folder/last.json" 0600 >/dev/null || fail 12 "the backup $backup was made; cannot write $folder/last.json" with-log

# Nothing is taken out of a repository that does not hold together.
if [ "$(value_or forget yes)" = yes ] && [ -n "$keep" ]; then
  run_restic check || restic_failed $? "the backup $backup was made, but no old ones were forgotten"
  # shellcheck disable=SC2086 # words
  run_restic forget --host "$project" --path "/$name.backup" --keep-within 1d $keep --prune ||
    restic_failed $? "the backup $backup was made, but no old ones were forgotten"
fi
finish "\"backup\":\"$backup\",\"tables\":$tables,\"rows\":$rows,\"bytes\":${bytes:-0},\"added\":${added:-0},\"seconds\":$seconds,\"made\":$made"
