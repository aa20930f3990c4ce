# shellcheck shell=sh
# schedule-lib.sh: takes the schedule of a database's backups from this host; it does nothing by itself.

# remove_schedule NAME: the timers, or the lines of cron, that database-backup-schedule.sh has made under that name. A backup
# that runs is not ended, and no backup is touched: the files that open them stay as well.
remove_schedule() {
  # shellcheck disable=SC2154 # lib.sh has read it
  unit=groundwork-backup-$project-$1
  if [ "$(id -u)" = 0 ]; then
    at=/etc/systemd/system
    set -- systemctl
  else
    at=$HOME/.config/systemd/user
    set -- systemctl --user
  fi
  if [ -f "$at/$unit.timer" ] || [ -f "$at/$unit-watch.timer" ]; then
    "$@" disable --now "$unit.timer" "$unit-watch.timer" || return 1
    for file in "$unit" "$unit-watch"; do rm -f "$at/$file.timer" "$at/$file.service" || return 1; done
    "$@" daemon-reload || return 1
  fi
  table=$(crontab -l 2>/dev/null) || return 0
  case $table in *" # $unit"*) ;; *) return 0 ;; esac
  printf '%s\n' "$table" | sed "/ # $(printf '%s' "$unit" | sed 's/\./\\./g')\$/d" | crontab -
}
