#!/bin/sh
# origin-csr.sh: makes the origin's private key and a signing request for it. The key never leaves the host. As long as
# the host names stay the same, the same request is given again.
#
# Input:  hostnames  one a line; the first is the common name
#         key_mode   mode of the key's file (default 0600)
# Output: {"step":"origin-csr","project":…,"csr":"-----BEGIN CERTIFICATE REQUEST-----\n…"}
# Exit:   20 openssl failed; the rest as in lib.sh
# shellcheck source=remote/lib.sh disable=SC1091
. ./lib.sh

begin origin-csr
needs openssl cmp

certificates=$root/certificates
mkdir -p "$certificates" || fail 12 "cannot make $certificates"
chmod 0755 "$certificates" || fail 12 "cannot set the mode of $certificates"
mode=$(value_or key_mode 0600)
case $mode in 0600 | 0640 | 0644) ;; *) fail 10 "bad mode of the key" ;; esac

first=
names=
for hostname in $(value hostnames); do
  case $hostname in -* | *[!a-z0-9.*-]*) fail 10 "bad host name" ;; esac
  first=${first:-$hostname}
  names="$names${names:+,}DNS:$hostname"
done
[ -n "$first" ] || fail 10 "no host name given"

if [ ! -s "$certificates/origin.key" ]; then
  openssl ecparam -name prime256v1 -genkey -noout | openssl pkcs8 -topk8 -nocrypt |
    store "$certificates/origin.key" "$mode" >/dev/null || fail 12 "cannot write the key" with-log
  rm -f "$certificates/origin.csr"
fi
chmod "$mode" "$certificates/origin.key" || fail 12 "cannot set the mode of the key"
openssl pkey -in "$certificates/origin.key" -noout || fail 20 "the key $certificates/origin.key is damaged" with-log

if [ ! -s "$certificates/origin.csr" ] || [ "$(cat "$certificates/origin.names" 2>/dev/null)" != "$names" ]; then
  openssl req -new -sha256 -key "$certificates/origin.key" -subj "/CN=$first" -addext "subjectAltName=$names" |
    store "$certificates/origin.csr" 0644 >/dev/null || fail 12 "cannot write the request" with-log
  [ -s "$certificates/origin.csr" ] || { rm -f "$certificates/origin.csr"; fail 20 "openssl made no request" with-log; }
  printf '%s' "$names" | store "$certificates/origin.names" 0644 >/dev/null || fail 12 "cannot write the names"
fi
finish "\"csr\":\"$(awk '{ printf "%s\\n", $0 }' "$certificates/origin.csr")\""
