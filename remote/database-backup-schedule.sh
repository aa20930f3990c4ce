#!/bin/sh
# database-backup-schedule.sh: has this host make backups by itself, by a systemd timer, or by cron where there is none.
# What a backup needs lies in a folder that only this user can read; nothing secret is in a unit or a cron line.
#
# Input:  as in backup-lib.sh, and
#         backup_script  the step database-backup
#         backup_frames  its whole input
#         job_script     backup-job.sh
#         cron           when, as five fields, UTC
#         calendar       the same for systemd, lines of OnCalendar
#         late_minutes   how old the newest may get before that is told
#         alert          commands that tell somebody, with the text in GROUNDWORK_ALERT (optional)
# Output: {"step":"database-backup-schedule","project":…,"scheduler":"systemd","zone":"+0000"}; scheduler "systemd",
#         "systemd-user" or "cron", which reads the schedule in the host's own time zone
# Exit:   11 there is neither systemd nor cron, or no restic that is new enough; 20 the schedule was refused; the rest as
#         in lib.sh
# shellcheck source=remote/backup-lib.sh disable=SC1091
. ./backup-lib.sh
. ./schedule-lib.sh

open_backup database-backup-schedule
take_lock "$(number lock_wait 600)"
: >"$log"
exec 1>>"$log" 2>&1
minutes=$(number late_minutes 0)

# write FILE MODE COMMAND…: what the command prints, as a file of the folder. It is no part of a pipeline itself: fail would end
# only that part, and a schedule without its files would be reported as made.
write() {
  file=$folder/$1
  mode=$2
  shift 2
  "$@" | store "$file" "$mode" >/dev/null || fail 12 "cannot write $file" with-log
}
# environment: what the login that asks has and a timer or cron would not give.
# shellcheck disable=SC2317 # called by write
environment() {
  for variable in HOME PATH DOCKER_CONFIG DOCKER_HOST TMPDIR; do
    eval "[ -z \"\${$variable-}\" ] || printf \"%s='%s'; export %s\\n\" $variable \"\$(quoted \"\$$variable\")\" $variable"
  done
  printf "what='%s'\nlate_minutes=%s\n" "$(quoted "$database of $project on $(uname -n)")" "$minutes"
}
write backup.sh 0700 value backup_script
write backup.frames 0600 value backup_frames
write job.sh 0700 value job_script
if has alert; then write alert.sh 0700 value alert; else rm -f "$folder/alert.sh"; fi
write environment 0600 environment
[ -f "$folder/scheduled" ] || : >"$folder/scheduled" || fail 12 "cannot write below $folder" with-log

calendar() { value calendar; printf '\n'; }
# units: writes and starts the two timers.
# shellcheck disable=SC2046,SC2086,SC2154 # words
units() {
  mkdir -p "$at" || return 1
  for kind in backup watch; do
    file=$at/$(unit_of "$kind" "$name")
    {
      printf '[Unit]\nDescription=Groundwork: %s of the database %s of %s\n\n' "$kind" "$database" "$project"
      printf '[Service]\nType=oneshot\nNice=10\nExecStart=/bin/sh "%s" %s\n' "$folder/job.sh" "$kind"
    } | store "$file.service" 0644 >/dev/null || return 1
    {
      printf '[Unit]\nDescription=Groundwork: when %s of the database %s of %s is due\n\n[Timer]\n' "$kind" "$database" "$project"
      if [ "$kind" = backup ]; then calendar | sed '/^$/d; s/^/OnCalendar=/'; else printf 'OnCalendar=hourly\n'; fi
      printf 'Persistent=true\n\n[Install]\nWantedBy=timers.target\n'
    } | store "$file.timer" 0644 >/dev/null || return 1
  done
  set -- "$(unit_of backup "$name").timer" "$(unit_of watch "$name").timer"
  $systemd daemon-reload && $systemd enable --now "$@" && $systemd restart "$1" && remove_units "$name" $(units_of_before "$name")
}

find_systemd
# What is a user's own goes on without a login only where that is allowed.
if $systemd list-timers >/dev/null 2>&1 && { [ "$systemd" = systemctl ] || loginctl enable-linger 2>/dev/null; }; then
  units || fail 20 "systemd does not take the timers" with-log
  scheduler=systemd
  [ "$systemd" = systemctl ] || scheduler=systemd-user
elif command -v crontab >/dev/null 2>&1; then
  # Two lines; what else is in the table stays.
  cron_without "$name" || fail 20 "cron does not tell which table it has, which would be lost; nothing was changed in it" with-log
  job=$(cron_job "$name")
  {
    cat "$root/.groundwork.cron"
    printf '%s %sbackup # %s\n' "$(value cron)" "$job" "$(unit_of backup "$name")"
    printf '29 * * * * %swatch # %s\n' "$job" "$(unit_of watch "$name")"
  } >"$root/.groundwork.cron.new" || fail 12 "cannot write below $root" with-log
  crontab - <"$root/.groundwork.cron.new" || fail 20 "cron does not take the schedule" with-log
  rm -f "$root"/.groundwork.cron*
  scheduler=cron
else
  fail 11 "there is neither systemd nor cron to make backups by; install cron and run again"
fi
finish "\"scheduler\":\"$scheduler\",\"zone\":\"$(date +%z)\""
