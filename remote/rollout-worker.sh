#!/bin/sh
# rollout-worker.sh: the work of rollout.sh. Not a step of its own: rollout.sh starts it with the project's lock on 9, the
# rollouts' own on 8, the input on standard input; its standard error is told by who follows. Argument: the release's id.
#
# What is true on the host is told by these files, each replaced whole:
#   proxy/upstreams/<service>   the container that has the traffic: <service>-<colour>:<port>
#   colours/<colour>            the release that runs in that colour
#   releases/<id>/record.json   there when the release has had the traffic
#   current                     a link to the folder of the release that has it; previous: the id of the one before
# shellcheck source=remote/lib.sh disable=SC1091,SC2015
. ./lib.sh

release=$1

# at NAME: a line in the journal before each step. Tests put their faults here.
at() { printf '%s %s\n' "$(now_ms)" "$1" >>"$run/journal"; }

# Before anything that takes something away: whether this is still the newest rollout.
guard() {
  at "$1"
  [ "$(cat "$root/fence" 2>/dev/null)" = "$fence" ] || fail 75 "another rollout has taken over; this one stops"
}

# event NAME [MESSAGE [MILLISECONDS]]
event() {
  message=
  [ -z "${2-}" ] || message=",\"message\":\"$(json_text "$2")\""
  printf '{"event":"%s","at":%s,"release":"%s","colour":"%s"%s}\n' "$1" "${3:-$(now_ms)}" "$release" "${new-}" "$message" \
    >>"$run/events"
}

ended() {
  code=$1
  trap - EXIT
  rm -f "$run/input"
  if [ "$code" != 0 ] && [ "$code" != 22 ] && [ -z "${entered-}" ]; then
    # In shells of their own, which may fail without ending this one.
    if [ -n "${switching-}" ] && [ -n "$active" ]; then (point_all "$active") && switching= && had_traffic=1; fi
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
other_colour() { if [ "$1" = blue ]; then printf green; else printf blue; fi; }
release_of() { cat "$root/colours/$1" 2>/dev/null; }

# colour ARGUMENT...: docker compose on the new colour's project.
colour() {
  run_docker compose --project-name "$project-$new" --project-directory "$root" \
    --env-file "$root/.env" --file "$root/compose.yaml" --file "$root/compose.override.json" \
    --file "$folder/compose.$new.yaml" --file "$folder/compose.release.json" "$@"
}

# ids_of COLOUR: its containers.
ids_of() { containers "$project-$1" | cut -d ' ' -f 1; }

remove_colour() {
  ids=$(ids_of "$1")
  # shellcheck disable=SC2086 # one word each
  [ -z "$ids" ] || run_docker rm --force --volumes $ids || fail 20 "cannot remove the containers of $project-$1" with-log
  rm -f "$root/colours/$1"
}

# drain_colour COLOUR: tells its containers to stop, each with its service's drain time, and waits.
drain_colour() {
  containers "$project-$1" >"$run/draining" || fail 20 "cannot list the containers of $project-$1" with-log
  pids=
  while read -r id name _; do
    drain=30
    n=1
    while [ "$n" -le "$rolling" ]; do
      [ "$(service "$n")" != "$name" ] || drain=$(number "rolling_${n}_drain" 30)
      n=$((n + 1))
    done
    # Without the project's lock, so that after a kill it is the rollouts' lock alone that is waited for.
    (exec 9>&-; run_docker stop -t $((drain + 5)) "$id" </dev/null) &
    pids="$pids $!"
  done <"$run/draining"
  rm -f "$run/draining"
  for pid in $pids; do wait "$pid"; done
}

# upstream SERVICE COLOUR PORT [.candidate]
upstream() {
  printf '%s-%s:%s\n' "$1" "$2" "$3" | store "$root/proxy/upstreams/$1${4-}" 0644 >/dev/null ||
    fail 12 "cannot write $root/proxy/upstreams/$1${4-}" with-log
}

# The colour that has the traffic, by the upstream files; mixed where a kill has left them in between.
active_colour() {
  found=
  for file in "$root"/proxy/upstreams/*; do
    case $file in *.candidate | *'*') continue ;; esac
    case $(cat "$file") in *-blue:*) one=blue ;; *-green:*) one=green ;; *) continue ;; esac
    case $found in '' | "$one") found=$one ;; *) found=mixed; break ;; esac
  done
  printf '%s' "$found"
}

# point_all COLOUR: gives it the traffic of every service that has an upstream.
point_all() {
  for file in "$root"/proxy/upstreams/*; do
    case $file in *.candidate | *'*') continue ;; esac
    name=${file##*/}
    port=$(cat "$file")
    upstream "$name" "$1" "${port##*:}"
  done
}

runs() { containers "$project-$1" | grep -q '^[^ ]* [^ ]* running '; }

# Makes the host whole again after a rollout that was killed at any place. Reads what is, not what was meant.
settle() {
  active=$(active_colour)
  current=
  [ ! -f "$root/current/record.json" ] || current=$(cat "$root/current/id")
  mixed=
  if [ "$active" = mixed ]; then
    mixed=1
    active=blue
    if [ "$(release_of green)" = "$current" ]; then active=green; fi
    runs "$active" || active=$(other_colour "$active")
    guard settle-mixed
    point_all "$active"
  fi
  if [ -n "$active" ]; then
    serving=$(release_of "$active")
    # Switched, but not entered: it serves, so it is the current one.
    if [ -n "$serving" ] && [ "$serving" != "$current" ] && [ -d "$root/releases/$serving" ]; then
      at settle-record
      enter "$serving" "$active"
    fi
  fi
  for one in blue green; do
    [ "$one" != "$active" ] || continue
    ids=$(ids_of "$one")
    [ -n "$ids" ] || { rm -f "$root/colours/$one"; continue; }
    guard "settle-$one"
    # What has had traffic may still hold connections.
    of=$(release_of "$one")
    if [ -n "$mixed" ] || { [ -n "$of" ] && [ -f "$root/releases/$of/record.json" ]; }; then drain_colour "$one"; fi
    remove_colour "$one"
  done
  rm -f "$root"/proxy/upstreams/*.candidate
  for old in "$root"/releases/*; do
    [ -d "$old" ] && [ ! -f "$old/record.json" ] || continue
    [ "$(release_of "${active:-none}")" = "${old##*/}" ] || rm -rf "$old"
  done
}

# enter ID COLOUR: writes down that a release has the traffic.
enter() {
  at enter
  entering=$root/releases/$1
  members=$(cat "$entering/record.members" 2>/dev/null)
  before=
  [ ! -f "$root/current/id" ] || before=$(cat "$root/current/id")
  printf '{"release":"%s","number":%s,"colour":"%s","at":%s,"images":{%s}%s}\n' "$1" "$(cat "$entering/number")" "$2" \
    "$(now_ms)" "$(images_json "$entering")" "${members:+,$members}" | store "$entering/record.json" 0600 >/dev/null ||
    fail 12 "cannot write the record of release $1" with-log
  printf '%s' "$fence" | store "$entering/entered" 0600 >/dev/null || fail 12 "cannot write in $entering"
  if [ -n "$before" ] && [ "$before" != "$1" ]; then
    printf '%s' "$before" | store "$root/previous" 0600 >/dev/null || fail 12 "cannot write $root/previous"
  fi
  rm -rf "$root/.groundwork.current"
  ln -s "releases/$1" "$root/.groundwork.current" && {
    mv -fT "$root/.groundwork.current" "$root/current" 2>/dev/null || {
      rm -f "$root/current"
      mv -f "$root/.groundwork.current" "$root/current"
    }
  } || fail 12 "cannot link the current release" with-log
}

images_json() {
  list=
  while read -r name reference id; do
    list="$list${list:+,}\"$name\":{\"reference\":\"$reference\",\"id\":\"$id\"}"
  done <"$1/images"
  printf '%s' "$list"
}

preflight() {
  at preflight
  free_kb=$(df -Pk "$root" | awk 'NR == 2 { print $4 }')
  wanted_mb=$(number min_free_mb 256)
  case $free_kb in
    '' | *[!0-9]*) ;;
    *) [ "$free_kb" -ge $((wanted_mb * 1024)) ] ||
      fail 12 "$((free_kb / 1024)) MB are free under $root, $wanted_mb MB are needed; free some (docker system prune), then run again" ;;
  esac
  [ -f "$root/compose.yaml" ] || fail 20 "there is no compose.yaml in $root; the step write-files puts it there"
  [ "$rolling" -gt 0 ] || return 0
  [ -f "$root/compose.colour.yaml" ] || fail 20 "there is no compose.colour.yaml in $root; the step write-files puts it there"
  find_proxy
}

# The gate's address at the proxy. A proxy that has stopped is started again.
find_proxy() {
  caddy=$(containers "$project-proxy" | awk '$3 == "running" { print $1; exit }')
  if [ -z "$caddy" ] && [ -f "$root/proxy/compose.json" ]; then
    at proxy-start
    run_docker compose --project-name "$project-proxy" --project-directory "$root" --file "$root/proxy/compose.json" \
      up --detach --wait --wait-timeout 60 || fail 20 "the proxy does not start" with-log
    caddy=$(containers "$project-proxy" | awk '$3 == "running" { print $1; exit }')
  fi
  [ -n "$caddy" ] || fail 20 "the proxy of $project does not run; the step proxy starts it"
  gate=$(run_docker port "$caddy" 2020/tcp | head -n 1)
  case $gate in *:[0-9]*) ;; *) fail 20 "the proxy of $project has no gate on port 2020; the step proxy makes it" with-log ;; esac
  case $gate in 0.0.0.0:* | '[::]:'*) gate=127.0.0.1:${gate##*:} ;; esac
}

# Has every image of the release on the host, and writes down which: lines `service reference id`.
fetch_images() {
  at images
  policy=$(value_or pull missing)
  case $policy in missing | always | never) ;; *) fail 10 "bad pull policy" ;; esac
  : >"$run/images" || fail 12 "cannot write in $run"
  n=1
  while [ "$n" -le "$(number images 0)" ]; do
    name=$(value "image_${n}_service")
    reference=$(value "image_${n}_reference")
    n=$((n + 1))
    id=
    if [ -n "$target" ]; then
      # The very image that it had, also when its tag has moved since.
      had=$(awk -v name="$name" '$1 == name { print $3; exit }' "$folder/images")
      id=$(image_id "$reference")
      if [ "$id" != "$had" ] && [ -n "$(image_id "$had")" ]; then
        id=$had
        eval "frame_image_$((n - 1))_reference=\$(printf %s \"\$had\" | base64 | tr -d '\\n')"
        release_json "$release" | store "$folder/compose.release.json" 0600 >/dev/null || fail 12 "cannot write in $folder" with-log
      fi
    else
      [ "$policy" = always ] || id=$(image_id "$reference")
    fi
    if [ -z "$id" ]; then
      [ "$policy" != never ] || no_image "$reference"
      event pulling "$reference"
      guard pull
      run_docker pull --quiet "$reference" </dev/null || no_image "$reference"
      id=$(image_id "$reference")
      [ -n "$id" ] || no_image "$reference"
    fi
    printf '%s %s %s\n' "$name" "$reference" "$id" >>"$run/images" || fail 12 "cannot write in $run"
  done
}

image_id() { run_docker image inspect --format '{{.Id}}' "$1" 2>/dev/null; }

no_image() {
  what="what served before still serves"
  [ -n "$target" ] && fail 23 "the image $1 of release $release is not on this host any more and cannot be fetched; $what. \`groundwork releases\` lists the others" with-log
  tail -n 5 "$log" | grep -qi 'no space left' && fail 12 "the disk is too full for the image $1; $what" with-log
  fail 20 "the image $1 cannot be had; $what. Look at its name, and at the registry's login" with-log
}

# Whether this very release runs already, whole and healthy.
is_active() {
  [ -f "$root/current/id" ] && [ "$(cat "$root/current/id")" = "$release" ] || return 1
  cmp -s "$run/images" "$root/current/images" && same_files && [ "$(cat "$root/base.state" 2>/dev/null)" = "$base_state" ] || return 1
  containers "$project" >"$run/containers" || return 1
  [ "$(grep -c '^[^ ]* [^ ]* running ' "$run/containers")" = "$(cat "$root/base.count" 2>/dev/null)" ] || return 1
  if [ "$rolling" -gt 0 ]; then
    [ -n "$active" ] && [ "$(release_of "$active")" = "$release" ] || return 1
    containers "$project-$active" >>"$run/containers" || return 1
    n=1
    while [ "$n" -le "$rolling" ]; do
      [ "$(grep -c "^[^ ]* $(service "$n") running " "$run/containers")" -ge "$(number "rolling_${n}_replicas" 1)" ] &&
        [ "$(cat "$root/proxy/upstreams/$(service "$n")" 2>/dev/null)" = "$(service "$n")-$active:$(number "rolling_${n}_port" 80)" ] ||
        return 1
      n=$((n + 1))
    done
  fi
  ! grep -Eq '\((unhealthy|health: starting)\)' "$run/containers"
}

# Whether the files are those that the current release was made with.
same_files() {
  [ -f "$root/current/files/.files" ] || return 1
  cmp -s "$root/.files" "$root/current/files/.files" || return 1
  while IFS= read -r path; do
    [ -z "$path" ] || cmp -s "$root/$path" "$root/current/files/$path" || return 1
  done <"$root/.files"
}

digest() { { sha256sum 2>/dev/null || cksum; } | cut -d ' ' -f 1; }

# What the services without colours depend on: the files, and the images of those among them.
state_of_base() {
  {
    while IFS= read -r path; do
      [ -z "$path" ] || { printf '%s\n' "$path"; cat "$root/$path"; }
    done <"$root/.files"
    own=
    while read -r name reference id; do
      n=1
      while [ "$n" -le "$rolling" ] && [ "$(service "$n")" != "$name" ]; do n=$((n + 1)); done
      [ "$n" -gt "$rolling" ] || continue
      own=1
      printf '%s %s %s\n' "$name" "$reference" "$id"
    done <"$run/images"
    [ -z "$own" ] || printf '%s\n' "$release"
  } | digest
}

# Copies what makes the release into its folder.
archive() {
  at archive
  folder=$root/releases/$release
  mkdir -p "$folder/files" || fail 12 "cannot make $folder" with-log
  printf '%s' "$release" | store "$folder/id" 0600 >/dev/null &&
    store "$folder/images" 0600 <"$run/images" >/dev/null || fail 12 "cannot write in $folder" with-log
  [ -z "$target" ] || return 0
  # Counts deployments, not rollbacks: so it tells which schema changes came after.
  printf '%s' "$fence" | store "$folder/number" 0600 >/dev/null &&
    release_json "$release" | store "$folder/compose.release.json" 0600 >/dev/null &&
    value record | sed 's/^ *{//; s/} *$//' | store "$folder/record.members" 0600 >/dev/null &&
    printf '%s.\n' "$frames_text" | grep -E '^(\.$|rolling|images |image_)' | store "$folder/frames" 0600 >/dev/null ||
    fail 12 "cannot write in $folder" with-log
  while IFS= read -r path; do
    [ -n "$path" ] || continue
    case $path in */*) mkdir -p "$folder/files/${path%/*}" ;; esac &&
      cp -p "$root/$path" "$folder/files/.groundwork.copy" && mv -f "$folder/files/.groundwork.copy" "$folder/files/$path" ||
      fail 12 "cannot copy $path to $folder" with-log
  done <"$root/.files"
  cp "$root/.files" "$folder/files/.files" || fail 12 "cannot write in $folder" with-log
  case $(value record) in
    *'"breaking":true'*) printf '%s %s\n' "$fence" "$release" >>"$root/breaking" || fail 12 "cannot write $root/breaking" ;;
  esac
}

# Brings the services without colours to what the files say. Their own containers are replaced, so it comes last before
# the switch where only images changed.
# shellcheck disable=SC2119
update_base() {
  guard base
  base_touched=1
  set --
  n=1
  while [ "$n" -le "$rolling" ]; do
    # Also makes the networks and volumes that the colours use.
    set -- "$@" --scale "$(service "$n")=0"
    n=$((n + 1))
  done
  release_file=$folder/compose.release.json
  rm -f "$root/base.state"
  compose up --detach --wait --wait-timeout "$timeout" --pull "$pull_rest" --no-build --remove-orphans "$@" && all_healthy || {
    compose ps --all
    compose logs --no-color --tail 30
    fail_release "the services without a colour did not become healthy within $timeout s"
  }
  containers "$project" | grep -c '^[^ ]* [^ ]* running ' | store "$root/base.count" 0600 >/dev/null
  printf '%s' "$base_state" | store "$root/base.state" 0600 >/dev/null || fail 12 "cannot write $root/base.state" with-log
}

# Before the switch: the new release is taken away again.
fail_release() {
  if [ "$rolling" -gt 0 ] || [ ! -f "$root/current/record.json" ]; then
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
    drain_colour "$new"
  fi
  [ -z "${started-}" ] || remove_colour "$new"
  if [ -n "${base_touched-}" ] && [ -f "$root/current/record.json" ]; then
    restore_files "$root/current/files"
    release_file=$root/current/compose.release.json
    set --
    n=1
    while [ "$n" -le "$rolling" ]; do
      set -- "$@" --scale "$(service "$n")=0"
      n=$((n + 1))
    done
    compose up --detach --pull never --no-build --remove-orphans "$@" ||
      printf 'rollout: the services without a colour could not be put back; look at them: docker compose --project-name %s ps\n' "$project" >&4
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
  for id in $(ids_of "$new"); do
    printf 'last lines of %s:\n' "$(containers "$project-$new" | awk -v id="$id" '$1 == id { print $2 }')"
    run_docker logs --tail 30 "$id" 2>&1
  done
}

# ask N: the status code of its health path, through the proxy, from the new colour; after the switch from what has the traffic.
ask() {
  header=Service
  [ -z "${switching-}" ] || header=Active
  hostname=$(value "rolling_${1}_hostname")
  curl --silent --noproxy '*' --max-time 5 --output /dev/null --write-out '%{http_code}' \
    --header "X-Groundwork-$header: $(service "$1")" ${hostname:+--header "Host: $hostname"} \
    "http://$gate$(value "rolling_${1}_path")" 2>/dev/null 8>&- 9>&- 4>&-
}

# passes N: asks until three answers in a row are good, gives up at the first bad one. Sets `answer`.
passes() {
  [ -n "$(value "rolling_${1}_path")" ] || return 0
  tries=0
  while [ "$tries" -lt 3 ]; do
    [ "$tries" = 0 ] || nap 0.05
    answer=$(ask "$1")
    case $answer in [23]??) ;; *) return 1 ;; esac
    tries=$((tries + 1))
  done
}

# Waits until the containers and, through the proxy, the health paths of the new colour are good.
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
    while [ "$n" -le "$rolling" ] && passes "$n"; do n=$((n + 1)); done
    if [ "$n" -gt "$rolling" ] && ! grep -q '(health: starting)' "$run/containers"; then
      short=
      i=1
      while [ "$i" -le "$rolling" ]; do
        [ "$(grep -c "^[^ ]* $(service "$i") running " "$run/containers")" -ge "$(number "rolling_${i}_replicas" 1)" ] || short=1
        i=$((i + 1))
      done
      [ -n "$short" ] || break
    fi
    if [ "$(date +%s)" -ge "$deadline" ]; then
      show_logs
      if [ "$n" -le "$rolling" ]; then
        case $answer in
          000 | 502 | 503 | '') fail_release "$(service "$n") did not answer on port $(number "rolling_${n}_port" 80) within $timeout s" ;;
          *) fail_release "$(service "$n") answers $answer to $(value "rolling_${n}_path") instead of 2xx or 3xx, for $timeout s" ;;
        esac
      fi
      fail_release "the new release did not become healthy within $timeout s"
    fi
    nap 0.1
  done
  event healthy
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
      [ -z "$active" ] || show_logs
      [ -z "$active" ] || abort
    }
    n=$((n + 1))
  done
  while [ "$(now_ms)" -lt "$until_ms" ]; do
    [ ! -f "$run/abort" ] || [ -z "$active" ] || abort
    nap 0.1
  done
  # From here on it is too late to abort: rollout-abort sees it.
  : >"$run/committed"
  [ ! -f "$run/abort" ] || [ -z "$active" ] || { rm -f "$run/committed"; abort; }
}

prune() {
  at prune
  [ "$keep" -ge 2 ] || keep=2
  previous=$(cat "$root/previous" 2>/dev/null)
  for old in "$root"/releases/*; do
    [ -f "$old/record.json" ] && printf '%s %s\n' "$(cat "$old/entered")" "${old##*/}"
  done | sort -rn | awk -v keep="$keep" -v current="$release" -v previous="$previous" '
    $2 == current || $2 == previous { kept++ }
    { id[++count] = $2 }
    END { for (i = 1; i <= count; i++) if (id[i] != current && id[i] != previous && kept++ >= keep) print id[i] }
  ' >"$run/pruned"
  while read -r old; do
    guard prune-release
    # Without its record it is not offered any more, whatever comes next.
    rm -f "$root/releases/$old/record.json"
    cp "$root/releases/$old/images" "$run/images.old"
    rm -rf "$root/releases/$old" "$root/rollouts/$old"
    while read -r _ reference id; do
      ! grep -Fqs -e " $id" "$root"/releases/*/images || continue
      # By its name while that still means it: another tag of the same image is somebody else's.
      if [ "$(image_id "$reference")" = "$id" ]; then
        run_docker image rm "$reference" </dev/null
      else
        run_docker image rm "$id" </dev/null
      fi
    done <"$run/images.old"
  done <"$run/pruned"
  # What is left of attempts that came to nothing.
  for old in "$root"/rollouts/*; do
    [ "$old" = "$run" ] || [ -d "$root/releases/${old##*/}" ] || rm -rf "$old"
  done
  rm -f "$run/pruned" "$run/images.old" "$run/containers"
}

refuse_rollback() {
  at rollback
  folder=$root/releases/$release
  [ -f "$folder/record.json" ] ||
    fail 23 "release $release is not on this host; there are: $(for one in "$root"/releases/*; do [ ! -f "$one/record.json" ] || printf '%s ' "${one##*/}"; done)"
  [ "$(value forced)" != schema ] || return 0
  own=$(cat "$folder/number")
  while read -r breaking id; do
    [ "$breaking" -le "$own" ] || fail 23 "release $id has changed the database so that release $release cannot work with it; take the schema back first (groundwork rollback --to $release --downgrade runs the migrations' downgradeCommand), or restore a backup of before"
  done <"$root/breaking"
}

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
  exec <"$root/releases/$target/frames"
  read_frames
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
  wait_healthy
  [ -z "$base_changed" ] || update_base
  switching=1
  switch_to "$new"
  event switched '' "$switched_ms"
  watch_new
fi
enter "$release" "$new"
entered=1
rm -f "$root"/proxy/upstreams/*.candidate
for one in blue green; do
  [ "$one" != "$new" ] || continue
  [ -n "$(ids_of "$one")" ] || continue
  guard drain
  event draining
  drain_colour "$one"
  event drained
  guard stop
  remove_colour "$one"
  event stopped
done
# A service that has lost its colours, or is gone, is not to be found in the proxy's folder any more.
for file in "$root"/proxy/upstreams/*; do
  case $file in *'*') continue ;; esac
  n=1
  while [ "$n" -le "$rolling" ] && [ "$(service "$n")" != "${file##*/}" ]; do n=$((n + 1)); done
  [ "$n" -le "$rolling" ] || rm -f "$file"
done
prune
at "done"
finish_json true
