#!/bin/sh
# proxy.sh: makes the network between proxy and services, and has the proxy (Caddy) run as its files say. A changed
# Caddyfile is checked, then loaded without a restart; the container is made anew only when its own definition changes.
#
# Input:  caddyfile  the Caddyfile
#         routes     its routes alone; kept, so that they are followed on after the next change until all that the new
#                    ones lead to has had its first release (optional)
#         routed     rolling services that the routes lead to, one a line
#         compose    the proxy's compose file, JSON, with one service `caddy`
#         ports      ports of the host that it publishes, separated by blanks: their owners are named when they are taken
#         pull       "missing" (default), "always" or "never"
#         timeout    seconds until it runs (default 60)
# Output: {"step":"proxy","project":…,"changed":true}
# Exit:   20 a port is taken (its owner is named), or the Caddyfile is refused (what ran before still runs); the rest as in lib.sh
# shellcheck source=remote/lib.sh disable=SC1091,SC2015
. ./lib.sh

begin proxy
needs docker cmp

timeout=$(number timeout 60) || exit 10
policy=$(value_or pull missing)
case $policy in missing | always | never) ;; *) fail 10 "bad pull policy" ;; esac
proxy=$root/proxy

proxy_compose() {
  run_docker compose --project-name "$project-proxy" --project-directory "$root" --file "$proxy/$file" "$@"
}
running() { containers "$project-proxy" | awk '$2 == "caddy" && $3 == "running" { print $1; exit }'; }

mkdir -p "$proxy/config" "$proxy/upstreams" "$root/certificates" &&
  chmod 0755 "$proxy" "$proxy/config" "$proxy/upstreams" "$root/certificates" || fail 12 "cannot make $proxy" with-log

run_docker network inspect "$project-edge" >/dev/null 2>&1 ||
  run_docker network create --label "groundwork.project=$project" "$project-edge" ||
  run_docker network inspect "$project-edge" >/dev/null || fail 20 "cannot make the network $project-edge" with-log

value compose | store "$proxy/compose.new.json" 0600 >/dev/null &&
  value caddyfile | store "$proxy/config/Caddyfile.new" 0644 >/dev/null || fail 12 "cannot write below $proxy" with-log
caddy=$(running)
new_definition=
cmp -s "$proxy/compose.new.json" "$proxy/compose.json" || new_definition=1
new_config=
cmp -s "$proxy/config/Caddyfile.new" "$proxy/config/Caddyfile" || new_config=1
# One that was killed between the files and the proxy: what is written is not what runs.
[ ! -f "$proxy/unloaded" ] || { new_definition=1 new_config=1; }
leave() { rm -f "$proxy/compose.new.json" "$proxy/config/Caddyfile.new"; }
if [ -z "$new_definition$new_config" ] && [ -n "$caddy" ]; then
  leave
  finish '"changed":false'
fi

# owner PORT: who listens there, nothing where it is free or the proxy's own.
owner() {
  holder=$(run_docker ps --filter "publish=$1" --format '{{.Names}}' | grep -v "^$project-proxy-" | head -n 1)
  [ -z "$holder" ] || { printf 'the container %s (docker stop %s)' "$holder" "$holder"; return; }
  [ -z "$caddy" ] || ! run_docker port "$caddy" | grep -q ":$1\$" || return 0
  ! command -v ss >/dev/null 2>&1 || listener=$(ss -Hltnp "sport = :$1" 2>/dev/null | head -n 1)
  [ -z "${listener-}" ] || printf 'the process %s' "$(printf '%s' "$listener" | sed -n 's/.*users:((\("[^"]*",pid=[0-9]*\).*/\1/p; t; s/.*/of another user/p')"
}
if [ -n "$new_definition" ] || [ -z "$caddy" ]; then
  for port in $(value ports); do
    case $port in *[!0-9]*) fail 10 "bad port" ;; esac
    holder=$(owner "$port")
    [ -z "$holder" ] || { leave; fail 20 "port $port of the host is taken by $holder; end it, or give the proxy another port (proxy.httpPort, proxy.httpsPort)"; }
  done
fi

# serves FILE: whether each rolling service in it has had a release.
serves() {
  while IFS= read -r routed; do
    [ -z "$routed" ] || [ -f "$proxy/upstreams/$routed" ] || return 1
  done <"$1"
}

# Before the configuration that looks there. Routes that never led anywhere are not kept in the place of those that did.
keep_routes() {
  routes=$proxy/config/routes
  { value routed; printf '\n'; } | store "$routes.next" 0644 >/dev/null || return 1
  if serves "$routes.next"; then
    rm -rf "$proxy/config/before"
  elif [ -f "$routes.services" ] && serves "$routes.services"; then
    mkdir -p "$proxy/config/before" && chmod 0755 "$proxy/config/before" &&
      store "$proxy/config/before/routes.caddy" 0644 <"$routes.text" >/dev/null || return 1
  fi
}

file=compose.new.json
if [ -n "$new_config" ]; then
  keep_routes || fail 12 "cannot write below $proxy" with-log
  if [ -n "$caddy" ] && [ -z "$new_definition" ]; then
    run_docker exec "$caddy" caddy validate --adapter caddyfile --config /etc/caddy/Caddyfile.new </dev/null
  else
    proxy_compose pull --quiet --policy "$policy" </dev/null
    proxy_compose run --rm -T --no-deps --entrypoint "" caddy caddy validate --adapter caddyfile --config /etc/caddy/Caddyfile.new </dev/null
  fi || {
    leave
    fail 20 "Caddy refuses the Caddyfile; what ran before still runs" with-log
  }
  # Kept for the case that it cannot be loaded.
  [ -f "$proxy/unloaded" ] || rm -f "$proxy/config/Caddyfile.old"
  [ -f "$proxy/config/Caddyfile.old" ] || [ ! -f "$proxy/config/Caddyfile" ] || cp -p "$proxy/config/Caddyfile" "$proxy/config/Caddyfile.old" || fail 12 "cannot write below $proxy" with-log
fi
: >"$proxy/unloaded" || fail 12 "cannot write below $proxy" with-log
[ -z "$new_config" ] || mv -f "$proxy/config/Caddyfile.new" "$proxy/config/Caddyfile" || fail 12 "cannot write below $proxy" with-log
[ -z "$new_definition" ] || mv -f "$proxy/compose.new.json" "$proxy/compose.json" || fail 12 "cannot write below $proxy" with-log
leave
file=compose.json

if [ -n "$new_definition" ] || [ -z "$caddy" ]; then
  proxy_compose up --detach --wait --wait-timeout "$timeout" --pull "$policy" </dev/null && [ -n "$(running)" ] || {
    proxy_compose logs --no-color --tail 30
    # Run again, it starts where this one stopped.
    rm -f "$proxy/compose.json"
    for port in $(value ports); do
      holder=$(owner "$port")
      [ -z "$holder" ] || fail 20 "port $port of the host is taken by $holder; end it, or give the proxy another port (proxy.httpPort, proxy.httpsPort)" with-log
    done
    fail 20 "the proxy does not run" with-log
  }
fi
# A container that was there before has not read the file by itself.
if [ -n "$new_config" ] && [ "$(running)" = "$caddy" ]; then
  run_docker exec "$caddy" caddy reload --adapter caddyfile --config /etc/caddy/Caddyfile </dev/null || {
    [ ! -f "$proxy/config/Caddyfile.old" ] || mv -f "$proxy/config/Caddyfile.old" "$proxy/config/Caddyfile"
    rm -f "$proxy/unloaded"
    fail 20 "Caddy did not take the Caddyfile over; what ran before still runs" with-log
  }
fi
rm -f "$proxy/config/Caddyfile.old" "$proxy/unloaded"
if [ -n "$new_config" ]; then
  value routes | store "$proxy/config/routes.text" 0644 >/dev/null &&
    mv -f "$proxy/config/routes.next" "$proxy/config/routes.services" || fail 12 "cannot write below $proxy" with-log
fi
finish '"changed":true'
