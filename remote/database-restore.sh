#!/bin/sh
# database-restore.sh: restores a backup into a new database, compares it with what was recorded when the backup was made,
# gives it the grants and settings that a dump leaves out, and only then swaps it in by name. What was there before is
# kept under another name, closed to everybody. Or restores into a server of its own, as a test, and removes that.
#
# A drill that was killed may leave its project; the next one removes it.
#
# Input:  as in backup-lib.sh, and
#         backup      which (default: the newest)
#         into        "swap" (default); "new": stays beside, under the name in `target`; "drill": a disposable server of
#                     the same image, in a compose project of its own; "drill-beside": a disposable database beside
#         target      name of the new database, for "new"
# Output: {"step":"database-restore","project":…,"backup":"1f2e3d4c","at":"…","database":"app","kept":"app_before_…",
#         "tables":12,"rows":3400,"differences":[],"seconds":{"start":1,"restore":3,"compare":1}}; kept of a swap only
# Exit:   20 the repository is damaged or refused, the restore failed, or (not of a drill) what was restored differs: what
#         was there before is untouched and the new database removed; the rest as in lib.sh
# shellcheck source=remote/disposable-lib.sh disable=SC1091
. ./disposable-lib.sh

open_backup database-restore
needs docker
into=$(value_or into swap)
wanted=$(value_or backup latest)
case $wanted in latest) ;; '' | *[!0-9a-f]*) fail 10 "bad name of a backup" ;; esac
stamp=$(date -u +%Y%m%dt%H%M%S)
short=$(printf '%s' "$database" | cut -c 1-40)
case $into in
  swap) target=${short}_restore_$stamp ;;
  new)
    target=$(value target)
    case $target in '' | [!a-z_]* | *[!a-z0-9_]* | postgres | template0 | template1) fail 10 "bad name of the new database" ;; esac
    [ "${#target}" -le 63 ] || fail 10 "bad name of the new database"
    ;;
  drill) target=$database ;;
  drill-beside) target=${short}_drill_$stamp ;;
  *) fail 10 "bad word for where to" ;;
esac
lock_backups
# A release or migration in the middle would be lost by the swap. A drill keeps nothing back.
[ "$into" != swap ] || take_lock "$(number lock_wait 600)"
: >"$log"
exec 1>>"$log" 2>&1
open_work
! has repository || open_repository || restic_failed $? "cannot open the repository"
began=$(date +%s)

# Whatever ends the step: the new database goes, and the one that serves is open.
created=
closed=
# shellcheck disable=SC2317 # called by the trap
at_end() {
  [ -z "$closed" ] || query postgres -c "ALTER DATABASE \"$database\" ALLOW_CONNECTIONS true" </dev/null
  if [ -n "$disposable" ]; then disposable_compose down --volumes --timeout 1 </dev/null
  elif [ -n "$created" ]; then query postgres -c "DROP DATABASE IF EXISTS \"$target\" WITH (FORCE)" </dev/null; fi
}

find_backup "$wanted"
if [ "$into" = drill ]; then
  start_server "$project-drill"
  make_roles
fi
ready=$(date +%s)

restore_into_target dump_of_backup
restored=$(date +%s)

{ printf 'BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;\n'; survey; } | query "$target" -f - >"$work/survey" ||
  fail 20 "cannot count what was restored" with-log
differences "$work/manifest" "$work/survey" >"$work/differences"
cat "$work/differences"
compared=$(date +%s)
if [ -s "$work/differences" ]; then
  case $into in drill*) ;; *) fail 20 "what was restored is not what was saved; the database that was there is untouched" with-log ;; esac
fi
# In a drill, too: statements that are refused would be found on the day of need otherwise.
members apply | query "$target" -v "database=$target" --single-transaction -f - ||
  fail 20 "grants and settings of the database cannot be given; the database that was there is untouched" with-log
analyzed=
[ "$into" = drill ] || [ "$into" = drill-beside ] || { query "$target" -c ANALYZE </dev/null || analyzed=no; }
[ -z "$analyzed" ] || echo "ANALYZE failed"

kept=
if [ "$into" = swap ]; then
  there=$(query postgres -c "SELECT 1 FROM pg_database WHERE datname = '$database'" </dev/null) || fail 20 "the server does not answer" with-log
  rename="ALTER DATABASE \"$target\" RENAME TO \"$database\";"
  if [ "$there" = 1 ]; then
    kept=${short}_before_$stamp
    closed=1
    # Nobody may be connected to a database that gets another name; so it is closed for that moment, and then for good.
    # A right that a role keeps on it would be one too many for the next run of postgres-roles.
    query postgres -f - <<END || fail 20 "the databases could not be swapped; the one that was there serves on" with-log
SET client_min_messages = warning;
ALTER DATABASE "$database" ALLOW_CONNECTIONS false;
SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname IN ('$database', '$target');
BEGIN;
ALTER DATABASE "$database" RENAME TO "$kept";
SELECT format('REVOKE ALL ON DATABASE %I FROM %s', datname, CASE grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(grantee)) END)
  FROM pg_database, aclexplode(datacl) WHERE datname = '$kept' AND grantee <> datdba GROUP BY datname, grantee \gexec
$rename
COMMIT;
END
    closed=
  else
    query postgres -c "$rename" </dev/null || fail 20 "the new database could not be given its name" with-log
  fi
  created=
elif [ "$into" = new ]; then
  created=
fi
tables=$(grep -c '"table": ' "$work/manifest")
rows=$(awk 'match($0, /"rows": [0-9]+/) && !/"large objects"/ { n += substr($0, RSTART + 8, RLENGTH - 8) } END { printf "%.0f", n }' "$work/manifest")
finish "\"backup\":\"$backup\",\"at\":\"$at\",\"database\":\"$target\"${kept:+,\"kept\":\"$kept\"},\"tables\":$((tables - 1)),\"rows\":$rows,\"differences\":$(if [ -s "$work/differences" ]; then json_lines "$work/differences"; else printf '[]'; fi),\"seconds\":{\"start\":$((ready - began)),\"restore\":$((restored - ready)),\"compare\":$((compared - restored))}"
