#!/bin/sh
# verify.sh: asks each service that takes traffic, from the host, by its published port, until it answers well.
#
# Input:  checks   how many; for each N from 1: check_N_service, check_N_port (in the container), check_N_path,
#                  check_N_scheme (http or https), check_N_hostname (sent as Host; https: also expected by name)
#         timeout  seconds for all together (default 60)
# Output: {"step":"verify","project":…,"answered":{"api:4000":200}}
# Exit:   20 a service does not answer 2xx or 3xx in time; the rest as in lib.sh
# shellcheck source=remote/lib.sh disable=SC1091
. ./lib.sh

begin verify
needs docker curl

# ask SCHEME HOSTNAME ADDRESS PORT PATH: prints the status code. The origin certificate is Cloudflare's to check, not ours.
ask() {
  curl --silent --show-error --insecure --noproxy '*' --max-time 10 --output /dev/null --write-out '%{http_code}' \
    --connect-to "$2:$4:$3:$4" "$1://$2:$4$5" 9>&- 3>&- 4>&-
}

count=$(number checks 0)
deadline=$(($(date +%s) + $(number timeout 60)))
answered=
n=1
while [ "$n" -le "$count" ]; do
  service=$(value "check_${n}_service")
  port=$(number "check_${n}_port" 80)
  path=$(value "check_${n}_path")
  scheme=$(value "check_${n}_scheme")
  hostname=$(value "check_${n}_hostname")
  case $service in '' | -* | *[!A-Za-z0-9._-]*) fail 10 "bad service name" ;; esac
  case $scheme in http | https) ;; *) fail 10 "bad scheme" ;; esac
  case $hostname in '' | -* | *[!A-Za-z0-9.-]*) fail 10 "bad host name" ;; esac
  case $path in /*) ;; *) fail 10 "bad path" ;; esac

  published=$(compose port "$service" "$port" | head -n 1)
  [ -n "$published" ] || fail 20 "port $port of $service is not published on the host" with-log
  address=${published%:*}
  case $address in 0.0.0.0) address=127.0.0.1 ;; '[::]' | '::') address='[::1]' ;; esac

  while :; do
    status=$(ask "$scheme" "$hostname" "$address" "${published##*:}" "$path")
    case $status in [23]??) break ;; esac
    [ "$(date +%s)" -lt "$deadline" ] || {
      compose logs --no-color --tail 20 "$service"
      fail 20 "$service answers $status to $path instead of 2xx or 3xx" with-log
    }
    sleep 1
  done
  answered="$answered${answered:+,}\"$service:$port\":$status"
  n=$((n + 1))
done
finish "\"answered\":{$answered}"
