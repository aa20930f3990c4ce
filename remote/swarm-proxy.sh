#!/bin/sh
# swarm-proxy.sh: on the manager, runs one proxy on each of the project's nodes, as a stack of its own that no rollout
# touches. One that runs as described is left alone.
#
# Input:  stack    the stack file of the proxy
#         pull     "missing" (default), "always" or "never"
#         timeout  seconds until it runs on every node (default 60)
# Output: {"step":"swarm-proxy","project":…,"nodes":3}
# Exit:   20 it does not run on a node; what Docker says of it is shown; the rest as in lib.sh
# shellcheck source=remote/lib.sh disable=SC1091
. ./lib.sh

begin swarm-proxy
needs docker

value stack | store "$root/proxy/stack.json" 0600 || fail 12 "cannot write $root/proxy/stack.json" with-log
case $(value_or pull missing) in
  missing) resolve=changed ;;
  always) resolve=always ;;
  never) resolve=never ;;
  *) fail 10 "bad pull policy" ;;
esac
service=${project}-proxy_caddy
run_docker stack deploy --compose-file "$root/proxy/stack.json" --prune --with-registry-auth \
  --resolve-image "$resolve" "$project-proxy" || fail 20 "Docker does not take the proxy's stack" with-log

deadline=$(($(date +%s) + $(number timeout 60)))
while :; do
  set --
  for task in $(run_docker service ps --quiet --no-trunc --filter desired-state=running "$service"); do set -- "$@" "$task"; done
  states=
  [ $# -eq 0 ] || states=$(run_docker inspect --type task --format '{{.Status.State}}' "$@")
  update=$(run_docker service inspect --format '{{if .UpdateStatus}}{{.UpdateStatus.State}}{{end}}' "$service")
  if [ -n "$states" ] && ! printf '%s\n' "$states" | grep -qvx running && [ "$update" != updating ]; then break; fi
  [ "$(date +%s)" -lt "$deadline" ] || {
    run_docker service ps --no-trunc --format '{{.Node}}: {{.CurrentState}} {{.Error}}' "$service"
    fail 20 "the proxy does not run on every node; a port that it needs may be taken there" with-log
  }
  sleep 0.5
done
finish "\"nodes\":$#"
