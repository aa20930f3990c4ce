# shellcheck shell=sh
# rollout-switch.sh: starts a release beside the one that serves, waits for its health, gives it the traffic, watches it;
# takes it back where it fails. Part of rollout-worker.sh; uses its variables.
# shellcheck disable=SC2154,SC2034,SC2015

# Brings the services without colours to what the files say. Their own containers are replaced, so it comes last before
# the switch where only images changed.
# shellcheck disable=SC2119
update_base() {
  guard base
  base_touched=1
  release_file=$folder/compose.release.json
  rm -f "$root/base.state"
  end_lost
  # Also makes the networks and volumes that the colours use.
  base_up --wait --wait-timeout "$timeout" --pull "$pull_rest" && all_healthy || {
    compose ps --all
    compose logs --no-color --tail 30
    fail_release "the services without a colour did not become healthy within $timeout s"
  }
  count_base
  printf '%s' "$base_state" | store "$root/base.state" 0600 >/dev/null || fail 12 "cannot write $root/base.state" with-log
}

# What is_active holds against what runs.
count_base() { containers "$project" | grep -c '^[^ ]* [^ ]* running ' | store "$root/base.count" 0600 >/dev/null; }

# A service that has a colour and gets none by this release cannot run twice: what runs of it ends before its successor starts. It
# stays, stopped, until that serves: a release that fails starts it again.
end_lost() {
  [ -n "$active" ] || return 0
  listed "$project-$active" >"$run/containers" || fail 12 "cannot write in $run"
  : >"$run/draining"
  for name in $(upstream_names); do
    ! is_rolling "$name" || continue
    # One that is gone from the files altogether has no successor.
    compose config --services | grep -Fqx -e "$name" || continue
    grep "^[^ ]* $name " "$run/containers" >>"$run/draining"
  done
  lost=$(cut -d ' ' -f 1 "$run/draining")
  if [ -n "$lost" ]; then
    # Said first: who comes after a kill finds them by it.
    cut -d ' ' -f 2 "$run/draining" | store "$root/base.lost" 0600 >/dev/null || fail 12 "cannot write $root/base.lost" with-log
    guard stop-lost
    drain
    at stopped-lost
  fi
  rm -f "$run/draining"
}

# base_up OPTION…: all services that have no colours. One that gets them by this release keeps its containers, which have the
# traffic until the switch: `kept` lists such.
base_up() {
  kept=
  kept_scales=
  scales=
  n=1
  while [ "$n" -le "$rolling" ]; do
    count=$(serving_beside "$(service "$n")") || return 1
    if [ "$count" = 0 ]; then
      scales="$scales --scale $(service "$n")=0"
    else
      kept="$kept $(service "$n")"
      kept_scales="$kept_scales --scale $(service "$n")=$count"
    fi
    n=$((n + 1))
  done
  set -- "$@" --no-build --remove-orphans
  # shellcheck disable=SC2086 # one word each
  if [ -z "$kept" ]; then compose up --detach $scales "$@"; else keeping "$@"; fi
}

# serving_beside SERVICE: how many containers of a service that has no colour yet have its traffic.
serving_beside() {
  if [ -f "$root/proxy/upstreams/$1" ]; then printf 0; return; fi
  all=$(listed "$project") || return
  printf '%s\n' "$all" | grep -v -e '(unhealthy)' -e '(health: starting)' | grep -c "^[^ ]* $1 running " || [ "$?" = 1 ]
}

# keeping OPTION…: makes what is new, and only then replaces what has changed, without the services that are kept.
# shellcheck disable=SC2086 # one word each
keeping() {
  # Said first: who comes after a kill finds them by it.
  printf '%s\n' $kept | store "$root/base.kept" 0600 >/dev/null || fail 12 "cannot write $root/base.kept" with-log
  compose up --detach --no-recreate $kept_scales $scales "$@" || return
  others=$(compose config --services | grep -Fvx -f "$root/base.kept")
  [ -n "$others" ] || return 0
  compose up --detach --no-deps $scales "$@" $others
}

# Ends the containers that were kept until their services' first colours had the traffic.
end_kept() {
  [ -f "$root/base.kept" ] || return 0
  guard drain-kept
  listed "$project" >"$run/containers" || fail 12 "cannot write in $run"
  while IFS= read -r name; do
    [ ! -f "$root/proxy/upstreams/$name" ] || grep "^[^ ]* $name " "$run/containers"
  done <"$root/base.kept" >"$run/draining"
  drain
  while read -r id _; do
    run_docker rm --force --volumes "$id" </dev/null || fail 20 "cannot remove a container of $project" with-log
  done <"$run/draining"
  rm -f "$run/draining"
  count_base
  rm -f "$root/base.kept"
}

# Whether what served has been stopped for the new release: it had no colour, or has none now.
has_stopped() {
  [ -n "${base_touched-}" ] && [ -f "$root/current/record.json" ] || return 1
  [ -z "${lost-}" ] || return 0
  n=1
  while [ "$n" -le "$rolling" ]; do
    [ -f "$root/proxy/upstreams/$(service "$n")" ] || case " ${kept-} " in *" $(service "$n") "*) ;; *) return 0 ;; esac
    n=$((n + 1))
  done
  [ "$rolling" = 0 ]
}

# Before the switch: the new release is taken away again.
fail_release() {
  if ! has_stopped; then
    fail 21 "$1; what served before still serves. Mend the release, then run again" with-log
  fi
  fail 21 "$1; what ran before is put back. Mend the release, then run again" with-log
}

# Takes away what this rollout has made. Does nothing to what had traffic before it.
undo() {
  at undo
  rm -f "$root"/proxy/upstreams/*.candidate
  if [ -n "${had_traffic-}" ]; then
    # What it has begun to answer it may finish.
    nap 1
    # In shells of their own, which may fail without ending this one.
    (drain_colour "$new")
  fi
  [ -z "${started-}" ] || (remove_colour "$new")
  if [ -n "${base_touched-}" ] && [ -f "$root/current/record.json" ]; then
    restore_files "$root/current/files"
    release_file=$root/current/compose.release.json
    # Which services have colours may differ from release to release.
    if [ -f "$root/current/frames" ]; then
      exec <"$root/current/frames"
      read_frames
      exec </dev/null
      rolling=$(number rolling 0)
    fi
    # They are what this one made of them no more.
    rm -f "$root/base.state" "$root/base.kept"
    base_up --pull never ||
      printf 'rollout: the services without a colour could not be put back; look at them: docker compose --project-name %s ps\n' "$project" >&4
    # shellcheck disable=SC2086 # one word each
    [ -z "${lost-}" ] || run_docker start $lost </dev/null ||
      printf 'rollout: what was stopped could not be started again; look at it: docker compose --project-name %s ps --all\n' "$project-$active" >&4
    rm -f "$root/base.lost"
  elif [ -f "$root/current/files/.files" ]; then
    restore_files "$root/current/files"
  fi
  [ -f "$folder/record.json" ] || rm -rf "$folder"
}

start_colour() {
  mkdir -p "$root/colours" && printf '%s' "$release" | store "$root/colours/$new" 0600 >/dev/null ||
    fail 12 "cannot write $root/colours/$new" with-log
  sed "s/\${GROUNDWORK_COLOUR}/$new/g" "$root/compose.colour.yaml" | store "$folder/compose.$new.yaml" 0600 >/dev/null ||
    fail 12 "cannot write in $folder" with-log
  guard start
  event starting
  started=1
  set --
  n=1
  while [ "$n" -le "$rolling" ]; do
    set -- "$@" "$(service "$n")"
    n=$((n + 1))
  done
  colour up --detach --no-deps --no-build --pull never "$@" </dev/null ||
    fail_release "the new release cannot be started"
}

show_logs() {
  containers "$project-$new" | while read -r id name _; do
    printf 'last lines of %s:\n' "$name"
    run_docker logs --tail 30 "$id" 2>&1 </dev/null
  done
}

# ask N PATH TIMES: the status codes of its answers, through the proxy, from the new colour; after the switch from what has the traffic.
ask() {
  header="X-Groundwork-Service: $(service "$1")"
  [ -z "${switching-}" ] || header="X-Groundwork-Active: $(service "$1")"
  hostname=$(value "rolling_${1}_hostname")
  path=$2
  times=$3
  set --
  while [ "$times" -gt 0 ]; do
    set -- "$@" --output /dev/null "http://$gate$path"
    times=$((times - 1))
  done
  curl --silent --globoff --noproxy '*' --max-time 5 --write-out '%{http_code} ' \
    --header "$header" ${hostname:+--header "Host: $hostname"} "$@" 2>/dev/null 8>&- 9>&- 4>&-
}

# passes N: asks until three answers in a row are good, gives up at the first bad one. Sets `answer`. Without a health path any
# answer is good but those that the proxy gives where it reaches nobody: that a container runs does not say that it listens. The
# second and the third are had by one program: a release waits for each that starts.
passes() {
  path=$(value "rolling_${1}_path")
  for times in 1 2; do
    answer=
    for answer in $(ask "$1" "${path:-/}" "$times"); do
      case $answer in
        [23]??) ;;
        000 | 502 | 503 | 504) return 1 ;;
        *) [ -z "$path" ] || return 1 ;;
      esac
    done
    [ -n "$answer" ] || return 1
  done
}

# Waits until the containers and, through the proxy, the health paths of the new colour are good. Asks much more often than
# it looks at the containers, as each look starts docker; what answers needs no look after the one before, unless docker has a
# health check of its own to end.
wait_healthy() {
  at gate
  n=1
  while [ "$n" -le "$rolling" ]; do
    upstream "$(service "$n")" "$new" "$(number "rolling_${n}_port" 80)" .candidate
    n=$((n + 1))
  done
  deadline=$(($(date +%s) + timeout))
  n=1
  answer=
  while :; do
    containers "$project-$new" >"$run/containers" || printf '' >"$run/containers"
    bad=
    while read -r id name state status; do
      case $state in
        exited | dead) bad="$name has ended" ;;
        restarting)
          restarts=$(run_docker inspect --format '{{.RestartCount}}' "$id" 2>/dev/null </dev/null)
          # Once or twice is forgiven: what it needs may come up beside it.
          case $restarts in '' | *[!0-9]*) ;; *) [ "$restarts" -lt 4 ] || bad="$name ends again and again" ;; esac ;;
      esac
      case $status in *'(unhealthy)'*) bad="$name is unhealthy by its own health check" ;; esac
    done <"$run/containers"
    [ -z "$bad" ] || { show_logs; fail_release "the new release is not healthy: $bad"; }
    [ ! -f "$run/abort" ] || abort
    again=8
    while [ "$n" -le "$rolling" ] && [ "$again" -gt 0 ]; do
      if passes "$n"; then n=$((n + 1)); continue; fi
      # Nothing listens yet: the proxy says so at once. What takes longer to answer is not asked again without a look.
      case $answer in 502 | 503) again=$((again - 1)) && nap 0.05 ;; *) again=0 ;; esac
    done
    if [ "$n" -gt "$rolling" ] && all_run; then break; fi
    if [ "$(date +%s)" -ge "$deadline" ]; then
      show_logs
      if [ "$n" -le "$rolling" ]; then
        [ -n "$(value "rolling_${n}_path")" ] ||
          fail_release "$(service "$n") did not answer on port $(number "rolling_${n}_port" 80) within $timeout s (${answer:-nothing} to /, which is asked as it has no healthPath)"
        case $answer in
          000 | 502 | 503 | 504 | '') fail_release "$(service "$n") did not answer on port $(number "rolling_${n}_port" 80) within $timeout s" ;;
          *) fail_release "$(service "$n") answers $answer to $(value "rolling_${n}_path") instead of 2xx or 3xx, for $timeout s" ;;
        esac
      fi
      fail_release "the new release did not become healthy within $timeout s"
    fi
    nap 0.05
  done
  event healthy
}

# Whether by the last look at the containers every replica runs and none waits for a health check.
all_run() {
  ! grep -q '(health: starting)' "$run/containers" || return 1
  i=1
  while [ "$i" -le "$rolling" ]; do
    [ "$(grep -c "^[^ ]* $(service "$i") running " "$run/containers")" -ge "$(number "rolling_${i}_replicas" 1)" ] || return 1
    i=$((i + 1))
  done
}

switch_to() {
  guard switch
  # The moment before: what answers earlier than this is not the new release, however long the renames take.
  switched_ms=$(now_ms)
  n=1
  while [ "$n" -le "$rolling" ]; do
    upstream "$(service "$n")" "$1" "$(number "rolling_${n}_port" 80)"
    at "switched-$n"
    n=$((n + 1))
  done
}

# Gives the traffic back to the old colour, takes the new one away, ends.
abort() {
  at abort
  if [ -n "${switching-}" ]; then
    guard switch-back
    point_all "$active"
    had_traffic=1
  fi
  undo
  printf 'rollout: release %s was aborted (%s); what served before has the traffic\n' "$release" "$(cat "$run/abort")" >&4
  ended 22
}

# Looks at the new colour under traffic, for a moment, before the old one goes.
watch_new() {
  at watch
  until_ms=$(($(now_ms) + watch * 1000))
  n=1
  while [ "$n" -le "$rolling" ]; do
    passes "$n" || {
      printf 'fails after the switch: %s answers %s' "$(service "$n")" "$answer" >"$run/abort"
      ! has_way_back || { show_logs; abort; }
    }
    n=$((n + 1))
  done
  while [ "$(now_ms)" -lt "$until_ms" ]; do
    [ ! -f "$run/abort" ] || ! has_way_back || abort
    nap 0.1
  done
  # From here on it is too late to abort: rollout-abort sees it.
  : >"$run/committed"
  [ ! -f "$run/abort" ] || ! has_way_back || { rm -f "$run/committed"; abort; }
}
