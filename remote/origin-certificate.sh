#!/bin/sh
# origin-certificate.sh: installs the signed certificate beside its key, after checking that they belong together.
#
# Input:  certificate  PEM
# Output: {"step":"origin-certificate","project":…,"changed":true}
# Exit:   20 the certificate is not for the host's key; the rest as in lib.sh
# shellcheck source=remote/lib.sh disable=SC1091
. ./lib.sh

begin origin-certificate
needs openssl cmp

certificates=$root/certificates
[ -s "$certificates/origin.key" ] || fail 20 "there is no key in $certificates; the step origin-csr makes it"
of_certificate=$(value certificate | openssl x509 -noout -pubkey) || fail 20 "this is not a certificate" with-log
of_key=$(openssl pkey -in "$certificates/origin.key" -pubout) || fail 20 "the key is damaged" with-log
[ "$of_certificate" = "$of_key" ] || fail 20 "the certificate is for another key than the one on this host"

state=$(value certificate | store "$certificates/origin.pem" 0644) || fail 12 "cannot write the certificate" with-log
if [ "$state" = changed ]; then finish '"changed":true'; else finish '"changed":false'; fi
