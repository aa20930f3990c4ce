#!/bin/sh
# swarm-proxy-config.sh: on each host, puts the proxy's configuration (and the host's own origin certificate, where there
# is one) into the volume that the proxy reads. A configuration that Caddy does not take changes nothing. A proxy that
# runs takes the new one over without being stopped.
#
# Input:  caddyfile  the configuration
#         image      of Caddy
#         pull       "missing" (default), "always" or "never"
# Output: {"step":"swarm-proxy-config","project":…,"changed":true}
# Exit:   20 the image cannot be had, or Caddy does not take the configuration; the rest as in lib.sh
# shellcheck source=remote/lib.sh disable=SC1091
. ./lib.sh

begin swarm-proxy-config
needs docker tar

image=$(value image)
case $image in '' | -* | *[!A-Za-z0-9._:/@-]*) fail 10 "bad image" ;; esac
policy=$(value_or pull missing)
case $policy in missing | always | never) ;; *) fail 10 "bad pull policy" ;; esac
volume=$project-proxy-config

store "$root/proxy/Caddyfile" 0600 <<END || fail 12 "cannot write $root/proxy/Caddyfile" with-log
$(value caddyfile)
END

# Checked beside what is in use, then moved over it; says whether it differs.
# shellcheck disable=SC2016
put='set -eu
cd /etc/caddy; rm -rf .new; mkdir .new; tar -xf - -C .new
cp .new/Caddyfile Caddyfile.new; mkdir -p certificates
state=same
if [ -d .new/certificates ]; then
  for file in origin.pem origin.key; do
    cmp -s ".new/certificates/$file" "certificates/$file" || { mv ".new/certificates/$file" "certificates/$file"; state=changed; }
  done
fi
rm -rf .new
caddy validate --adapter caddyfile --config Caddyfile.new >&2
cmp -s Caddyfile.new Caddyfile || state=changed
mv Caddyfile.new Caddyfile
echo $state'

set -- -C "$root/proxy" Caddyfile
if [ -f "$root/certificates/origin.pem" ] && [ -f "$root/certificates/origin.key" ]; then
  set -- "$@" -C "$root" certificates/origin.pem certificates/origin.key
fi
# There as long as what is written may not be what runs: a step that was killed between the two, or whose reload failed.
unloaded=$root/proxy/unloaded
before=
[ ! -f "$unloaded" ] || before=1
: >"$unloaded" || fail 12 "cannot write $unloaded" with-log
state=$(tar -cf - "$@" | run_docker run --rm --interactive --pull "$policy" --network none \
  --volume "$volume:/etc/caddy" --entrypoint /bin/sh "$image" -c "$put")
case $state in
  same) if [ -n "$before" ]; then changed=true; else changed=false; fi ;;
  changed) changed=true ;;
  *)
    [ -n "$before" ] || rm -f "$unloaded"
    fail 20 "Caddy does not take the configuration; what was used before is still used" with-log
    ;;
esac

if [ "$changed" = true ]; then
  proxies=$(run_docker ps --quiet --filter status=running --filter "label=com.docker.swarm.service.name=${project}-proxy_caddy") ||
    fail 20 "Docker does not tell whether the proxy runs; where it does, it goes on with the old configuration" with-log
  for container in $proxies; do
    run_docker exec "$container" caddy reload --force --adapter caddyfile --config /etc/caddy/Caddyfile ||
      fail 20 "the proxy does not take the configuration over; it goes on with the old one" with-log
  done
fi
rm -f "$unloaded"
finish "\"changed\":$changed"
