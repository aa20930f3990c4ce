# shellcheck shell=sh
# schedule-lib.sh: where the schedule of a database's backups is on this host, and how it goes; it does nothing by itself. What belongs
# to a database is told by the job that it runs, which lies in the database's own folder.
# shellcheck disable=SC2154

quoted() { printf '%s' "$1" | sed "s/'/'\\\\''/g"; }

# unit_of KIND NAME: what systemd calls the "backup" or the "watch" of a database. A project has no dot in its name, so no two share one.
unit_of() { printf 'groundwork-%s-%s.%s' "$1" "$project" "$2"; }

# units_of_before NAME: as they were called once, when two databases could have the same.
units_of_before() { printf '%s %s-watch' "groundwork-backup-$project-$1" "groundwork-backup-$project-$1"; }

# find_systemd: sets `systemd`, how this user's is asked, and `at`, the folder of its units.
find_systemd() {
  if [ "$(id -u)" = 0 ]; then
    at=/etc/systemd/system
    systemd=systemctl
  else
    at=$HOME/.config/systemd/user
    systemd='systemctl --user'
  fi
}

# remove_units NAME UNIT…: those that run the job of that database. A backup that runs is not ended.
# shellcheck disable=SC2086 # words
remove_units() {
  job=$root/backups/$1/job.sh
  shift
  removed=
  for unit in "$@"; do
    grep -Fqs -e "\"$job\"" "$at/$unit.service" || continue
    [ ! -f "$at/$unit.timer" ] || $systemd disable --now "$unit.timer" || return 1
    rm -f "$at/$unit.timer" "$at/$unit.service" || return 1
    removed=1
  done
  [ -z "$removed" ] || $systemd daemon-reload
}

# cron_job NAME: how cron starts the job of that database; its kind follows.
cron_job() { printf "/bin/sh '%s' " "$(quoted "$root/backups/$1/job.sh")"; }

# cron_without NAME: this user's table of cron, without the lines of that database, in $root/.groundwork.cron. Fails where cron does not
# tell it: what is written in its place would be all that is left.
cron_without() {
  if ! trouble=$({ LC_ALL=C crontab -l >"$root/.groundwork.cron.now"; } 2>&1); then
    case $trouble in
      # Who may not use cron has no table.
      *'no crontab'* | *'No such file'* | *'not allowed'*) : >"$root/.groundwork.cron.now" ;;
      *) printf '%s\n' "$trouble"; return 1 ;;
    esac
  fi
  job=$(cron_job "$1") awk 'index($0, ENVIRON["job"]) == 0' <"$root/.groundwork.cron.now" >"$root/.groundwork.cron"
}

# remove_schedule NAME: the timers, or the lines of cron, that database-backup-schedule.sh has made under that name. No backup is
# touched: the files that open them stay as well.
# shellcheck disable=SC2046 # words
remove_schedule() {
  find_systemd
  remove_units "$1" "$(unit_of backup "$1")" "$(unit_of watch "$1")" $(units_of_before "$1") || return 1
  command -v crontab >/dev/null 2>&1 || return 0
  cron_without "$1" || return 1
  cmp -s "$root/.groundwork.cron.now" "$root/.groundwork.cron" || crontab - <"$root/.groundwork.cron" || return 1
  rm -f "$root/.groundwork.cron.now" "$root/.groundwork.cron"
}
