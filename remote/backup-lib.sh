# shellcheck shell=sh
# backup-lib.sh: what the steps about backups share; it does nothing by itself. A backup is one file in a restic
# repository: its first line holds, in base64, what was counted when it was made (lines of JSON), the rest is pg_dump's
# custom format. By hand: restic dump latest /NAME.backup | tail -n +2 | pg_restore …
#
# Input of each of these steps:
#         name                the database's entry; backups, and the repository on this host, are called after it
#         service             the database's service in the compose file
#         admin_user          superuser in the container
#         database            the database
#         repository          as restic takes it, such as s3:https://…/bucket/path (default: a folder of this host)
#         password            the repository's. Reaches restic by a file, as do the next two
#         access_key_id, secret_access_key   of S3 (optional)
#         region              of S3 (optional)
# shellcheck source=remote/lib.sh disable=SC1091
. ./lib.sh

# open_backup STEP [without]: reads the input, makes the folder of this database's backups, sends what tools print to the
# log. Takes no lock: see lock_backups. With a second word a database may have no backups: then there is no password.
open_backup() {
  open_step "$1"
  if [ -z "${2-}" ] || has password; then needs_restic; fi
  name=$(value name)
  service=$(value service)
  admin=$(value admin_user)
  database=$(value database)
  for word in "$name" "$service" "$admin" "$database"; do
    case $word in '' | -* | *[!A-Za-z0-9._-]*) fail 10 "bad name of backups, service, user or database" ;; esac
  done
  [ -n "${2-}" ] || [ -n "$(value password)" ] || fail 10 "the repository's password is missing"
  folder=$root/backups/$name
  mkdir -p "$folder" || fail 12 "cannot make $folder"
  log=$root/logs/$step-$name.log
  : >>"$log" || fail 12 "cannot write $log"
}

# Before 0.17 a dump that breaks off would be a backup, and exit codes do not say what has failed.
needs_restic() {
  needs restic mkfifo
  case $(restic version 2>/dev/null) in
    'restic '0.[0-9].* | 'restic '0.1[0-6].* | '') fail 11 "restic on this host is older than 0.17; run: restic self-update" ;;
  esac
}

# open_work: a folder for this run, gone at its end. Programs find the repository and its keys in files below it.
open_work() {
  find "$folder" -maxdepth 1 -name '.work.*' -mmin +2880 -exec rm -rf {} + 2>/dev/null
  work=$(mktemp -d "$folder/.work.XXXXXX") || fail 12 "cannot write below $folder"
  trap 'close_work' EXIT
  trap 'exit 143' INT TERM
  value password >"$work/password" || fail 12 "cannot write below $folder"
  value_or repository "$folder/repository" >"$work/repository" || fail 12 "cannot write below $folder"
  export RESTIC_PASSWORD_FILE="$work/password" RESTIC_REPOSITORY_FILE="$work/repository"
  export RESTIC_CACHE_DIR="$folder/cache" RESTIC_PROGRESS_FPS=0
  if has access_key_id; then
    printf '[default]\naws_access_key_id = %s\naws_secret_access_key = %s\n' "$(value access_key_id)" \
      "$(value secret_access_key)" >"$work/keys" || fail 12 "cannot write below $folder"
    export AWS_SHARED_CREDENTIALS_FILE="$work/keys" AWS_PROFILE=default
    unset AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY AWS_SESSION_TOKEN
  fi
  ! has region || { AWS_DEFAULT_REGION=$(value region) && export AWS_DEFAULT_REGION; }
}

# What a step has to put right at its end, and the folder's own.
at_end() { :; }
close_work() {
  ended=$?
  trap - EXIT
  at_end
  rm -rf "$work"
  exit "$ended"
}

# One backup, restore or drill of a database at a time. Not the project's lock: a long dump must not keep a release back.
lock_backups() {
  needs flock
  exec 8>>"$folder/lock" || fail 12 "cannot write $folder/lock"
  lock_limit=$(number lock_wait 600) || exit 10
  wait_lock 8 "$lock_limit" || fail 75 "another backup or restore of $name goes on; nothing was done"
}

run_restic() { restic --retry-lock 5m "$@" 9>&- 8>&- 3>&- 4>&-; }

# What a bucket says that does not take the key, in the words of S3 services.
not_admitted='access denied\|accessdenied\|InvalidAccessKeyId\|access key id you provided\|SignatureDoesNotMatch\|signature we calculated\|unauthorized\|403 forbidden'

# open_repository: restic's first look at it; its exit code. Some refusals of a key make restic ask again for a quarter of
# an hour: what it says meanwhile is read, and a refusal ends it.
open_repository() {
  (exec restic --retry-lock 5m cat config >/dev/null 9>&- 8>&- 3>&- 4>&-) &
  opening=$!
  (
    until grep -qi "$not_admitted" "$log"; do nap 0.5; done
    kill "$opening" 2>/dev/null
  ) 9>&- 8>&- 3>&- 4>&- &
  watching=$!
  # shellcheck disable=SC2317 # called by the trap
  at_end() { kill "$opening" "$watching" 2>/dev/null; }
  wait "$opening"
  opened=$?
  kill "$watching" 2>/dev/null
  # shellcheck disable=SC2317 # called by the trap
  at_end() { :; }
  return "$opened"
}

# restic_failed CODE DOING: ends the step with what restic's exit code means.
restic_failed() {
  case $1 in
    3) fail 20 "$2: what was to be saved could not be read whole; this is no backup" with-log ;;
    10) fail 20 "$2: there is no repository at $(place); it was never made, or somebody has removed it" with-log ;;
    11) fail 75 "$2: the repository at $(place) is locked by somebody else; nothing was done" with-log ;;
    12) fail 20 "$2: the repository at $(place) does not open with this password" with-log ;;
  esac
  if grep -qi 'no space left\|disk quota' "$log"; then fail 12 "$2: the disk is full" with-log; fi
  if grep -qi 'ciphertext verification failed\|does not match\|invalid data returned\|unable to load\|hash mismatch\|not found in\(dex\| repository index\)\|pack .* is \(damaged\|missing\)\|contains errors\|is damaged' "$log"; then
    fail 20 "$2: the repository at $(place) is damaged" with-log
  fi
  if grep -qi "$not_admitted" "$log"; then fail 20 "$2: $(place) refuses this key, or the key may not write there" with-log; fi
  fail 20 "$2: restic ended with exit code $1" with-log
}

# Where the repository is, without a user and password that its address may hold.
place() { sed 's#//[^/@]*@#//#' "$work/repository"; }

# A project with a server of its own, described in the run's folder; where there is one, in_server means it.
disposable=
disposable_compose() {
  run_docker compose --project-name "$disposable" --project-directory "$work" --file "$work/compose.json" "$@" 8>&-
}

# in_server PROGRAM ARGUMENT…: a program of PostgreSQL's in the container of the database.
in_server() {
  if [ -n "$disposable" ]; then disposable_compose exec -T db "$@"
  else compose exec -T "$service" "$@" 8>&-; fi
}

# query DATABASE ARGUMENT…: no start-up file, never asks for a password, stops at the first error.
query() {
  on=$1
  shift
  in_server psql -X -w -q -t -A -v ON_ERROR_STOP=1 -U "$admin" -d "$on" "$@"
}

# facts: SQL that prints what a dump of a database leaves out, a line of JSON each.
facts() {
  cat <<'END'
SELECT jsonb_build_object('backup', 1, 'database', current_database(), 'server', current_setting('server_version'),
  'at', to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'), 'size', pg_database_size(current_database()));
SELECT jsonb_build_object('create', format(' ENCODING %L LC_COLLATE %L LC_CTYPE %L', pg_encoding_to_char(d.encoding), d.datcollate, d.datctype)
  || CASE j->>'datlocprovider' WHEN 'i' THEN format(' LOCALE_PROVIDER icu ICU_LOCALE %L', coalesce(j->>'datlocale', j->>'daticulocale'))
     WHEN 'b' THEN format(' LOCALE_PROVIDER builtin BUILTIN_LOCALE %L', j->>'datlocale') ELSE '' END)
  FROM pg_database d, to_jsonb(d) j WHERE d.datname = current_database();
SELECT jsonb_build_object('role', rolname) FROM pg_roles WHERE rolname !~ '^pg_' ORDER BY rolname;
SELECT jsonb_build_object('apply', format('ALTER DATABASE :"database" OWNER TO %I;', pg_get_userbyid(datdba)))
  FROM pg_database WHERE datname = current_database();
SELECT jsonb_build_object('apply', 'REVOKE ALL ON DATABASE :"database" FROM PUBLIC;'::text)
  FROM pg_database WHERE datname = current_database() AND datacl IS NOT NULL;
SELECT jsonb_build_object('apply', format('GRANT %s ON DATABASE :"database" TO %s%s;', a.privilege_type,
    CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(a.grantee)) END,
    CASE WHEN a.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END))
  FROM pg_database d, aclexplode(d.datacl) a WHERE d.datname = current_database() ORDER BY 1;
SELECT jsonb_build_object('apply', CASE s.setrole WHEN 0 THEN 'ALTER DATABASE :"database"'
    ELSE format('ALTER ROLE %I IN DATABASE :"database"', pg_get_userbyid(s.setrole)) END
    || format(' SET %I = ', split_part(c, '=', 1))
    || CASE WHEN split_part(c, '=', 1) IN ('search_path', 'temp_tablespaces', 'local_preload_libraries', 'session_preload_libraries')
       THEN substr(c, strpos(c, '=') + 1) ELSE quote_literal(substr(c, strpos(c, '=') + 1)) END || ';')
  FROM pg_db_role_setting s CROSS JOIN unnest(s.setconfig) c
  WHERE s.setdatabase = (SELECT oid FROM pg_database WHERE datname = current_database()) ORDER BY 1;
END
}

# survey: SQL that prints what is in a database, a line of JSON each. Rows are counted and hashed as text, in any order;
# the settings of the session say how a value is written. Sequences are read first: the dump's own may only be further on.
survey() {
  cat <<'END'
SET datestyle = 'ISO'; SET timezone = 'UTC'; SET intervalstyle = 'postgres'; SET extra_float_digits = 1;
SET bytea_output = 'hex'; SET row_security = off; SET search_path = pg_catalog;
SET statement_timeout = 0; SET lock_timeout = '60s'; SET idle_in_transaction_session_timeout = 0;
SELECT jsonb_build_object('sequence', format('%I.%I', schemaname, sequencename), 'value', coalesce(last_value, start_value),
  'up', increment_by > 0) FROM pg_sequences ORDER BY 1;
SELECT jsonb_build_object('extension', extname, 'version', extversion) FROM pg_extension ORDER BY 1;
SELECT format('SELECT jsonb_build_object(''table'', %L, ''rows'', count(*), ''checksum'', coalesce(sum(hashtextextended(ROW(x.*)::text, 0)), 0)::text) FROM ONLY %I.%I x',
  format('%I.%I', n.nspname, c.relname), n.nspname, c.relname)
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind = 'r' AND c.relpersistence <> 't' AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
  AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')
ORDER BY n.nspname, c.relname \gexec
SELECT jsonb_build_object('table', 'large objects', 'rows', count(*), 'checksum',
  coalesce(sum(hashtextextended(ROW(loid, pageno, data)::text, 0)), 0)::text) FROM pg_largeobject;
END
}

# differences RECORDED FOUND: what differs, a line each; nothing where all is there and the same.
differences() {
  awk '
    function key(line) { match(line, /"(table|sequence|extension)": ("([^"\\]|\\.)*")/); return substr(line, RSTART, RLENGTH) }
    function member(line, what) {
      if (!match(line, "\"" what "\": \"?-?[0-9a-z.]+")) return ""
      line = substr(line, RSTART, RLENGTH); sub(/^"[a-z]+": "?/, "", line); return line
    }
    function label(k) {
      sub(/": "/, " ", k); gsub(/^"|"$/, "", k); gsub(/\\t/, "\t", k); gsub(/\\"/, "\"", k); gsub(/\\\\/, "\\", k)
      return k
    }
    !/"(table|sequence|extension)": / { next }
    NR == FNR { recorded[key($0)] = $0; order[++count] = key($0); next }
    { found[key($0)] = $0; if (!(key($0) in recorded)) print label(key($0)) " is there and was not recorded" }
    END {
      for (i = 1; i <= count; i++) {
        k = order[i]
        if (!(k in found)) { print label(k) " is missing"; continue }
        a = recorded[k]; b = found[k]
        if (k ~ /^"sequence"/) {
          before = member(a, "value") + 0; after = member(b, "value") + 0
          if ((a ~ /"up": true/ && after < before) || (a ~ /"up": false/ && after > before))
            print label(k) " is at " after " and was at " before
        } else if (k ~ /^"extension"/) {
          if (a != b) print label(k) " has another version than was recorded"
        } else if (member(a, "rows") != member(b, "rows"))
          print label(k) " has " member(b, "rows") " rows, recorded were " member(a, "rows")
        else if (member(a, "checksum") != member(b, "checksum"))
          print label(k) " has its " member(b, "rows") " rows, but not with the same content"
      }
    }' "$1" "$2"
}

# json_lines FILE: its lines as a JSON array of texts; of many, the first fifty.
json_lines() {
  LC_ALL=C tr '\001-\011\013-\037' ' ' <"$1" | sed 's/[\\"]/\\&/g; s/.*/"&"/' | head -n 50 | paste -s -d , - | sed 's/.*/[&]/'
}

# json_member NAME: the text of a member of the one-line JSON on standard input; of the last line that has it.
json_member() { sed -n "s/.*\"$1\":\"\([^\"]*\)\".*/\1/p" | tail -n 1; }

# number_member NAME: as json_member, of a number; a blank may follow the colon.
number_member() { sed -n "s/.*\"$1\": *\([0-9]*\).*/\1/p" | tail -n 1; }
