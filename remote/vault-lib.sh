# shellcheck shell=sh
# vault-lib.sh: the secrets of a project that lie in AWS Secrets Manager. It does nothing by itself; lib.sh includes it.
#
# The project's file .vault says where they are, in lines `word value`, without a secret: region, endpoint, secret (its ARN),
# version, credentials ("instance-role", or the path of a file as AWS's own tools read it), metadata (the address that tells
# an instance's role). It belongs to the release's files, so that a release that is gone back to has its own values again.
#
# vault_file prints the path of an env file with the values. It lies in memory: fetched when it is not there, such as after
# the host's restart, and never written to a disk. Keys and values are in no argument and in no environment of a program:
# curl reads the credentials from standard input. Variables are this function's own, as it is called in $(…).
# shellcheck disable=SC2154,SC2015,SC1003

vault_word() { sed -n "s/^$1 //p" "$root/.vault"; }

# memory_folder: a folder of this user's own on a file system in memory.
memory_folder() {
  user=$(id -u)
  for base in /run /dev/shm "${XDG_RUNTIME_DIR-}"; do
    [ -n "$base" ] && [ -d "$base" ] && [ -w "$base" ] || continue
    case $(stat -f -c %T "$base" 2>/dev/null) in tmpfs | ramfs) ;; *) continue ;; esac
    own=$base/groundwork-$user
    mkdir -m 0700 "$own" 2>/dev/null
    # Somebody else's folder or link of that name is not taken: the third word is the owner.
    # shellcheck disable=SC2046 # words
    set -- $(ls -ldn "$own" 2>/dev/null)
    case ${1-} in drwx------*) [ "$3" != "$user" ] || { printf '%s' "$own"; return; } ;; esac
  done
  fail 11 "no file system in memory takes this project's secrets: /run and /dev/shm are no tmpfs that this user can write to. Mount one (mount -t tmpfs -o mode=1777 tmpfs /dev/shm), then run again"
}

vault_file() {
  [ -f "$root/.vault" ] || return 0
  vault_version=$(vault_word version)
  case $vault_version in '' | *[!A-Za-z0-9-]*) fail 20 "$root/.vault names no version of the secret; run groundwork up again" ;; esac
  memory=$(memory_folder) || exit "$?"
  folder_in_memory=$memory/$project
  [ -f "$folder_in_memory/$vault_version.env" ] || fill_memory
  printf '%s' "$folder_in_memory/$vault_version.env"
}

# fill_memory: fetches the version that is not there. One at a time: steps that take no lock of the project may ask for it beside each
# other, and none is to take away what another has begun.
fill_memory() {
  mkdir -p "$folder_in_memory" && exec 7>>"$folder_in_memory/.lock" || fail 12 "cannot write in $folder_in_memory"
  wait_lock 7 120 || fail 75 "another step fetches the secrets of $project, for more than two minutes; nothing was done"
  if [ ! -f "$folder_in_memory/$vault_version.env" ]; then
    partial=$(mktemp "$folder_in_memory/partial.XXXXXX") || fail 12 "cannot write in $folder_in_memory"
    (vault_fetch "$partial") || { status=$?; rm -f "$partial" "$partial.redact"; exit "$status"; }
    mv -f "$partial.redact" "$folder_in_memory/$vault_version.redact" &&
      mv -f "$partial" "$folder_in_memory/$vault_version.env" || fail 12 "cannot write in $folder_in_memory"
    # Those of the release that serves stay, as it may have to be put back; others are fetched again by who needs them.
    serving=$(sed -n 's/^version //p' "$root/current/files/.vault" 2>/dev/null)
    for other in "$folder_in_memory"/*; do
      case $other in */"$vault_version".* | */"${serving:-none}".*) ;; *) rm -f "$other" ;; esac
    done
  fi
  exec 7>&-
}

# vault_redact: the values that are in memory, one a line, for what must not be shown.
vault_redact() {
  [ -f "${root-}/.vault" ] || return 0
  for base in /run /dev/shm "${XDG_RUNTIME_DIR-/run}"; do
    cat "$base/groundwork-$(id -u)/$project"/*.redact 2>/dev/null
  done
}

# curl_secretly ARGUMENT…: curl with its secret options on standard input.
curl_secretly() { curl --silent --show-error --config - --max-time 20 "$@" 9>&- 8>&- 7>&- 3>&- 4>&-; }

# Sets key_id, key and token.
vault_credentials() {
  credentials=$(vault_word credentials)
  token=
  case $credentials in
    instance-role)
      metadata=$(vault_word metadata)
      session=$(printf '' | curl_secretly --fail --noproxy '*' --max-time 5 --request PUT \
        --header 'X-aws-ec2-metadata-token-ttl-seconds: 300' "$metadata/latest/api/token" 2>/dev/null) ||
        fail 20 "no instance role: $metadata does not answer. On an EC2 instance allow IMDSv2 and attach a role; elsewhere write secretsVault.hostCredentialsFile"
      ask_metadata() {
        printf 'header = "X-aws-ec2-metadata-token: %s"\n' "$session" |
          curl_secretly --fail --noproxy '*' --max-time 5 "$metadata/latest/meta-data/iam/security-credentials/$1" 2>/dev/null
      }
      role=$(ask_metadata '' | head -n 1)
      case $role in
        '' | *[!A-Za-z0-9+=,.@_-]*) fail 20 "this instance has no role; attach one that may read the secret (secretsmanager:GetSecretValue), then run again" ;;
      esac
      answer=$(ask_metadata "$role") || fail 20 "the instance's role $role has no credentials; look at its trust policy"
      key_id=$(printf '%s' "$answer" | flat_member AccessKeyId)
      key=$(printf '%s' "$answer" | flat_member SecretAccessKey)
      token=$(printf '%s' "$answer" | flat_member Token)
      whose="the role $role"
      ;;
    /*)
      [ -f "$credentials" ] || fail 20 "there is no file $credentials on this host; put AWS credentials there (aws_access_key_id, aws_secret_access_key), mode 0600"
      case $(ls -ld "$credentials") in -r??------*) ;; *) fail 20 "others can read $credentials; close it: chmod 0600 $credentials" ;; esac
      [ -r "$credentials" ] || fail 20 "$(id -un) cannot read $credentials; it has to be this user's file"
      key_id=$(profile_member aws_access_key_id <"$credentials")
      key=$(profile_member aws_secret_access_key <"$credentials")
      token=$(profile_member aws_session_token <"$credentials")
      whose="the key in $credentials"
      ;;
    *) fail 20 "$root/.vault names no credentials; run groundwork up again" ;;
  esac
  case $key_id in '' | *[!A-Z0-9]*) fail 20 "$whose has no access key id" ;; esac
  case $key$token in *[!A-Za-z0-9/+=]*) fail 20 "$whose is no AWS credential" ;; esac
  [ -n "$key" ] || fail 20 "$whose has no secret access key"
}

flat_member() { sed -n 's/.*"'"$1"'" *: *"\([^"]*\)".*/\1/p'; }

# profile_member NAME: of the profile `default`, which may go without its heading.
profile_member() {
  awk -v name="$1" '
    /^[ \t]*\[/ { other = $0 !~ /\[default\]/; next }
    !other && match($0, "^[ \t]*" name "[ \t]*=[ \t]*") { value = substr($0, RLENGTH + 1); sub(/[ \t\r]+$/, "", value); print value; exit }'
}

# vault_fetch FILE: writes the values as an env file, and FILE.redact.
vault_fetch() {
  needs curl stat id
  trouble=$1.redact
  # Older ones do not sign all that AWS wants signed.
  curl --version | awk 'NR == 1 { split($2, at, "."); exit !(at[1] > 7 || (at[1] == 7 && at[2] >= 87)) }' ||
    fail 11 "curl $(curl --version | awk 'NR == 1 { print $2 }') cannot sign requests to AWS; install 7.87 or newer (Debian 12, Ubuntu 24.04 or later have it)"
  region=$(vault_word region)
  secret=$(vault_word secret)
  endpoint=$(vault_word endpoint)
  case $region in '' | *[!a-z0-9-]*) fail 20 "bad region in $root/.vault" ;; esac
  case $secret in '' | *[!A-Za-z0-9:/_+=.@-]*) fail 20 "bad name of a secret in $root/.vault" ;; esac
  case $endpoint in http://* | https://*) ;; *) fail 20 "bad endpoint in $root/.vault" ;; esac
  vault_credentials
  attempt=1
  while :; do
    answer=$({
      printf 'user = "%s:%s"\n' "$key_id" "$key"
      [ -z "$token" ] || printf 'header = "X-Amz-Security-Token: %s"\n' "$token"
    } | curl_secretly --aws-sigv4 "aws:amz:$region:secretsmanager" --header 'Content-Type: application/x-amz-json-1.1' \
      --header 'X-Amz-Target: secretsmanager.GetSecretValue' --write-out '\n%{http_code}' \
      --data "{\"SecretId\":\"$secret\",\"VersionId\":\"$vault_version\"}" "$endpoint/" 2>"$trouble")
    code=${answer##*
}
    answer=${answer%
*}
    case $code in 200) break ;; esac
    case $code:$answer in
      5??:* | 429:* | 000:* | :* | *Throttling* | *TooManyRequests*)
        [ "$attempt" -lt 5 ] || break
        nap "$attempt"
        attempt=$((attempt + 1)) ;;
      *) break ;;
    esac
  done
  [ "$code" = 200 ] || vault_refused
  printf '%s' "$answer" | vault_lines >"$1" || fail 20 "the secret $secret is not the JSON object of texts that Groundwork wrote; run groundwork up again"
  printf '%s' "$answer" | vault_lines values >"$1.redact" || fail 12 "cannot write $1.redact"
}

vault_refused() {
  place="the secret $secret in $region"
  case $answer in
    *AccessDenied*) fail 20 "$place is refused to $whose: allow it secretsmanager:GetSecretValue on that secret (with a key of your own also kms:Decrypt), then run again" ;;
    *ResourceNotFound*) fail 20 "there is no $place, or not in its version $vault_version: look at secretsVault.region, or run groundwork up again, which puts it there" ;;
    *'marked for deletion'* | *'marked deleted'* | *'scheduled for deletion'*) fail 20 "$place waits for its deletion: aws secretsmanager restore-secret --region $region --secret-id $secret" ;;
    *UnrecognizedClient* | *InvalidClientTokenId* | *SignatureDoesNotMatch* | *InvalidSignature* | *ExpiredToken* | *AuthFailure* | *IncompleteSignature*)
      fail 20 "AWS does not accept $whose: it is wrong or has ended, or this host's clock is ($(date -u +%Y-%m-%dT%H:%M:%SZ)). Put a valid one there, then run again" ;;
    *Throttling* | *TooManyRequests*) fail 20 "AWS has too many requests and did not give $place; run again in a minute" ;;
  esac
  case $code in
    000 | '') fail 20 "$endpoint does not answer this host ($(head -n 1 "$trouble" 2>/dev/null | cut -c 1-200)): look at secretsVault.region and at what the host may reach, port 443" ;;
    *) fail 20 "$place cannot be read: $endpoint answers $code ($(printf '%s' "$answer" | tr -d '\n' | flat_member __type))" ;;
  esac
}

# A value in an env file, as components/origin/env-file.ts writes it.
quoted_in_awk='
function quoted(value,  out, i, c) {
  if (value !~ /[\\'"'"']/) return "'"'"'" value "'"'"'"
  out = ""
  for (i = 1; i <= length(value); i++) {
    c = substr(value, i, 1)
    if (c == "\\" || c == "\"") c = "\\" c
    else if (c == "$") c = "$$"
    else if (c == "\r") c = "\\r"
    else if (c == "\n") c = "\\n"
    out = out c
  }
  return "\"" out "\""
}'

# vault_lines [values]: GetSecretValue's answer as an env file that Compose reads back as exactly these values; with
# `values`, the values alone, one a line, shorter ones left out. Fails where it is not an object of texts.
vault_lines() {
  LC_ALL=C awk -v only="${1-}" '
    BEGIN { for (i = 0; i < 256; i++) byte[i] = sprintf("%c", i) }
    { text = text (NR > 1 ? "\n" : "") $0 }
    END {
      rest = text
      if (!open_object()) exit 1
      while (rest ~ /^[ \t\r\n]*"/) {
        name = text_at()
        if (bad || !colon()) exit 1
        if (name == "SecretString") { found = text_at(); if (bad) exit 1; break }
        if (!skip()) exit 1
      }
      rest = found
      if (!open_object()) exit 1
      while (rest ~ /^[ \t\r\n]*"/) {
        name = text_at()
        if (bad || name !~ /^[A-Za-z_][A-Za-z0-9_]*$/ || !colon()) exit 1
        value = text_at()
        if (bad) exit 1
        if (only == "") print name "=" quoted(value)
        else { count = split(value, line, "\n"); for (i = 1; i <= count; i++) if (length(line[i]) >= 6) print line[i] }
        sub(/^[ \t\r\n]*,/, "", rest)
      }
      exit rest !~ /^[ \t\r\n]*}[ \t\r\n]*$/
    }
    function open_object() { return sub(/^[ \t\r\n]*\{/, "", rest) }
    function colon() { return sub(/^[ \t\r\n]*:[ \t\r\n]*/, "", rest) }
    # A text in JSON at the beginning of rest.
    function text_at(  out, c) {
      bad = !sub(/^[ \t\r\n]*"/, "", rest)
      out = ""
      while (!bad) {
        if (!match(rest, /["\\]/)) { bad = 1; break }
        out = out substr(rest, 1, RSTART - 1)
        c = substr(rest, RSTART, 1)
        if (c == "\"") { rest = substr(rest, RSTART + 1); return out }
        c = substr(rest, RSTART + 1, 1)
        rest = substr(rest, RSTART + 2)
        if (c == "u") out = out unicode()
        else if (c == "n") out = out "\n"
        else if (c == "t") out = out "\t"
        else if (c == "r") out = out "\r"
        else if (c == "b") out = out byte[8]
        else if (c == "f") out = out byte[12]
        else out = out c
      }
      return out
    }
    function hex(  n, i) {
      n = 0
      for (i = 1; i <= 4; i++) n = n * 16 + index("0123456789abcdef", tolower(substr(rest, i, 1))) - 1
      rest = substr(rest, 5)
      return n
    }
    function unicode(  n) {
      n = hex()
      if (n >= 55296 && n < 56320 && substr(rest, 1, 2) == "\\u") {
        rest = substr(rest, 3)
        n = 65536 + (n - 55296) * 1024 + hex() - 56320
      }
      if (n < 128) return byte[n]
      if (n < 2048) return byte[192 + int(n / 64)] byte[128 + n % 64]
      if (n < 65536) return byte[224 + int(n / 4096)] byte[128 + int(n / 64) % 64] byte[128 + n % 64]
      return byte[240 + int(n / 262144)] byte[128 + int(n / 4096) % 64] byte[128 + int(n / 64) % 64] byte[128 + n % 64]
    }
    # A value that is not looked at: a text, a number, or a list of texts.
    function skip() {
      if (rest ~ /^\[/) { if (!sub(/^\[[^]]*\]/, "", rest)) return 0 }
      else if (rest ~ /^"/) { text_at(); if (bad) return 0 }
      else if (!sub(/^[^,}]*/, "", rest)) return 0
      sub(/^[ \t\r\n]*,/, "", rest)
      return 1
    }'"$quoted_in_awk"
}
