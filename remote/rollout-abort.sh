#!/bin/sh
# rollout-abort.sh: asks the rollout of a release to stop. It can until the old release is told to end; then traffic is
# switched back to that one. Waits for no lock.
#
# Input:  release  its id
#         reason   why, one line (default "asked for")
# Output: {"step":"rollout-abort","project":…,"aborting":true}; false where no such rollout runs or it is too late
# Exit:   as in lib.sh
# shellcheck source=remote/lib.sh disable=SC1091
. ./lib.sh

open_step rollout-abort
needs flock
release=$(release_name release) || exit 10
[ -n "$release" ] || fail 10 "no release given"
run=$root/rollouts/$release
aborting=false
if [ "$(cat "$root/rollout.holder" 2>/dev/null)" = "$release" ] && [ ! -f "$run/committed" ] && [ ! -f "$run/code" ] &&
  ! flock -n -s "$root/rollout.alive" true; then
  value_or reason "asked for" | tr '\n' ' ' | store "$run/abort" 0600 >/dev/null || fail 12 "cannot write in $run"
  # Both look at the other's file after writing their own, so one of them sees it.
  [ -f "$run/committed" ] || aborting=true
fi
finish "\"aborting\":$aborting"
