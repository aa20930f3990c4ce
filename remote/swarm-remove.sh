#!/bin/sh
# swarm-remove.sh: on the manager, takes what the swarm runs of a project away: its stack, its proxies, their secrets and
# networks, the marks of its nodes. Containers end on their hosts by themselves; project-remove waits for them there. A
# second run finds nothing, as does one on a host that manages no swarm any more.
#
# Input:  timeout  seconds until the networks are free (default 90)
# Output: {"step":"swarm-remove","project":…,"services":2,"networks":3,"shared":false}; shared: whether the swarm runs
#         something of others, so that hosts must not leave it
# Exit:   20 something is left; the rest as in lib.sh
# shellcheck source=remote/lib.sh disable=SC1091
. ./lib.sh

begin swarm-remove
needs docker

mark=groundwork.$project
# What Docker does not list may be there all the same, of others too: hosts leave the swarm where nothing is.
silent() { fail 20 "Docker does not tell what is in the swarm; nothing more was removed" with-log; }
case $(run_docker info --format '{{.Swarm.ControlAvailable}}') in
  true) ;;
  false) finish '"services":0,"networks":0,"shared":false' ;;
  *) silent ;;
esac
services=0
for stack in "$project" "$project-proxy"; do
  filter="label=com.docker.stack.namespace=$stack"
  for kind in service secret config; do
    found=$(run_docker "$kind" ls --quiet --filter "$filter") || silent
    for each in $found; do
      run_docker "$kind" rm "$each" || fail 20 "the $kind $each cannot be removed" with-log
      [ "$kind" != service ] || services=$((services + 1))
    done
  done
done

# own_networks: those that swarm-nodes has made, as they are marked; and the proxies', by its name.
own_networks() {
  marked=$(run_docker network ls --filter "label=$mark" --format '{{.Name}}') &&
    overlays=$(run_docker network ls --filter driver=overlay --format '{{.Name}}') || return 1
  { printf '%s\n' "$marked"; printf '%s\n' "$overlays" | grep -Fx -e "$project-edge"; } | sort -u
}
# What compose runs beside the swarm has to let go of them first.
found=$(run_docker ps --all --quiet --no-trunc --filter "label=com.docker.compose.project=$project") || silent
for each in $found; do
  run_docker rm --force --volumes "$each" || fail 20 "the container $each cannot be removed" with-log
done
networks=0
deadline=$(($(date +%s) + $(number timeout 90)))
found=$(own_networks) || silent
for each in $found; do
  until run_docker network rm "$each"; do
    # Gone, or still used by a task that ends.
    run_docker network inspect "$each" >/dev/null 2>&1 || break
    [ "$(date +%s)" -lt "$deadline" ] || fail 20 "the network $each cannot be removed" with-log
    nap 1
  done
  networks=$((networks + 1))
done

shared=false
found=$(run_docker service ls --quiet) || silent
[ -z "$found" ] || shared=true
found=$(run_docker node ls --quiet) || silent
for node in $found; do
  run_docker node update --label-rm "$mark" "$node"
  # shellcheck disable=SC2016 # the dollars are the template's
  case $(run_docker node inspect --format '{{range $key, $value := .Spec.Labels}}{{$key}} {{end}}' "$node") in
    *groundwork.*) shared=true ;;
  esac
done
finish "\"services\":$services,\"networks\":$networks,\"shared\":$shared"
