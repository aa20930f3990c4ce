#!/bin/sh
# swarm-init.sh: makes the host the manager of a swarm, unless it is one already. Where it is a mere worker of another
# swarm it is left alone.
#
# Input:  advertise  address by which the other hosts reach this one
# Output: {"step":"swarm-init","project":…,"node":id,"manager":"address:2377","token":what a worker joins with}; the token
#         is secret
# Exit:   20 Docker does not make a swarm, or the host belongs to another one; the rest as in lib.sh
# shellcheck source=remote/lib.sh disable=SC1091
. ./lib.sh

begin swarm-init
needs docker

advertise=$(value advertise)
case $advertise in '' | -* | *[!A-Za-z0-9.:-]*) fail 10 "bad address" ;; esac
case $advertise in *:*) endpoint="[$advertise]:2377" ;; *) endpoint=$advertise:2377 ;; esac

case $(run_docker info --format '{{.Swarm.LocalNodeState}}/{{.Swarm.ControlAvailable}}') in
  active/true) ;;
  inactive/*)
    run_docker swarm init --advertise-addr "$advertise" ||
      fail 20 "Docker does not make a swarm with $advertise" with-log
    # What is removed with the project: a swarm that was there before is not.
    printf made >"$root/swarm" || fail 12 "cannot write $root/swarm"
    ;;
  */false) fail 20 "this host is in a swarm already but does not manage it: docker swarm leave, or take its manager" ;;
  *) fail 20 "Docker does not tell whether this host is in a swarm" with-log ;;
esac
: >"$log"
node=$(run_docker info --format '{{.Swarm.NodeID}}')
token=$(run_docker swarm join-token --quiet worker)
case $node/$token in /* | */) fail 20 "Docker does not tell how to join its swarm" with-log ;; esac
finish "\"node\":\"$node\",\"manager\":\"$endpoint\",\"token\":\"$token\""
