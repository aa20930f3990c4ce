#!/bin/sh
# prepare-host.sh: checks that the host can run the project and makes its folder. Changes nothing else, unless it is asked to
# install Docker.
#
# Input:  min_free_mb     megabytes that must be free (default 256)
#         compose_minimum oldest version of Docker Compose that serves (default 2.17, which brought --wait-timeout)
#         install_docker  "1": where Docker or Compose is missing or too old, the host's package manager installs it; needs
#                         root, or sudo without a password
# Output: {"step":"prepare-host","project":…,"compose":"2.40.3"}
# Exit:   11 docker, its compose plug-in or flock is missing; 12 the disk is too full; 20 Docker could not be installed; the
#         rest as in lib.sh
# shellcheck source=remote/lib.sh disable=SC1091,SC2015
. ./lib.sh

begin prepare-host
needs cmp cat chmod mv date flock

minimum=$(value_or compose_minimum 2.17)
case $minimum in '' | *[!0-9.]*) fail 10 "bad version of Compose" ;; esac

# Prints what is wrong with Docker here, nothing when it serves. Leaves the version in the file "$root/.compose".
docker_problem() {
  command -v docker >/dev/null 2>&1 || { printf 'docker is missing'; return; }
  version=$(run_docker compose version --short 2>>"$log") || { printf 'docker compose does not run'; return; }
  version=${version#v}
  printf '%s' "$version" >"$root/.groundwork.compose"
  printf '%s\n%s\n' "$version" "$minimum" | awk -F '[.+~-]' '
    NR == 1 { major = $1 + 0; minor = $2 + 0 }
    NR == 2 && (major < $1 + 0 || (major == $1 + 0 && minor < $2 + 0)) { old = 1 }
    END { exit old }' || printf 'docker compose is version %s; version %s or newer is needed' "$version" "$minimum"
}

# packages NAME…: by the host's package manager, as root.
packages() {
  as_root=
  [ "$(id -u)" = 0 ] || as_root="sudo -n"
  # shellcheck disable=SC2086 # no words as root
  if command -v apt-get >/dev/null 2>&1; then
    DEBIAN_FRONTEND=noninteractive $as_root apt-get install --yes --no-install-recommends "$@" 9>&-
  elif command -v dnf >/dev/null 2>&1; then
    $as_root dnf install --assumeyes "$@" 9>&-
  elif command -v apk >/dev/null 2>&1; then
    $as_root apk add "$@" 9>&-
  else
    return 1
  fi
} </dev/null

# Docker's own packages where its repository is set up, else the distribution's. Their names differ.
install_docker() {
  as_root=
  [ "$(id -u)" = 0 ] || as_root="sudo -n"
  # shellcheck disable=SC2086 # no words as root
  ! command -v apt-get >/dev/null 2>&1 || $as_root apt-get update 9>&- || true
  command -v docker >/dev/null 2>&1 || packages docker-ce docker-ce-cli containerd.io || packages docker.io ||
    packages moby-engine || packages docker || return 1
  for name in docker-compose-plugin docker-compose-v2 docker-compose docker-cli-compose; do
    packages "$name" || continue
    problem=$(docker_problem)
    [ -n "$problem" ] || break
  done
  # shellcheck disable=SC2086 # no words as root
  ! command -v systemctl >/dev/null 2>&1 || $as_root systemctl enable --now docker 9>&- || true
}

problem=$(docker_problem)
if [ -n "$problem" ] && [ "$(value install_docker)" = 1 ]; then
  install_docker || fail 20 "$problem, and the package manager of this host could not install it" with-log
  problem=$(docker_problem)
fi
[ -z "$problem" ] ||
  fail 11 "$problem; install Docker with its compose plug-in, or set \`installDocker: true\` for this host, then run again" with-log
version=$(cat "$root/.groundwork.compose")
rm -f "$root/.groundwork.compose"
case $version in *[!A-Za-z0-9.+~-]*) version=unknown ;; esac

free_kb=$(df -Pk "$root" | awk 'NR == 2 { print $4 }')
wanted_mb=$(number min_free_mb 256)
case $free_kb in
  '' | *[!0-9]*) ;;
  *) [ "$free_kb" -ge $((wanted_mb * 1024)) ] ||
    fail 12 "$((free_kb / 1024)) MB are free under $root, $wanted_mb MB are needed; free some (docker system prune)" ;;
esac

for folder in environment certificates; do
  mkdir -p "$root/$folder" || fail 12 "cannot make $root/$folder"
done
finish "\"compose\":\"$version\""
