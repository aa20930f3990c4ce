# shellcheck shell=sh
# backup-job.sh: what a host's schedule runs; database-backup-schedule.sh puts it beside what it needs, as job.sh.
#   backup  makes one; where that fails, the reason is kept in failed.json and told
#   watch   tells where the newest is older than it may be, once a day: the schedule itself may be what has stopped
# What tells is alert.sh, if there is one, with the text in GROUNDWORK_ALERT.

umask 077
cd "$(dirname "$0")" || exit 1
what='' late_minutes=''
# shellcheck disable=SC1091 # written by database-backup-schedule.sh: these two, and the login's variables
. ./environment
now() { date -u +%Y-%m-%dT%H:%M:%SZ; }

tell() {
  [ -f alert.sh ] || return 0
  GROUNDWORK_ALERT="backups of $what: $1" timeout 300 sh ./alert.sh >alert.log 2>&1 </dev/null ||
    printf '%s: alert.sh ended with exit code %s\n' "$(now)" $? >>alert.log
}

case ${1-} in
  backup)
    if sh ./backup.sh <backup.frames >job.out 2>job.err; then
      rm -f failed.json told
      exit 0
    fi
    reason=$(head -n 1 job.err | LC_ALL=C tr '\001-\011\013-\037' ' ')
    printf '{"at":"%s","error":"%s"}\n' "$(now)" "$(printf '%s' "$reason" | sed 's/[\\"]/\\&/g')" >failed.json.new &&
      mv -f failed.json.new failed.json
    tell "$reason"
    exit 1
    ;;
  watch)
    newest=last.json
    [ -f "$newest" ] || newest=scheduled
    [ -n "$(find "$newest" -mmin "+$late_minutes")" ] || exit 0
    [ -z "$(find told -mmin -1440 2>/dev/null)" ] || exit 1
    : >told
    tell "the newest is older than $((late_minutes / 60)) hours"
    exit 1
    ;;
  *) exit 2 ;;
esac
