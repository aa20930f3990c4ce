#!/bin/sh
# write-files.sh: writes the project's files, each whole or not at all, and removes those it wrote before and that are
# not wanted any more. Then lets compose read them, so that a mistake in them stops here.
#
# Input:  files  how many; for each N from 1: file_N_path (relative to the project's folder), file_N_mode, file_N_content
#         check  "compose": have compose read the result
# Output: {"step":"write-files","project":…,"files":4,"changed":1}
# Exit:   12 a file could not be written (the old one is whole); 20 compose cannot use the files; the rest as in lib.sh
# shellcheck source=remote/lib.sh disable=SC1091,SC2015
. ./lib.sh

begin write-files
needs cmp

count=$(number files 0)
changed=0
written=
n=1
while [ "$n" -le "$count" ]; do
  path=$(value "file_${n}_path")
  mode=$(value "file_${n}_mode")
  case $path in '' | /* | *..* | *[!]A-Za-z0-9._/@+,=\(\)[-]*)
    fail 10 "bad path of a file: $path (allowed: relative to the compose file's folder, without .., of letters, digits and ._/@+,=()[]-); rename it" ;;
  esac
  case $mode in 0600 | 0640 | 0644 | 0700 | 0755) ;; *) fail 10 "bad mode of $path" ;; esac
  state=$(value "file_${n}_content" | store "$root/$path" "$mode") || fail 12 "cannot write $root/$path" with-log
  open_folders "$path" "$mode" || fail 12 "cannot open the folders of $root/$path" with-log
  [ "$state" = same ] || changed=$((changed + 1))
  # Kept apart as well: a rollback puts older ones into the project's folder, the next release takes these again.
  value "file_${n}_content" | store "$root/wanted/$path" "$mode" >/dev/null || fail 12 "cannot write $root/wanted/$path" with-log
  written="$written$path
"
  n=$((n + 1))
done

for list in "$root/.files" "$root/wanted/.files"; do
  [ -f "$list" ] || continue
  while IFS= read -r path; do
    case $path in '' | /* | *..*) continue ;; esac
    printf '%s' "$written" | grep -Fqx -e "$path" || rm -f "$root/$path" "$root/wanted/$path"
  done <"$list"
done
mkdir -p "$root/wanted" && printf '%s' "$written" | store "$root/wanted/.files" 0600 >/dev/null &&
  printf '%s' "$written" | store "$root/.files" 0600 >/dev/null || fail 12 "cannot write $root/.files" with-log

if [ "$(value check)" = compose ]; then
  compose config --quiet || fail 20 "compose cannot use the files" with-log
fi
finish "\"files\":$count,\"changed\":$changed"
