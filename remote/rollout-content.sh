# shellcheck shell=sh
# rollout-content.sh: what a release is made of: room and tools for it, its images, whether it runs already, its files in
# its own folder. Part of rollout-worker.sh; uses its variables.
# shellcheck disable=SC2154,SC2034,SC2015

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
        eval "frame_image_$((n - 1))_reference==\$had"
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
    # What its tag means now is another release.
    [ -z "$target" ] || [ "$id" = "$had" ] || no_image "$reference"
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

# Copies what makes the release into its folder: written aside, then each file is renamed into place whole. Few programs for
# many files, as a new release is waited for.
archive() {
  at archive
  folder=$root/releases/$release
  aside=$run/aside
  rm -rf "$aside" && mkdir -p "$folder/files" "$aside/own" "$aside/files" || fail 12 "cannot make $folder" with-log
  printf '%s' "$release" >"$aside/own/id" && cp "$run/images" "$aside/own/images" || fail 12 "cannot write in $run" with-log
  if [ -z "$target" ]; then
    # Counts deployments, not rollbacks: so it tells which schema changes came after.
    printf '%s' "$fence" >"$aside/own/number" && release_json "$release" >"$aside/own/compose.release.json" &&
      value record | sed 's/^ *{//; s/} *$//' >"$aside/own/record.members" &&
      printf '%s.\n' "$frames_text" | grep -E '^(\.$|timeout |rolling|images |image_)' >"$aside/own/frames" ||
      fail 12 "cannot write in $run" with-log
  fi
  { sync "$aside/own"/* 2>/dev/null || sync; } && mv -f "$aside/own"/* "$folder" || fail 12 "cannot write in $folder" with-log
  [ -z "$target" ] || return 0
  set --
  while IFS= read -r path; do
    case $path in
      '') ;;
      */*) mkdir -p "$folder/files/${path%/*}" && cp -p "$root/$path" "$aside/one" && mv -f "$aside/one" "$folder/files/$path" ||
        fail 12 "cannot copy $path to $folder" with-log ;;
      *) set -- "$@" "$path" ;;
    esac
  done <"$root/.files"
  (cd "$root" && cp -p -- "$@" .files "$aside/files") && (cd "$aside/files" && mv -f -- "$@" .files "$folder/files") ||
    fail 12 "cannot copy the files to $folder" with-log
  case $(value record) in
    *'"breaking":true'*) printf '%s %s\n' "$fence" "$release" >>"$root/breaking" || fail 12 "cannot write $root/breaking" ;;
  esac
}
