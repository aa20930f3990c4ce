#!/bin/sh
# project-remove.sh: removes a compose project from the host, with its colours, its proxy, its data, the schedules of its backups
# and its folder; then looks whether anything of it is left. A second run finds nothing and says so. In a swarm swarm-remove comes
# before it, on the manager.
#
# Input:  leave    "true": the host leaves the swarm that it is in for this project (default: it stays)
#         timeout  seconds for containers of a swarm to end by themselves (default 60)
# Output: {"step":"project-remove","project":…,"containers":2,"volumes":1,"networks":1}: how many there were; and
#         "left":true where it left a swarm
# Exit:   20 something is left; the rest as in lib.sh
# shellcheck source=remote/lib.sh disable=SC1091
. ./lib.sh
# shellcheck source=remote/schedule-lib.sh disable=SC1091
. ./schedule-lib.sh

begin project-remove
needs docker

# of KIND PROJECT: names of what Compose or a swarm has marked as the project's, one a line.
of() {
  for filter in "label=com.docker.compose.project=$2" "label=com.docker.stack.namespace=$2"; do
    case $1/$filter in
      containers/*) run_docker ps --all --quiet --no-trunc --filter "$filter" || return 1 ;;
      # Those of a swarm reach over all its hosts: they are the manager's.
      networks/*stack*) ;;
      *) run_docker "${1%s}" ls --quiet --filter "$filter" || return 1 ;;
    esac
  done
  case $1/$2 in
    # The proxies of a swarm have these, without a mark.
    "volumes/$project-proxy")
      for own in config data; do run_docker volume ls --quiet --filter "name=^$project-proxy-$own\$" || return 1; done ;;
    # The one between proxy and services is nobody's in Compose.
    "networks/$project-proxy") run_docker network ls --quiet --filter "label=groundwork.project=$project" || return 1 ;;
  esac
}

# remove KIND: of the project, of its colours and of its proxy; prints how many.
remove() {
  count=0
  for each in "$project" "$project-blue" "$project-green" "$project-proxy"; do
    names=$(of "$1" "$each") || fail 20 "the $1 cannot be listed" with-log
    for name in $(printf '%s\n' "$names" | sort -u); do
      case $1 in
        containers) run_docker rm --force --volumes "$name" ;;
        *) run_docker "${1%s}" rm "$name" ;;
      esac >&2 || fail 20 "$name of the $1 cannot be removed" with-log
      count=$((count + 1))
    done
    names=$(of "$1" "$each") || fail 20 "the $1 cannot be listed" with-log
    [ -z "$names" ] || fail 20 "of the $1 there is left: $(printf '%s' "$names" | tr '\n' ' ')" with-log
  done
  printf '%s' "$count"
}

# Whose service is gone ends by itself; removing it meanwhile would only collide.
deadline=$(($(date +%s) + $(number timeout 60)))
for stack in "$project" "$project-proxy"; do
  while [ -n "$(run_docker ps --all --quiet --filter "label=com.docker.stack.namespace=$stack")" ]; do
    [ "$(date +%s)" -lt "$deadline" ] || break
    nap 0.5
  done
done
containers=$(remove containers) || exit
volumes=$(remove volumes) || exit
networks=$(remove networks) || exit
# Not before the data is gone: what a failure above has left goes on being backed up. And before the host leaves its
# swarm, which it does not do again in the next run.
for scheduled in "$root"/backups/*/scheduled; do
  [ -f "$scheduled" ] || continue
  name=${scheduled%/scheduled}
  name=${name##*/}
  remove_schedule "$name" || fail 20 "the schedule of the backups of $name cannot be taken away" with-log
done
# others: whether hosts of the swarm are still in it. That none is told does not say that there is none.
others() {
  nodes=$(run_docker node ls --quiet) || fail 20 "the hosts of the swarm cannot be listed" with-log
  for node in $nodes; do
    case $(run_docker node inspect --format '{{.Status.State}}/{{if .ManagerStatus}}manager{{end}}' "$node") in
      down/* | */manager) ;;
      *) return 0 ;;
    esac
  done
  return 1
}

left=
case $(value_or leave false)/$(cat "$root/swarm" 2>/dev/null) in
  true/joined)
    run_docker swarm leave || fail 20 "the host does not leave its swarm: docker swarm leave" with-log
    left=',"left":true'
    ;;
  true/made)
    # A host that has just left counts as there for some seconds.
    deadline=$(($(date +%s) + 30))
    while others && [ "$(date +%s)" -lt "$deadline" ]; do nap 0.5; done
    if ! others; then
      run_docker swarm leave --force || fail 20 "the host does not leave its swarm: docker swarm leave --force" with-log
      left=',"left":true'
    fi
    ;;
esac
# Values of a vault that are in memory.
for memory in /run /dev/shm; do rm -rf "$memory/groundwork-$(id -u)/$project"; done
rm -rf "$root" || fail 12 "cannot remove $root"
[ ! -e "$root" ] || fail 20 "$root is left"
finish "\"containers\":$containers,\"volumes\":$volumes,\"networks\":$networks$left"
