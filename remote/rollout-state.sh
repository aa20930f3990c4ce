# shellcheck shell=sh
# rollout-state.sh: what is true on the host of a rollout: colours, who has the traffic, the releases that are kept; made
# whole after a kill, written down, cut back. Part of rollout-worker.sh, which says what the files mean; uses its variables.
# shellcheck disable=SC2154,SC2034,SC2015,SC2030,SC2031

other_colour() { if [ "$1" = blue ]; then printf green; else printf blue; fi; }

release_of() { cat "$root/colours/$1" 2>/dev/null; }

# colour ARGUMENT...: docker compose on the new colour's project.
colour() {
  vaulted=$(vault_file) || exit "$?"
  run_docker compose --project-name "$project-$new" --project-directory "$root" \
    --env-file "$root/.env" ${vaulted:+--env-file "$vaulted"} --file "$root/compose.yaml" --file "$root/compose.override.json" \
    --file "$folder/compose.$new.yaml" --file "$folder/compose.release.json" "$@"
}

# listed PROJECT: its containers; ends where Docker does not answer, as that is not to be taken for none.
listed() { containers "$1" || fail 20 "cannot list the containers of $1" with-log; }

# ids_of COLOUR: its containers.
ids_of() {
  all=$(listed "$project-$1") || exit "$?"
  printf '%s\n' "$all" | cut -d ' ' -f 1
}

remove_colour() {
  ids=$(ids_of "$1") || exit "$?"
  # shellcheck disable=SC2086 # one word each
  [ -z "$ids" ] || run_docker rm --force --volumes $ids || fail 20 "cannot remove the containers of $project-$1" with-log
  rm -f "$root/colours/$1"
}

# drain_colour COLOUR: tells its containers to stop, each with its service's drain time, and waits.
drain_colour() {
  listed "$project-$1" >"$run/draining" || fail 12 "cannot write in $run"
  drain
  rm -f "$run/draining"
}

# Tells the containers of $run/draining to stop, each with its service's drain time, and waits.
drain() {
  pids=
  while read -r id name _; do
    drain=30
    ! is_rolling "$name" || drain=$(number "rolling_${nth}_drain" 30)
    # Without the project's lock, so that after a kill it is the rollouts' lock alone that is waited for.
    (exec 9>&-; run_docker stop -t $((drain + 5)) "$id" </dev/null) &
    pids="$pids $!"
  done <"$run/draining"
  for pid in $pids; do wait "$pid"; done
}

# upstream SERVICE COLOUR PORT [.candidate]
upstream() {
  printf '%s-%s:%s\n' "$1" "$2" "$3" | store "$root/proxy/upstreams/$1${4-}" 0644 >/dev/null ||
    fail 12 "cannot write $root/proxy/upstreams/$1${4-}" with-log
}

# The services that the proxy finds by a file.
upstream_names() {
  for file in "$root"/proxy/upstreams/*; do
    case $file in *.candidate | *'*') ;; *) printf '%s\n' "${file##*/}" ;; esac
  done
}

# The colour that has the traffic, by the upstream files; mixed where a kill has left them in between.
active_colour() {
  found=
  for name in $(upstream_names); do
    case $(cat "$root/proxy/upstreams/$name") in *-blue:*) one=blue ;; *-green:*) one=green ;; *) continue ;; esac
    case $found in '' | "$one") found=$one ;; *) found=mixed; break ;; esac
  done
  printf '%s' "$found"
}

# point_all COLOUR: gives it the traffic of every service that it has. One that it never had is found without a colour again: its own
# container was kept.
point_all() {
  all=$(listed "$project-$1") || exit "$?"
  for name in $(upstream_names); do
    printf '%s\n' "$all" | grep -q "^[^ ]* $name " || { rm -f "$root/proxy/upstreams/$name"; continue; }
    port=$(cat "$root/proxy/upstreams/$name")
    upstream "$name" "$1" "${port##*:}"
  done
}

runs() {
  all=$(listed "$project-$1") || exit "$?"
  printf '%s\n' "$all" | grep -q '^[^ ]* [^ ]* running '
}

# Makes the host whole again after a rollout that was killed at any place. Reads what is, not what was meant.
settle() {
  current=
  [ ! -f "$root/current/record.json" ] || current=$(cat "$root/current/id")
  forget_lost_upstreams
  active=$(active_colour)
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
    ids=$(ids_of "$one") || exit "$?"
    [ -n "$ids" ] || { rm -f "$root/colours/$one"; continue; }
    guard "settle-$one"
    # What has had traffic may still hold connections.
    of=$(release_of "$one")
    if [ -n "$mixed" ] || { [ -n "$of" ] && [ -f "$root/releases/$of/record.json" ]; }; then drain_colour "$one"; fi
    remove_colour "$one"
  done
  rm -f "$root"/proxy/upstreams/*.candidate
  settle_kept
  settle_lost
  for old in "$root"/releases/*; do
    [ -d "$old" ] && [ ! -f "$old/record.json" ] || continue
    [ "$(release_of "${active:-none}")" = "${old##*/}" ] || rm -rf "$old"
  done
}

# A service without a colour in the release that was entered has a container of its own, unless that is kept for its first colour.
forget_lost_upstreams() {
  [ -f "$root/current/frames" ] || return 0
  for name in $(upstream_names); do
    ! rolls_in_current "$name" || continue
    ! grep -Fqxs -e "$name" "$root/base.kept" || continue
    ! containers "$project" | grep -q "^[^ ]* $name " || rm -f "$root/proxy/upstreams/$name"
  done
}

# rolls_in_current NAME: whether the service has two colours in the current release, whatever it has in this one.
rolls_in_current() (
  frames_text=
  exec <"$root/current/frames"
  read_frames
  rolling=$(number rolling 0) && is_rolling "$1"
)

# Ends what was kept for colours that have the traffic now. A service that has none yet is to be kept anew: by that the release that
# gives it one goes through the services without a colour again.
settle_kept() {
  [ -f "$root/base.kept" ] || return 0
  while IFS= read -r name; do [ -f "$root/proxy/upstreams/$name" ] || rm -f "$root/base.state"; done <"$root/base.kept"
  [ -z "$active" ] || end_kept
  rm -f "$root/base.kept"
}

# Starts again what was to end for a service that runs once, where it may run twice in this release.
settle_lost() {
  [ -f "$root/base.lost" ] || return 0
  guard settle-lost
  all=
  [ -z "$active" ] || all=$(listed "$project-$active") || exit "$?"
  ids=$(
    printf '%s\n' "$all" | while read -r id name state _; do
      if [ "$state" = exited ] && is_rolling "$name" && grep -Fqx -e "$name" "$root/base.lost"; then printf '%s ' "$id"; fi
    done
  )
  # shellcheck disable=SC2086 # one word each
  [ -z "$ids" ] || run_docker start $ids </dev/null || fail 20 "cannot start the containers of $project-$active again" with-log
  rm -f "$root/base.lost"
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
  # The proxy stays as the newest description has it.
  [ ! -f "$root/proxy/config/routes.services" ] || while IFS= read -r name; do
    [ -z "$name" ] || is_rolling "$name" || [ -f "$root/proxy/config/before/routes.caddy" ] ||
      fail 23 "the proxy leads to $name as to a service of start-first, which it is not in release $release; run groundwork up with the description of then instead"
  done <"$root/proxy/config/routes.services"
  n=1
  while [ "$n" -le "$rolling" ]; do
    grep -Fqs -e "X-Groundwork-Service $(service "$n")" "$root/proxy/config/Caddyfile" ||
      fail 23 "the proxy does not know $(service "$n") as a service of start-first, which it is in release $release; run groundwork up with the description of then instead"
    n=$((n + 1))
  done
  own=$(cat "$folder/number")
  [ "$(value forced)" != schema ] || return 0
  while read -r breaking id; do
    [ "$breaking" -le "$own" ] || fail 23 "release $id has changed the database so that release $release cannot work with it; take the schema back first (groundwork rollback --to $release --downgrade runs the migrations' downgradeCommand), or restore a backup of before"
  done <"$root/breaking"
}
