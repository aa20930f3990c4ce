#!/bin/sh
# releases.sh: lists the releases on the host, the one that was entered last first. Changes nothing, waits for no lock.
#
# Input:  nothing besides the usual
# Output: {"step":"releases","project":…,"active":"id","previous":"id","running":"id","releases":[{"release":…,"ledger":{…}}…]};
#         active, previous and running (a rollout that goes on now) are null where there is none
# Exit:   as in lib.sh
# shellcheck source=remote/lib.sh disable=SC1091
. ./lib.sh

open_step releases
needs flock sort
list=
for entry in $(for one in "$root"/releases/*; do
  [ ! -f "$one/record.json" ] || printf '%s %s\n' "$(cat "$one/entered" 2>/dev/null || printf 0)" "${one##*/}"
done | sort -rn | cut -d ' ' -f 2); do
  record=$(cat "$root/releases/$entry/record.json") || continue
  ledger=$(cat "$root/releases/$entry/ledger.json" 2>/dev/null)
  list="$list${list:+,}${record%\}}${ledger:+,\"ledger\":$ledger}}"
done

quoted() { if [ -n "$1" ]; then printf '"%s"' "$1"; else printf null; fi; }
running=
flock -n -s "$root/rollout.alive" true 2>/dev/null || running=$(cat "$root/rollout.holder" 2>/dev/null)
finish "\"active\":$(quoted "$(cat "$root/current/id" 2>/dev/null)"),\"previous\":$(quoted "$(cat "$root/previous" 2>/dev/null)"),\"running\":$(quoted "$running"),\"releases\":[$list]"
