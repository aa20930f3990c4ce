#!/bin/sh
# swarm-verify.sh: on each host, asks the release through the host's own proxy until it answers well.
#
# Input:  checks   how many; for each N from 1: check_N_path, check_N_port (of the host), check_N_scheme (http or https),
#                  check_N_hostname (sent as Host; https: also expected by name)
#         timeout  seconds for all together (default 60)
# Output: {"step":"swarm-verify","project":…,"answered":{"/health":200}}
# Exit:   20 a check does not answer 2xx or 3xx in time; the rest as in lib.sh
# shellcheck source=remote/lib.sh disable=SC1091
. ./lib.sh

begin swarm-verify
needs curl

count=$(number checks 0)
deadline=$(($(date +%s) + $(number timeout 60)))
answered=
n=1
while [ "$n" -le "$count" ]; do
  port=$(number "check_${n}_port" 80)
  check_frames "$n"
  ask_until_well 127.0.0.1 "$port" "$deadline" ||
    fail 20 "$path answers $status on this host instead of 2xx or 3xx" with-log
  answered="$answered${answered:+,}\"$path\":$status"
  n=$((n + 1))
done
finish "\"answered\":{$answered}"
