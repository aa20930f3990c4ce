#!/bin/sh
# registry-login.sh: logs the host's Docker in to image registries; passwords go by standard input.
#
# Input:  registries  how many; for each N from 1: registry_N_server, registry_N_username, registry_N_password
# Output: {"step":"registry-login","project":…,"registries":1}
# Exit:   20 a registry refused the login; the rest as in lib.sh
# shellcheck source=remote/lib.sh disable=SC1091
. ./lib.sh

begin registry-login
needs docker

count=$(number registries 0)
n=1
while [ "$n" -le "$count" ]; do
  server=$(value "registry_${n}_server")
  case $server in '' | -* | *[!A-Za-z0-9.:/_-]*) fail 10 "bad registry name" ;; esac
  value "registry_${n}_password" |
    run_docker login --username "$(value "registry_${n}_username")" --password-stdin "$server" ||
    fail 20 "$server refused the login" with-log
  n=$((n + 1))
done
finish "\"registries\":$count"
