#!/bin/sh
# project-remove.sh: removes a compose project from the host, with its proxy, its data and its folder; then looks whether
# anything of it is left. A second run finds nothing and says so.
#
# Input:  nothing besides the usual
# Output: {"step":"project-remove","project":…,"containers":2,"volumes":1,"networks":1}: how many there were
# Exit:   20 something is left; the rest as in lib.sh
# shellcheck source=remote/lib.sh disable=SC1091
. ./lib.sh

begin project-remove
needs docker

# of KIND PROJECT: names of what Compose has marked as the project's, one a line.
of() {
  filter="label=com.docker.compose.project=$2"
  case $1 in
    containers) run_docker ps --all --quiet --no-trunc --filter "$filter" ;;
    *) run_docker "${1%s}" ls --quiet --filter "$filter" ;;
  esac
}

# remove KIND: of the project and of its proxy; prints how many.
remove() {
  count=0
  for each in "$project" "$project-proxy"; do
    names=$(of "$1" "$each") || fail 20 "the $1 cannot be listed" with-log
    for name in $names; do
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

containers=$(remove containers) || exit
volumes=$(remove volumes) || exit
networks=$(remove networks) || exit
rm -rf "$root" || fail 12 "cannot remove $root"
[ ! -e "$root" ] || fail 20 "$root is left"
finish "\"containers\":$containers,\"volumes\":$volumes,\"networks\":$networks"
