# shellcheck shell=sh
# lib.sh: what every remote step shares. A step's first line includes it; it does nothing by itself.
#
# Input (standard input): frames, one a line, `name base64-of-the-value`, or `name =value` where it is a plain word; the last
# line is a single dot, so that a cut connection is noticed. Names are lower case, digits, underscores. remote/framing.ts
# writes it.
# Every step reads: project        name of the compose project; everything lies in <directory>/<project>
#                   directory      absolute, or relative to the home of who logs in (default groundwork)
#                   docker_prefix  words before `docker`, may be empty
#                   redact         secrets, one a line, taken out of what is printed when a step fails; besides those in
#                                  the project's file .redact, which write-files writes
#                   lock_wait      seconds to wait for another step on the same project (default 600)
#                   trigger        a hash of what the step depends on; not looked at
#
# Output: one line of JSON without secrets on standard output. What tools print goes to logs/<step>.log (mode 0600), so a
# step runs to its end even when the connection is gone; its end is shown on standard error when the step fails.
#
# Exit codes of every step:
#   0   done            10  the input is wrong         11  a tool is missing on the host
#   12  cannot write (disk full, no permission)        20  the step itself failed; what failed is said
#   21  a new release did not become healthy           22  a rollout was aborted and traffic switched back
#   23  a rollback is refused                          75  another step held the project's lock for too long;
#                                                          nothing was done

PATH=$PATH:/usr/local/bin:/usr/bin:/bin:/usr/sbin
export PATH
umask 077
exec 3>&1 4>&2

# fail CODE MESSAGE [with-log]: says why, shows the end of the log without secrets, ends the step.
fail() {
  printf '%s: %s\n' "${step:-groundwork}" "$2" >&4
  if [ "${3-}" = with-log ] && [ -f "${log-}" ]; then
    printf 'end of %s on the host:\n' "$log" >&4
    {
      value redact 2>/dev/null
      printf '\n'
      cat "$root/.redact" 2>/dev/null
      printf '\n'
      vault_redact
      printf '\n\001\n'
      tail -n 40 "$log"
    } | redact_lines >&4
  fi
  exit "$1"
}

# Lines up to one that is a single \001 are secrets; prints the rest without them.
redact_lines() {
  LC_ALL=C awk '
    !listed && $0 == "\001" { listed = 1; next }
    !listed { if (length($0) >= 6) secret[++count] = $0; next }
    {
      line = $0
      for (i = 1; i <= count; i++) {
        # Not searched again: a secret may be a part of what stands in its place.
        out = ""
        while ((at = index(line, secret[i])) > 0) {
          out = out substr(line, 1, at - 1) "[secret]"
          line = substr(line, at + length(secret[i]))
        }
        line = out line
      }
      print line
    }' | sed 's#\(://[^:/@ ]*:\)[^@ ]*@#\1[secret]@#g'
}

# needs TOOL...: ends the step unless each is there.
needs() {
  for tool in "$@"; do
    command -v "$tool" >/dev/null 2>&1 || fail 11 "$tool is missing on this host; install it and run again"
  done
}

# Reads all frames into variables frame_<name>, still encoded; frames_text is the input as it came.
frames_text=
read_frames() {
  complete=
  while IFS=' ' read -r key encoded; do
    case $key in
      .) complete=1; break ;;
      '' | [!a-z]* | *[!a-z0-9_]*) fail 10 "a frame of the input has a bad name" ;;
    esac
    case $encoded in
      =*[!A-Za-z0-9._:/@-]*) fail 10 "the frame $key is not a plain word" ;;
      =*) ;;
      *[!A-Za-z0-9+/=]*) fail 10 "the frame $key is not base64" ;;
    esac
    eval "frame_$key=\$encoded"
    frames_text="$frames_text$key $encoded
"
  done
  [ -n "$complete" ] || fail 10 "the input ends early; the connection was cut"
}

# has NAME: whether the frame was sent.
has() { eval "[ -n \"\${frame_$1+sent}\" ]"; }

# value NAME: the decoded value on standard output, nothing if it was not sent.
value() {
  eval "encoded=\${frame_$1-}"
  case $encoded in
    '') ;;
    # No program is started for it: a release asks for a hundred of them.
    =*) printf '%s' "${encoded#=}" ;;
    *) printf '%s' "$encoded" | base64 -d ;;
  esac
}

# value_or NAME DEFAULT
value_or() { if has "$1"; then value "$1"; else printf '%s' "$2"; fi; }

# number NAME DEFAULT: a whole number, else the step ends.
number() {
  number=$(value_or "$1" "$2")
  case $number in '' | *[!0-9]*) fail 10 "$1 is not a whole number" ;; esac
  printf '%s' "$number"
}

# with_words LIST COMMAND…: runs the command with the frames LIST_1 to LIST_N, of which LISTs tells how many, as its last words.
with_words() {
  list=$1
  shift
  count=$(number "${list}s" 0) || exit 10
  n=1
  while [ "$n" -le "$count" ]; do
    set -- "$@" "$(value "${list}_$n")"
    n=$((n + 1))
  done
  "$@"
}

# begin STEP: reads the input, makes the project's folder, takes its lock, sends what tools print to the log.
begin() {
  open_step "$1"
  limit=$(number lock_wait 600) || exit 10
  take_lock "$limit"
  sweep
  : >"$log" || fail 12 "cannot write $log"
  exec 1>>"$log" 2>&1
}

# open_step STEP: as begin, without lock and log.
open_step() {
  step=$1
  needs base64 mktemp awk sed
  read_frames
  project=$(value project)
  case $project in '' | [!a-z0-9]* | *[!a-z0-9_-]*) fail 10 "bad project name" ;; esac
  docker_prefix=$(value docker_prefix)
  case $docker_prefix in *[!A-Za-z0-9\ ./_=-]*) fail 10 "bad words before docker" ;; esac
  directory=$(value_or directory groundwork)
  case $directory in '' | -* | *..* | *[!A-Za-z0-9._/-]*) fail 10 "bad directory" ;; /*) ;; *) directory=$HOME/$directory ;; esac
  root=$directory/$project
  mkdir -p "$root/logs" || fail 12 "cannot make $root"
  chmod 0700 "$root" || fail 12 "cannot close $root to others"
  log=$root/logs/$step.log
  trap '' HUP PIPE
}

# Removes what a killed step left half written. Only under the lock.
sweep() {
  rm -f "$root"/.groundwork.* "$root"/*/.groundwork.* "$root"/*/*/.groundwork.*
  [ ! -f "$root/.vault" ] || rm -f "$(memory_folder)/$project"/.groundwork.*
}

# One step at a time on a project. The kernel frees the lock when its holder dies. Programs are started without it
# (`9>&-`), so that a container or server they leave behind does not hold it.
take_lock() {
  needs flock
  exec 9>>"$root/lock" || fail 12 "cannot write $root/lock"
  if ! flock -n 9; then
    printf '%s: waiting for %s, which holds the lock of %s\n' "$step" "$(cat "$root/lock.holder" 2>/dev/null)" "$project" >&4
    wait_lock 9 "$1" || fail 75 "still locked by $(cat "$root/lock.holder" 2>/dev/null) after $1 s; nothing was done"
  fi
  printf '%s (process %s since %s)' "$step" "$$" "$(date -u +%Y-%m-%dT%H:%M:%SZ)" >"$root/lock.holder"
}

# wait_lock DESCRIPTOR SECONDS: takes the lock, waits for it so long. Asks again and again, as busybox's flock has no `-w`.
wait_lock() {
  give_up_at=$(($(date +%s) + $2))
  until flock -n "$1"; do
    [ "$(date +%s)" -lt "$give_up_at" ] || return 1
    nap 0.2
  done
}

# docker, with the words before it (`within` is a time limit, such as `timeout 60`); both are split on purpose.
within=
run_docker() {
  # shellcheck disable=SC2086
  $within $docker_prefix docker "$@" 9>&- 3>&- 4>&-
}

. ./vault-lib.sh

# docker compose on the project's files and the release that is current, or the one in `release_file`.
release_file=
compose() {
  if [ -z "$release_file" ] && [ -f "$root/current/compose.release.json" ]; then
    release_file=$root/current/compose.release.json
  fi
  vaulted=$(vault_file) || exit "$?"
  # shellcheck disable=SC2086 # no file, no words
  run_docker compose --project-name "$project" --project-directory "$root" --env-file "$root/.env" \
    ${vaulted:+--env-file "$vaulted"} --file "$root/compose.yaml" --file "$root/compose.override.json" \
    ${release_file:+--file "$release_file"} "$@"
}

# end_container NAME: whether it is gone. Ending docker ends no container: its program may not heed the signal.
end_container() {
  within='timeout -k 5 60'
  run_docker rm --force "$1" </dev/null
  # One that removes itself meanwhile is still there for a moment.
  tries=0
  until there=$(run_docker ps --all --quiet --filter "name=^$1\$" </dev/null) && [ -z "$there" ]; do
    [ "$tries" -lt 10 ] || break
    nap 1
    tries=$((tries + 1))
  done
  within=
  [ "$tries" -lt 10 ]
}

# lend FILE NAME VALUE: a variable of a container that compose runs with `--env NAME` and `--env-file FILE`. It is exported as
# well, but words before docker, such as sudo, let nothing through of that; what is in the project's own .env would be taken.
lend() {
  export "$2=$3"
  printf '%s.' "$3" | LC_ALL=C awk -v name="$2" '
    { text = text (NR > 1 ? "\n" : "") $0 }
    END { print name "=" quoted(substr(text, 1, length(text) - 1)) }'"$quoted_in_awk" >>"$1" || fail 12 "cannot write $1"
}

# lent_file FOLDER: a new one for lend there, or in memory where the project's secrets lie there. Who asks for it removes it; the
# next step sweeps what a kill left.
lent_file() {
  lent=$1
  if [ -f "$root/.vault" ]; then
    lent=$(memory_folder) || exit "$?"
    lent=$lent/$project
    mkdir -p "$lent" || fail 12 "cannot make $lent"
  fi
  mktemp "$lent/.groundwork.XXXXXX" || fail 12 "cannot write in $lent"
}

# release_json ID: the compose file of a release from the frames images, image_N_service, image_N_reference.
release_json() {
  list=
  n=1
  while [ "$n" -le "$(number images 0)" ]; do
    service=$(value "image_${n}_service")
    reference=$(value "image_${n}_reference")
    case $service in '' | -* | *[!A-Za-z0-9._-]*) fail 10 "bad service name" ;; esac
    case $reference in '' | -* | *[!A-Za-z0-9.:/@_-]*) fail 10 "bad image reference of $service" ;; esac
    list="$list${list:+,}\"$service\":{\"image\":\"$reference\",\"environment\":{\"RELEASE_ID\":\"$1\"}}"
    n=$((n + 1))
  done
  printf '{"services":{%s}}\n' "$list"
}

# release_name NAME: the frame as a release's id; nothing where it was not sent.
release_name() {
  name=$(value "$1")
  case $name in [!A-Za-z0-9]* | *[!A-Za-z0-9._-]* | *..*) fail 10 "bad release id" ;; esac
  [ "${#name}" -le 100 ] || fail 10 "bad release id"
  printf '%s' "$name"
}

# now_ms: milliseconds since 1970; whole seconds where date knows no better.
now_ms() {
  now=$(date +%s%3N)
  case $now in *[!0-9]*) now=$(date +%s)000 ;; esac
  printf '%s' "$now"
}

# nap SECONDS: a part of a second where sleep can, without holding a lock.
nap() { sleep "$1" 9>&- 8>&- 3>&- 4>&- 2>/dev/null || sleep 1 9>&- 8>&- 3>&- 4>&-; }

# json_text TEXT: as the inside of a JSON string.
json_text() { printf '%s' "$1" | LC_ALL=C tr '\001-\037' ' ' | sed 's/[\\"]/\\&/g'; }

# containers PROJECT: one a line, `id service state status…`, the status with the health in brackets.
containers() {
  run_docker ps --all --no-trunc --filter "label=com.docker.compose.project=$1" \
    --format '{{.ID}} {{.Label "com.docker.compose.service"}} {{.State}} {{.Status}}'
}

# Brings the project's files to what write-files wrote last; a rollback had put others there.
restore_wanted() {
  [ ! -d "$root/wanted" ] || restore_files "$root/wanted"
}

# restore_files FOLDER: writes its files over the project's, where they differ. Prints nothing.
restore_files() {
  [ -f "$1/.files" ] || return 0
  while IFS= read -r path; do
    case $path in '' | /* | *..*) continue ;; esac
    [ -f "$1/$path" ] || continue
    ! cmp -s "$1/$path" "$root/$path" || continue
    mode=0600
    [ ! -x "$1/$path" ] || mode=0700
    case $(ls -ld "$1/$path") in -rwxr-xr-x*) mode=0755 ;; -rw-r--r--*) mode=0644 ;; -rw-r-----*) mode=0640 ;; esac
    { store "$root/$path" "$mode" <"$1/$path" >/dev/null && open_folders "$path" "$mode"; } || fail 12 "cannot write $root/$path" with-log
  done <"$1/.files"
  store "$root/.files" 0600 <"$1/.files" >/dev/null || fail 12 "cannot write $root/.files" with-log
}

# open_folders PATH MODE: where all may read a file, all may enter its folders: a container that is not root could not read it
# where they are mounted. The project's own folder stays closed to other users of the host.
open_folders() {
  case $2 in 0644 | 0755) ;; *) return 0 ;; esac
  inner=$1
  while [ "$inner" != "${inner%/*}" ]; do
    inner=${inner%/*}
    chmod 0755 "$root/$inner" || return 1
  done
}

# all_healthy [SERVICE…]: whether none of them (none given: of all) is still starting or unhealthy. Compose 2.40 ends
# `up --wait` with success when the time is over, so it is asked once more.
all_healthy() {
  states=$(compose ps --all --format json "$@") || return 1
  case $states in
    *'"Health":"starting"'* | *'"Health":"unhealthy"'* | *'"Health": "starting"'* | *'"Health": "unhealthy"'*) return 1 ;;
  esac
}

# store PATH MODE <content: writes a file whole or not at all; prints "changed" or "same".
store() {
  [ -d "${1%/*}" ] || mkdir -p "${1%/*}" || return 1
  temporary=$(mktemp "${1%/*}/.groundwork.XXXXXX") || return 1
  if cat >"$temporary" && { [ "$2" = 0600 ] || chmod "$2" "$temporary"; }; then
    if [ -f "$1" ] && cmp -s "$temporary" "$1"; then
      chmod "$2" "$1"
      rm -f "$temporary"
      printf same
      return 0
    fi
    sync "$temporary" 2>/dev/null || sync
    mv -f "$temporary" "$1" && printf changed && return 0
  fi
  rm -f "$temporary"
  return 1
}

# finish JSON-MEMBERS: the step's one line of output.
finish() {
  printf '{"step":"%s","project":"%s"%s}\n' "$step" "$project" "${1:+,$1}" >&3
  exit 0
}

# check_frames N: sets scheme, hostname and path of a check of the input.
check_frames() {
  scheme=$(value "check_${1}_scheme")
  hostname=$(value "check_${1}_hostname")
  path=$(value "check_${1}_path")
  case $scheme in http | https) ;; *) fail 10 "bad scheme" ;; esac
  case $hostname in '' | -* | *[!A-Za-z0-9.-]*) fail 10 "bad host name" ;; esac
  case $path in /*) ;; *) fail 10 "bad path" ;; esac
  case $path in *[\"\\]*) fail 10 "bad path" ;; esac
}

# ask_until_well ADDRESS PORT DEADLINE: asks a check there until it answers 2xx or 3xx; `status` is the last answer. Fails
# past the deadline. The origin certificate is Cloudflare's to check, not ours.
ask_until_well() {
  while :; do
    status=$(curl --silent --show-error --insecure --noproxy '*' --max-time 10 --output /dev/null \
      --write-out '%{http_code}' --connect-to "$hostname:$2:$1:$2" "$scheme://$hostname:$2$path" 9>&- 3>&- 4>&-)
    case $status in [23]??) return 0 ;; esac
    [ "$(date +%s)" -lt "$3" ] || return 1
    sleep 1
  done
}

# plain_names NAME…: each needs no quotes, as it goes into arguments and into SQL; else the step ends.
plain_names() {
  for word in "$@"; do
    case $word in '' | -* | *[!A-Za-z0-9._-]*) fail 10 "bad name of service, user or database" ;; esac
  done
}
