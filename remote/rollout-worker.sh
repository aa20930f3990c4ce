#!/bin/sh
# rollout-worker.sh: the work of rollout.sh. Not a step of its own: rollout.sh starts it with the project's lock on 9, the
# rollouts' own on 8, the input on standard input; its standard error is told by who follows. Argument: the release's id.
#
# What is true on the host is told by these files, each replaced whole:
#   proxy/upstreams/<service>   the container that has the traffic: <service>-<colour>:<port>
#   colours/<colour>            the release that runs in that colour
#   releases/<id>/record.json   there when the release has had the traffic
#   base.kept                   services that get their first colour and keep their container until that has the traffic
#   base.lost                   services that lose their colour and whose containers were stopped for that
#   current                     a link to the folder of the release that has it; previous: the id of the one before
# shellcheck source=remote/lib.sh disable=SC1091,SC2015,SC2034,SC2154
. ./lib.sh
. ./rollout-journal.sh
. ./rollout-state.sh
. ./rollout-content.sh
. ./rollout-switch.sh

release=$1

# --- the sequence ---
target=
fence=
new=
run=
exec 3>/dev/null
open_step rollout
exec 2>&1
run=$root/rollouts/$release
trap 'ended "$?"' EXIT
target=$(release_name to)
[ -z "$target" ] || target=$release
if [ -n "$target" ] && [ -f "$root/releases/$target/frames" ]; then
  frames_text=
  sent=${frame_timeout-}
  exec <"$root/releases/$target/frames"
  read_frames
  # The time that the release had, unless another is sent.
  frame_timeout=${sent:-${frame_timeout:-=180}}
fi
exec </dev/null
started_ms=$(now_ms)
fence=$(($(cat "$root/fence" 2>/dev/null || printf 0) + 1))
printf '%s' "$fence" | store "$root/fence" 0600 >/dev/null || fail 12 "cannot write $root/fence" with-log
rm -f "$run/committed"
rolling=$(number rolling 0) || exit 10
timeout=$(number timeout 180) || exit 10
watch=$(number watch 1) || exit 10
keep=$(number keep 5) || exit 10
n=1
while [ "$n" -le "$rolling" ]; do
  case $(service "$n") in '' | -* | *[!A-Za-z0-9._-]*) fail 10 "bad service name" ;; esac
  case $(value "rolling_${n}_path") in '' | /*) ;; *) fail 10 "bad path" ;; esac
  case $(value "rolling_${n}_hostname") in -* | *[!A-Za-z0-9.:-]*) fail 10 "bad host name" ;; esac
  n=$((n + 1))
done
: >>"$root/breaking"
pull_rest=$(value_or pull missing)

event started
preflight
settle
[ -z "$target" ] || refuse_rollback
fetch_images
if [ -n "$target" ]; then restore_files "$folder/files"; else restore_wanted; fi
[ -f "$root/.files" ] || : >"$root/.files"
base_state=$(state_of_base)
finish_json() {
  event "done"
  took=$(($(now_ms) - started_ms))
  printf '{"step":"rollout","project":"%s","release":"%s","colour":"%s","seconds":%s.%03d,"changed":%s}\n' \
    "$project" "$release" "$new" $((took / 1000)) $((took % 1000)) "$1" >"$run/result" || fail 12 "cannot write in $run"
  ended 0
}
if is_active; then
  [ "$rolling" = 0 ] || find_proxy
  new=$active
  finish_json false
fi
case $active in blue) new=green ;; *) new=blue ;; esac
archive
if [ "$rolling" = 0 ]; then
  new=
  event starting
  update_base
  event healthy
else
  base_changed=
  [ "$(cat "$root/base.state" 2>/dev/null)" = "$base_state" ] || base_changed=1
  if [ -n "$base_changed" ] && { [ -z "$active" ] || ! same_files; }; then update_base; base_changed=; fi
  start_colour
  # While the containers start: nothing before needs it.
  find_proxy
  wait_healthy
  [ -z "$base_changed" ] || update_base
  switching=1
  switch_to "$new"
  event switched '' "$switched_ms"
  watch_new
fi
enter "$release" "$new"
entered=1
at entered
# A service that has lost its colours, or is gone, is not to be found in the proxy's folder any more.
for name in $(upstream_names); do
  is_rolling "$name" || rm -f "$root/proxy/upstreams/$name"
done
rm -f "$root"/proxy/upstreams/*.candidate
for one in blue green; do
  [ "$one" != "$new" ] || continue
  ids=$(ids_of "$one") || exit "$?"
  [ -n "$ids" ] || continue
  guard drain
  event draining
  drain_colour "$one"
  event drained
  guard stop
  remove_colour "$one"
  event stopped
done
if [ -f "$root/base.kept" ]; then
  event draining
  end_kept
  event stopped
fi
rm -f "$root/base.lost"
prune
at "done"
finish_json true
