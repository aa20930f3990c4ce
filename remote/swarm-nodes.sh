#!/bin/sh
# swarm-nodes.sh: on the manager, marks the nodes that belong to the project and takes the mark off others, and makes the
# networks that reach over all of them. A network that is there is left as it is.
#
# Input:  nodes     how many; node_N_id from 1
#         networks  how many; network_N_name, network_N_internal ("true" or "false"), network_N_encrypted (same)
#         timeout   seconds until all nodes are ready (default 60)
# Output: {"step":"swarm-nodes","project":…,"nodes":3,"networks":2}
# Exit:   20 a node is in another swarm or not ready, or a network cannot be made; the rest as in lib.sh
# shellcheck source=remote/lib.sh disable=SC1091
. ./lib.sh

begin swarm-nodes
needs docker

mark=groundwork.$project
deadline=$(($(date +%s) + $(number timeout 60)))
wanted=
count=$(number nodes 0)
n=1
while [ "$n" -le "$count" ]; do
  node=$(value "node_${n}_id")
  case $node in '' | *[!a-z0-9]*) fail 10 "bad id of a node" ;; esac
  while :; do
    state=$(run_docker node inspect --format '{{.Status.State}}' "$node")
    [ "$state" != ready ] || break
    [ "$(date +%s)" -lt "$deadline" ] || {
      [ -n "$state" ] || fail 20 "host $n of the origin is in another swarm: run docker swarm leave there, if it may leave"
      fail 20 "host $n of the origin is $state in the swarm; look at docker node ls" with-log
    }
    sleep 1
  done
  run_docker node update --label-add "$mark=member" "$node" || fail 20 "cannot mark node $node" with-log
  wanted="$wanted $node "
  n=$((n + 1))
done
for node in $(run_docker node ls --quiet); do
  case $wanted in *" $node "*) continue ;; esac
  [ "$(run_docker node inspect --format "{{index .Spec.Labels \"$mark\"}}" "$node")" != member ] ||
    run_docker node update --label-rm "$mark" "$node" || fail 20 "cannot take the mark off node $node" with-log
done

count=$(number networks 0)
n=1
while [ "$n" -le "$count" ]; do
  network=$(value "network_${n}_name")
  case $network in '' | [!a-zA-Z0-9]* | *[!a-zA-Z0-9_.-]*) fail 10 "bad name of a network" ;; esac
  found=$(run_docker network inspect --format '{{.Driver}}/{{.Scope}}' "$network" | head -n 1)
  case $found in
    overlay/swarm) ;;
    '')
      set --
      [ "$(value "network_${n}_internal")" != true ] || set -- "$@" --internal
      [ "$(value "network_${n}_encrypted")" != true ] || set -- "$@" --opt encrypted
      run_docker network create --driver overlay --attachable --label "$mark=network" "$@" "$network" ||
        fail 20 "cannot make the network $network" with-log
      ;;
    *) fail 20 "the network $network is there but does not reach over several hosts; remove it: docker network rm $network" ;;
  esac
  n=$((n + 1))
done
finish "\"nodes\":$(number nodes 0),\"networks\":$count"
