#!/bin/sh
# swarm-join.sh: has the host join a swarm as a worker, unless it is in one already. The token goes to Docker's socket by
# standard input: `docker swarm join` takes it only as an argument, which everybody on the host could read.
#
# Input:  manager    address:2377 of the manager
#         token      what a worker joins with
#         advertise  address by which the other hosts reach this one
#         timeout    seconds until it must have joined (default 60)
# Output: {"step":"swarm-join","project":…,"node":id,"changed":true}
# Exit:   20 the manager is not reached, or it refuses the token; the rest as in lib.sh
# shellcheck source=remote/lib.sh disable=SC1091
. ./lib.sh

begin swarm-join
needs docker curl

manager=$(value manager)
advertise=$(value advertise)
for address in "$manager" "$advertise"; do
  case $address in '' | -* | *[!][A-Za-z0-9.:-]*) fail 10 "bad address" ;; esac
done
case $(value token) in '' | *[!A-Za-z0-9-]*) fail 10 "bad token" ;; esac
limit=$(number timeout 60)
state() { run_docker info --format '{{.Swarm.LocalNodeState}}'; }

changed=false
case $(state) in
  active) ;;
  # Never without an answer, nor where it may be the manager of another: what follows leaves by force.
  locked) fail 20 "this host manages a swarm that is locked: docker swarm unlock, or take another host" ;;
  inactive | pending | error)
    socket=${DOCKER_HOST:-$(run_docker context inspect --format '{{.Endpoints.docker.Host}}')}
    case $socket in unix://*) socket=${socket#unix://} ;; *) fail 20 "Docker is not asked by a socket on this host" ;; esac
    # A join that timed out before goes on by itself, and would refuse another one.
    run_docker swarm leave --force >/dev/null 2>&1
    changed=true
    # shellcheck disable=SC2086
    {
      printf '{"ListenAddr":"0.0.0.0:2377","AdvertiseAddr":"%s","RemoteAddrs":["%s"],"JoinToken":"%s"}' \
        "$advertise" "$manager" "$(value token)" |
        $docker_prefix curl --silent --show-error --fail-with-body --max-time "$limit" --unix-socket "$socket" \
          --header 'Content-Type: application/json' --data-binary @- http://localhost/swarm/join 9>&- 3>&- 4>&-
    } || {
      [ "$(state)" = active ] || {
        run_docker swarm leave --force >/dev/null 2>&1
        fail 20 "cannot join the swarm of $manager; ports 2377/tcp, 7946/tcp, 7946/udp and 4789/udp must be open between the hosts" with-log
      }
    }
    ;;
  *) fail 20 "Docker does not tell whether this host is in a swarm" with-log ;;
esac
# What is left with the project: a swarm that the host was in before is not.
[ "$changed" = false ] || printf joined >"$root/swarm" || fail 12 "cannot write $root/swarm"
node=$(run_docker info --format '{{.Swarm.NodeID}}')
[ -n "$node" ] || fail 20 "Docker does not tell this node's id" with-log
finish "\"node\":\"$node\",\"changed\":$changed"
