#!/bin/sh
# swarm-rollout.sh: on the manager, replaces what the swarm runs of a project by a release, task by task: a new one is
# started beside an old one, which is ended only when the new one is healthy. Where a new one does not become healthy the
# swarm goes back to the old ones by itself, and so does this step for the services that had gone on already. Once Docker
# has taken the stack the swarm works by itself; a step that dies is simply run again.
#
# Input:  release   id of the release
#         services  those that the swarm runs, one a line; all others of the file are run beside it by compose
#         images    how many services get an image of the release; image_N_service, image_N_reference
#         record    members for the release's record, one JSON object in one line (optional)
#         run       id of this attempt: once it has ended, the same id tells its end again instead of a new attempt (optional)
#         to        instead of a new release: id of an archived one, or "previous"; its stack and files are taken
#         forced    with `to`, "schema": go back across a breaking migration, because the schema has been taken back
#         pull      "missing" (default), "always" asks the registry each time, "never" takes what is on the nodes
#         timeout   seconds until all are healthy (default: with `to` what that one had, else 180)
#         drain     seconds after which the old tasks must be gone (default: the same, else 60)
#         watch     seconds from the first new task on in which rollout-abort can take it back (default 1)
#         keep      releases kept (default 5)
# Output: one line of JSON for each event, as it happens: {"event":"started|starting|healthy|switched|draining|drained|
#         stopped|done|failed|aborted","at":ms,"release":id}; at last {"step":"swarm-rollout","project":…,"release":id,
#         "seconds":12,"changed":true}
# Exit:   20 the files cannot be used, or a release that failed could not be taken back; 21 the release did not become healthy: the
#         old one serves, with what runs beside it, the new one's last lines are shown; 22 taken back by rollout-abort: the old one
#         serves; 23 the rollback is refused; the rest as in lib.sh
# shellcheck source=remote/lib.sh disable=SC1091,SC2015
. ./lib.sh

open_step swarm-rollout
needs docker cmp date awk sed cp sort cut flock

release=$(release_name release) || exit 10
to=$(release_name to) || exit 10
if [ "$to" = previous ]; then
  to=$(cat "$root/previous" 2>/dev/null) || fail 23 "there is no earlier release here to go back to"
fi
release=${to:-$release}
[ -n "$release" ] || fail 10 "no release given"
attempt=$(release_name run) || exit 10
watch=$(number watch 1) || exit 10
keep=$(number keep 5) || exit 10
limit=$(number lock_wait 600) || exit 10
[ "$keep" -ge 2 ] || keep=2
case $(value_or pull missing) in
  missing) policy=missing resolve=changed ;;
  always) policy=always resolve=always ;;
  never) policy=never resolve=never ;;
  *) fail 10 "bad pull policy" ;;
esac
releases=$root/releases
place=$releases/$release
# had NAME DEFAULT: what the release that is gone back to had.
had() { if [ -z "$to" ] || ! cat "$place/$1" 2>/dev/null; then printf '%s' "$2"; fi; }
timeout=$(number timeout "$(had timeout 180)") || exit 10
drain=$(number drain "$(had drain 60)") || exit 10
run=$root/rollouts/$release
abort=$run/abort
begun=$(date +%s)

take_lock "$limit"
exec 8>>"$root/rollout.alive" || fail 12 "cannot write $root/rollout.alive"
wait_lock 8 "$limit" || fail 75 "commands of a killed rollout still run on this host; nothing was done"
sweep
mkdir -p "$run" "$releases" || fail 12 "cannot write below $root"
if [ -n "$attempt" ] && [ -f "$run/code" ] && [ "$(cat "$run/attempt" 2>/dev/null)" = "$attempt" ]; then
  code=$(cat "$run/code")
  [ "$code" = 0 ] || fail "$code" "$(cat "$run/errors" 2>/dev/null || printf 'this attempt ended with code %s' "$code")" with-log
  cat "$run/result" >&3
  exit 0
fi
: >"$log" || fail 12 "cannot write $log"
exec 1>>"$log" 2>&1
rm -f "$run/code" "$abort" "$run/committed" "$run/errors" "$run/result"
printf '%s' "$attempt" >"$run/attempt" && printf '%s' "$release" >"$root/rollout.holder" || fail 12 "cannot write $run"
trap 'printf %s "$?" >"$run/code"' EXIT
fence=$(cat "$root/fence" 2>/dev/null)
case $fence in '' | *[!0-9]*) fence=0 ;; esac
fence=$((fence + 1))
printf '%s' "$fence" | store "$root/fence" 0600 >/dev/null || fail 12 "cannot write $root/fence"

# event NAME [MILLISECONDS]
event() { printf '{"event":"%s","at":%s,"release":"%s"}\n' "$1" "${2:-$(now_ms)}" "$release" >&3; }

# What the swarm's loader takes of what compose prints: a version, numbers as numbers, nothing that only compose knows.
stack_file() {
  printf 'version: "3.8"\n'
  sed -e '/^name: /d' -e 's/^\( *published: \)"\([0-9]*\)"$/\1\2/' |
    awk '
      /^ *bind:$/ { held = $0; next }
      held != "" { if ($0 ~ /^ *create_host_path: /) { held = ""; next } print held; held = "" }
      { print }'
}

# deploy FOLDER: hands a release's stack to the swarm.
deploy() {
  run_docker stack deploy --compose-file "$1/stack.yaml" --prune --with-registry-auth --resolve-image "$resolve" "$project"
}

# tasks SERVICE: one line each: id, wanted state, state, release.
tasks() {
  set -- "$(run_docker service ps --quiet --no-trunc "$1")"
  [ -n "$1" ] || return 0
  # shellcheck disable=SC2086
  run_docker inspect --type task \
    --format '{{.ID}} {{.DesiredState}} {{.Status.State}} {{index .Spec.ContainerSpec.Labels "groundwork.release"}}' $1
}

# progress RELEASE: of all its services together: done, draining (only old tasks are left to end), going or back (the
# swarm has given it up).
progress() {
  all="done"
  for service in $names; do
    name=${project}_$service
    seen=$(run_docker service inspect --format \
      '{{index .Spec.TaskTemplate.ContainerSpec.Labels "groundwork.release"}} {{if .UpdateStatus}}{{.UpdateStatus.State}}{{end}}' "$name") || {
      # A manager that is busy: nothing is known, and asked again.
      [ "$all" = back ] || all=going
      continue
    }
    case $seen in
      *' rollback_'* | *' paused') all=back; break ;;
      "$1 updating") [ "$all" = back ] || all=going; continue ;;
      "$1 "*) ;;
      *) all=back; break ;;
    esac
    state=$(tasks "$name" | awk -v release="$1" '
      $2 == "running" || $2 == "ready" { wanted++; if ($3 == "running" && $4 == release) there++ }
      $2 != "running" && $2 != "ready" && ($3 == "running" || $3 == "starting" || $3 == "preparing") { old++ }
      END { print (wanted == 0 || there < wanted ? "going" : (old ? "draining" : "done")) }')
    case $state in
      going) all=going ;;
      draining) [ "$all" = going ] || all=draining ;;
    esac
  done
  printf '%s' "$all"
}

# What the new tasks have said, for the log that a failure shows: of two of those that said something, ended ones first. The
# newest have often not begun when the swarm gives a release up.
explain() {
  for service in $names; do
    name=${project}_$service
    run_docker service ps --no-trunc --format '{{.Name}} on {{.Node}}: {{.CurrentState}} {{.Error}}' "$name" | grep -v ': Running' | head -n 8
    heard=0
    for task in $(tasks "$name" | awk -v release="$release" '
      $4 == release { print ($3 ~ /^(failed|complete|shutdown|rejected)$/ ? 0 : 1), $1 }' | sort -s -k 1,1 | cut -d ' ' -f 2 | head -n 6); do
      within="timeout 20"
      words=$(run_docker service logs --raw --tail 15 "$task" 2>&1)
      within=
      [ -n "$words" ] || continue
      printf '%s\n' "$words"
      heard=$((heard + 1))
      [ "$heard" -lt 2 ] || break
    done
  done
}

# Whether the swarm has been told of the release; what of it runs beside.
deployed=
beside=

# beside_up PULL: brings what compose runs beside the swarm to what the files and `release_file` say, without the services of
# `names`; `beside` lists it.
beside_up() {
  beside=
  all=$(compose config --services) && [ -n "$all" ] || { all=; return 1; }
  for service in $all; do
    printf '%s\n' "$names" | grep -Fqx -e "$service" || beside="$beside${beside:+ }$service"
  done
  [ -n "$beside" ] || return 0
  # shellcheck disable=SC2086 # one word each
  compose up --detach --no-deps --wait --wait-timeout "$timeout" --pull "$1" $beside && all_healthy $beside
}

# end_others: ends what compose runs of the project besides `beside`: what has gone from the file, or is the swarm's now.
end_others() {
  others=$(run_docker ps --all --filter "label=com.docker.compose.project=$project" --filter label=com.docker.compose.oneoff=False \
    --format '{{.ID}} {{.Label "com.docker.compose.service"}}') || return 1
  others=$(printf '%s\n' "$others" | awk -v beside=" $beside " '$1 != "" && !index(beside, " " $2 " ") { print $1 }')
  # shellcheck disable=SC2086 # one word each
  [ -z "$others" ] || { run_docker stop $others && run_docker rm --force $others; }
}

# take_back: files, stack and what runs beside it, as they were with the release before. All of it is tried, whatever fails.
take_back() {
  lacks=
  state=
  names=$(cat "$releases/$previous/services")
  release_file=$releases/$previous/compose.release.json
  # Files first: the stack reads its secrets from them. In a shell of its own, which may fail without ending this one.
  (restore_files "$releases/$previous/files") || lacks=1
  [ -z "$deployed" ] || deploy "$releases/$previous" || lacks=1
  beside_up never || lacks=1
  [ -n "$all" ] && end_others || lacks=1
  until_back=$(($(date +%s) + timeout + drain))
  while [ -n "$deployed" ]; do
    state=$(progress "$previous")
    [ "$state" = going ] || break
    [ "$(date +%s)" -lt "$until_back" ] || break
    nap 0.5
  done
  case $state in back | going) lacks=1 ;; esac
  [ -z "$lacks" ]
}

# give_up CODE EVENT MESSAGE: back to what served before; where nothing did, nothing is left in the swarm.
give_up() {
  code=$1
  message=$3
  [ -z "$deployed" ] || explain
  [ -f "$place/record.json" ] || rm -rf "${place:?}"
  if [ -z "$previous" ]; then
    message="$message; it was the first release"
    [ -z "$deployed" ] || { run_docker stack rm "$project"; message="$message, and it was removed"; }
  elif [ "$previous" = "$release" ]; then
    :
  elif take_back; then
    message="$message; $previous serves"
  else
    code=20
    message="$message; it could not be taken back to $previous as a whole"
  fi
  event "$2"
  printf '%s' "$message" >"$run/errors"
  fail "$code" "$message" with-log
}

[ "$(run_docker info --format '{{.Swarm.ControlAvailable}}')" = true ] ||
  fail 11 "this host does not manage a swarm; deploy again from the start"
event started
previous=$(cat "$root/current/id" 2>/dev/null)
[ -f "$releases/$previous/stack.yaml" ] || previous=
for old in "$releases"/*; do
  # What never served.
  [ -d "$old" ] && [ ! -f "$old/record.json" ] && rm -rf "$old"
done
release_file=$place/compose.release.json

if [ -n "$to" ]; then
  [ -f "$place/stack.yaml" ] ||
    fail 23 "release $to is not on this host; there are: $(for one in "$releases"/*; do [ ! -f "$one/record.json" ] || printf '%s ' "${one##*/}"; done)"
  if [ "$(value forced)" != schema ] && [ -f "$root/breaking" ]; then
    own=$(cat "$place/number")
    while read -r number id; do
      [ "$number" -le "$own" ] || fail 23 "release $id has changed the database so that release $to cannot work with it; take the schema back first (groundwork rollback --to $to --downgrade runs the migrations' downgradeCommand), or restore a backup of before"
    done <"$root/breaking"
  fi
  restore_files "$place/files"
else
  restore_wanted
  for service in $(value services); do
    case $service in -* | *[!A-Za-z0-9._-]*) fail 10 "bad service name" ;; esac
  done
  mkdir -p "$place/files" || fail 12 "cannot make $place"
  {
    value services | store "$place/services" 0600 &&
      release_json "$release" | store "$place/compose.release.json" 0600 &&
      printf '%s' "$release" | store "$place/id" 0600 &&
      printf '%s' "$timeout" | store "$place/timeout" 0600 &&
      printf '%s' "$drain" | store "$place/drain" 0600 &&
      { [ -f "$place/number" ] || printf '%s' "$fence" | store "$place/number" 0600; } &&
      value record | sed 's/^ *{//; s/} *$//' | store "$place/record.members" 0600
  } || fail 12 "cannot write into $place" with-log
  mark=
  names=$(cat "$place/services")
  for service in $names; do
    mark="$mark${mark:+,}\"$service\":{\"environment\":{\"RELEASE_ID\":\"$release\"},\"labels\":{\"groundwork.release\":\"$release\"}}"
  done
  printf '{"services":{%s}}\n' "$mark" >"$place/.groundwork.mark.json" || fail 12 "cannot write into $place"
  # shellcheck disable=SC2086
  compose --file "$root/compose.swarm.yaml" --file "$place/.groundwork.mark.json" config $names \
    >"$place/.groundwork.config" || fail 20 "compose cannot use the files" with-log
  stack_file <"$place/.groundwork.config" | store "$place/stack.yaml" 0600 || fail 12 "cannot write into $place" with-log
  rm -f "$place/.groundwork.config" "$place/.groundwork.mark.json"
  while IFS= read -r path; do
    [ -f "$root/$path" ] || continue
    case $path in */*) mkdir -p "$place/files/${path%/*}" ;; esac
    cp -p "$root/$path" "$place/files/$path" || fail 12 "cannot write into $place" with-log
  done <"$root/.files"
  cp "$root/.files" "$place/files/.files" || fail 12 "cannot write into $place" with-log
  case $(value record) in
    *'"breaking":true'*)
      grep -q "^[0-9]* $release\$" "$root/breaking" 2>/dev/null || printf '%s %s\n' "$(cat "$place/number")" "$release" >>"$root/breaking" ;;
  esac
fi
names=$(cat "$place/services")

beside_up "$policy" || {
  # shellcheck disable=SC2086 # one word each
  [ -z "$beside" ] || { compose ps --all $beside; compose logs --no-color --tail 30 $beside; }
  give_up 21 failed "${beside:-what runs beside the swarm} did not become healthy within $timeout s"
}

changed=true
[ "$release" != "$previous" ] || [ "$(progress "$release")" != "done" ] || changed=false
event starting
unbegun_ms=$(now_ms)
deployed=1
deploy "$place" || give_up 21 failed "Docker does not take the release $release"

# From the first new task on there is traffic to the release.
switched=
has_begun() {
  for service in $names; do
    tasks "${project}_$service" | awk -v release="$release" '$2 == "running" && $3 == "running" && $4 == release { found = 1 } END { exit !found }' ||
      return 1
  done
}
deadline=$(($(date +%s) + timeout))
while :; do
  looked_ms=$(now_ms)
  state=$(progress "$release")
  [ ! -e "$abort" ] || give_up 22 aborted "the release $release was taken back: $(cat "$abort")"
  if [ -z "$switched" ] && has_begun; then
    switched=$(date +%s)
    event healthy
    # It came between two looks: nothing before the first of them is the new release's.
    event switched "$unbegun_ms"
  fi
  unbegun_ms=$looked_ms
  case $state in
    done | draining) [ -z "$switched" ] || break ;;
    back) give_up 21 failed "the release $release did not become healthy" ;;
  esac
  [ "$(date +%s)" -lt "$deadline" ] || give_up 21 failed "the release $release did not become healthy within $timeout s"
  nap 0.3
done
event draining
deadline=$(($(date +%s) + drain))
while :; do
  [ ! -e "$abort" ] || give_up 22 aborted "the release $release was taken back: $(cat "$abort")"
  at=$(date +%s)
  [ "$at" -lt "$deadline" ] || break
  [ "$at" -lt $((switched + watch)) ] || [ "$(progress "$release")" = draining ] || break
  nap 0.3
done
# From here on it is too late to take it back: rollout-abort sees it.
: >"$run/committed"
[ ! -e "$abort" ] || { rm -f "$run/committed"; give_up 22 aborted "the release $release was taken back: $(cat "$abort")"; }
event drained

members=$(cat "$place/record.members" 2>/dev/null)
images=$(awk '/^  [A-Za-z0-9]/ { name = $1; sub(/:$/, "", name) }
  /^    image: / && name != "" { gsub(/"/, "", $2); printf "%s\"%s\":{\"reference\":\"%s\"}", comma, name, $2; comma = "," }' "$place/stack.yaml")
printf '{"release":"%s","number":%s,"kind":"swarm","at":%s,"images":{%s}%s}\n' "$release" "$(cat "$place/number")" \
  "$(now_ms)" "$images" "${members:+,$members}" | store "$place/record.json" 0600 >/dev/null &&
  printf '%s' "$fence" | store "$place/entered" 0600 >/dev/null || fail 12 "cannot write into $place" with-log
if [ -n "$previous" ] && [ "$previous" != "$release" ]; then
  printf '%s' "$previous" | store "$root/previous" 0600 >/dev/null || fail 12 "cannot write $root/previous"
fi
ln -sfn "releases/$release" "$root/.groundwork.current" && mv -fT "$root/.groundwork.current" "$root/current" ||
  fail 12 "cannot write $root/current" with-log

end_others || fail 20 "the release serves, but what only the one before had beside the swarm could not be ended; run again" with-log
before=$(cat "$root/previous" 2>/dev/null)
for old in $(for one in "$releases"/*; do printf '%s %s\n' "$(cat "$one/entered" 2>/dev/null)" "${one##*/}"; done |
  sort -rn | awk -v keep="$keep" -v current="$release" -v previous="$before" '
    $2 == current || $2 == previous { kept++ }
    { id[++count] = $2 }
    END { for (i = 1; i <= count; i++) if (id[i] != current && id[i] != previous && kept++ >= keep) print id[i] }'); do
  rm -rf "${releases:?}/$old" "${root:?}/rollouts/$old"
done
# Secrets and configurations carry a hash in their names; those that no kept release names go.
for kind in secret config; do
  run_docker "$kind" ls --filter "label=com.docker.stack.namespace=$project" --format '{{.Name}}' |
    while IFS= read -r name; do
      grep -Fq -e "name: $name" "$releases"/*/stack.yaml || run_docker "$kind" rm "$name" </dev/null
    done
done
event stopped
event "done"
result="\"release\":\"$release\",\"seconds\":$(($(date +%s) - begun)),\"changed\":$changed"
printf '{"step":"%s","project":"%s",%s}\n' "$step" "$project" "$result" >"$run/result"
finish "$result"
