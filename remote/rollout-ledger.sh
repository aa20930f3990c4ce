#!/bin/sh
# rollout-ledger.sh: keeps what was measured from outside during a rollout beside the release.
#
# Input:  release  its id
#         ledger   one JSON object in one line
# Output: {"step":"rollout-ledger","project":…,"kept":true}; false where the release is not on the host (it failed)
# Exit:   as in lib.sh
# shellcheck source=remote/lib.sh disable=SC1091
. ./lib.sh

open_step rollout-ledger
needs cmp
release=$(release_name release) || exit 10
[ -n "$release" ] || fail 10 "no release given"
case $(value ledger) in '{'*'}') ;; *) fail 10 "the ledger is not a JSON object" ;; esac
[ "$(value ledger | wc -l)" -eq 0 ] || fail 10 "the ledger is more than one line"
[ -d "$root/releases/$release" ] || finish '"kept":false'
value ledger | store "$root/releases/$release/ledger.json" 0600 >/dev/null || fail 12 "cannot write the ledger"
finish '"kept":true'
