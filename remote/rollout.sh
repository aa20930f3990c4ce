#!/bin/sh
# rollout.sh: replaces the release that runs. The work is done by a worker (rollout-worker.sh) that is detached from the
# connection; this front starts it, then tells what it does until it has ended. When the connection is cut, the worker goes
# on, and the same input follows it again.
#
# Input:  release   id of the release (letters, digits, dots, hyphens, underscores; default: one for each input)
#         run       id of this attempt: once it has ended, the same id tells its end again instead of a new attempt (optional)
#         to        instead of a new release: id of an archived one, or "previous"; its files, images and services are used
#         forced    with `to`, "schema": go back across a breaking migration, because the schema has been taken back
#         pull      "missing" (default) fetches images that are not there, "always" asks the registry each time,
#                   "never" uses what is there
#         timeout   seconds until the new release is healthy (default: with `to` what that one had, else 180)
#         keep      releases that stay on the host, the running one among them (default 5)
#         watch     seconds between the switch and the end of the old release, in which rollout-abort can switch back (default 1)
#         min_free_mb  megabytes that must be free (default 256)
#         rolling   how many services have two colours; for each N from 1: rolling_N_service, rolling_N_port, rolling_N_path
#                   (health path; none: / is asked, and any answer but 502, 503 and 504 will do), rolling_N_drain (seconds, default 30),
#                   rolling_N_replicas (default 1), rolling_N_hostname (sent as Host to the health path; optional)
#         images    how many services get an image of the release; image_N_service, image_N_reference
#         record    members for the release's record, one JSON object in one line (optional)
# Output: one JSON line for each event, {"event":…,"at":<ms since 1970>,"release":…,"colour":…,"message":…}; events: queued,
#         started, pulling, starting, healthy, switched, draining, drained, stopped, done, aborted, failed. Last, when done:
#         {"step":"rollout","project":…,"release":…,"colour":"green","seconds":12.3,"changed":true}
# Exit:   20 an image cannot be had, or the worker was killed; 21 the new release did not become healthy: it is gone, the old
#         one was never stopped; 22 aborted, the old one has the traffic; 23 the rollback is refused; the rest as in lib.sh
# shellcheck source=remote/lib.sh disable=SC1091,SC2015
. ./lib.sh

# The worker's text: scripts.ts puts it here.
worker_text() {
  cat <<'END_OF_WORKER'
. ./rollout-worker.sh
END_OF_WORKER
}

worker_lives() { ! flock -n -s "$root/rollout.alive" true 3>&- 4>&-; }
worker_release() { cat "$root/rollout.holder" 2>/dev/null; }

# follow [joined]: tells the events until the worker has ended, then ends as it did. Returns when that worker was killed
# and is not this front's own.
follow() {
  exec 5<"$run/events" || fail 20 "the events of release $release are gone; run again"
  partial=
  while :; do
    ended=
    # Looked at before the last reading, so that nothing written before the end is missed.
    if [ -f "$run/code" ]; then ended=1; elif ! worker_lives || [ "$(worker_release)" != "$release" ]; then ended=1; fi
    while IFS= read -r line <&5; do
      printf '%s\n' "$partial$line" >&3
      partial=
    done
    partial=$partial$line
    [ -z "$ended" ] || break
    nap 0.1
  done
  exec 5<&-
  [ -f "$run/code" ] || [ -z "${1-}" ] || return 0
  [ -f "$run/code" ] ||
    fail 20 "the rollout of release $release was killed on the host at: $(tail -n 1 "$run/journal" 2>/dev/null | cut -d ' ' -f 2). Run the same command again: it goes on from what is true there"
  [ ! -s "$run/errors" ] || cat "$run/errors" >&4
  [ ! -s "$run/result" ] || cat "$run/result" >&3
  exit "$(cat "$run/code")"
}

open_step rollout
trap - PIPE
needs docker flock setsid curl cmp

release=$(release_name release) || exit 10
target=$(release_name to) || exit 10
if [ "$target" = previous ]; then
  target=$(cat "$root/previous" 2>/dev/null) || fail 23 "there is no earlier release on this host to go back to"
fi
release=${target:-$release}
# Who names no release has one for each input.
[ -n "$release" ] || release=unnamed-$(printf '%s' "$frames_text" | cksum | cut -d ' ' -f 1)
attempt=$(release_name run) || exit 10
run=$root/rollouts/$release
if [ -n "$attempt" ] && [ -f "$run/code" ] && [ "$(cat "$run/attempt" 2>/dev/null)" = "$attempt" ]; then follow; fi

exec 9>>"$root/lock" || fail 12 "cannot write $root/lock"
limit=$(number lock_wait 600) || exit 10
waited_since=$(date +%s)
told=0
until flock -n 9; do
  now=$(date +%s)
  if [ "$(worker_release)" = "$release" ] && worker_lives && [ -f "$run/events" ]; then
    follow joined
    continue
  fi
  holder=$(cat "$root/lock.holder" 2>/dev/null)
  [ $((now - waited_since)) -lt "$limit" ] || fail 75 "still locked by $holder after $limit s; nothing was done"
  if [ $((now - told)) -ge 5 ]; then
    [ "$told" -gt 0 ] || printf 'rollout: waiting for %s\n' "$holder" >&4
    # Said again and again: who has gone is noticed by the pipe, and does not start a release later on.
    printf '{"event":"queued","at":%s,"release":"%s","message":"waiting for %s"}\n' \
      "$(now_ms)" "$release" "$(json_text "$holder")" >&3
    told=$now
  fi
  nap 0.2
done
exec 8>>"$root/rollout.alive" || fail 12 "cannot write $root/rollout.alive"
wait_lock 8 "$limit" || fail 75 "commands of a killed rollout still run on this host (ps -ef | grep docker); nothing was done"
sweep

mkdir -p "$run" && rm -f "$run/code" "$run/abort" "$run/journal" "$run/errors" "$run/result" "$run/events" &&
  : >"$run/events" && : >"$run/errors" && : >"$run/journal" && printf '%s' "$attempt" >"$run/attempt" &&
  printf '%s.\n' "$frames_text" >"$run/input" && printf '%s' "$release" >"$root/rollout.holder" &&
  printf 'rollout of release %s (since %s)' "$release" "$(date -u +%Y-%m-%dT%H:%M:%SZ)" >"$root/lock.holder" &&
  : >"$log" || fail 12 "cannot write below $run; what served before still serves"

setsid sh -c "$(worker_text)" groundwork-rollout-worker "$release" \
  <"$run/input" >>"$log" 2>>"$run/errors" 3>&- 4>&- &
# From here on the worker alone holds both locks.
exec 9>&- 8>&-
follow
