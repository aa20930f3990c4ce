# shellcheck shell=sh
# rollout-journal.sh: how the worker of a rollout tells what it does, asks whether it is still the newest one, and ends. Part
# of rollout-worker.sh; uses its variables.
# shellcheck disable=SC2154,SC2034

# at NAME: a line in the journal before each step. Tests put their faults here.
at() { printf '%s %s\n' "$(now_ms)" "$1" >>"$run/journal"; }

# Whether no other rollout has begun since.
newest() { [ "$(cat "$root/fence" 2>/dev/null)" = "$fence" ]; }

# Before anything that takes something away.
guard() {
  at "$1"
  newest || fail 75 "another rollout has taken over; this one stops"
}

# event NAME [MESSAGE [MILLISECONDS]]
event() {
  message=
  [ -z "${2-}" ] || message=",\"message\":\"$(json_text "$2")\""
  printf '{"event":"%s","at":%s,"release":"%s","colour":"%s"%s}\n' "$1" "${3:-$(now_ms)}" "$release" "${new-}" "$message" \
    >>"$run/events"
}

# Whether what had the traffic before the switch is there still: a colour, or containers that were kept.
has_way_back() { [ -n "$active" ] || [ -f "$root/base.kept" ]; }

ended() {
  code=$1
  trap - EXIT
  rm -f "$run/input"
  if [ "$code" != 0 ] && [ "$code" != 22 ] && [ -z "${entered-}" ] && newest; then
    # In shells of their own, which may fail without ending this one.
    if [ -n "${switching-}" ] && has_way_back; then (point_all "$active") && switching= && had_traffic=1; fi
    [ -n "${switching-}" ] || [ -z "${folder-}" ] || (undo)
  fi
  [ "$code" = 0 ] || case $code in
    22) event aborted "$(cat "$run/abort" 2>/dev/null)" ;;
    *) event failed "$(head -n 1 "$run/errors")" ;;
  esac
  printf '%s' "$code" >"$run/code.new" && mv -f "$run/code.new" "$run/code"
  exit "$code"
}

# service N, of the services with two colours
service() { value "rolling_${1}_service"; }

# is_rolling NAME: whether the service has two colours in this release. Sets `nth`, its number among those.
is_rolling() {
  nth=1
  while [ "$nth" -le "$rolling" ]; do
    [ "$(service "$nth")" != "$1" ] || return 0
    nth=$((nth + 1))
  done
  return 1
}
