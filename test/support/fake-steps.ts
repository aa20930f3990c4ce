import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/**
 * A host without Docker: steps of remote/ arrive over real SSH as they are, and are answered by what the test says. The
 * folder `bin` holds an `sh` that takes their place; `directory` is theirs to keep files in ($TEST_HOME).
 */
export interface FakeSteps {
  readonly directory: string;
  readonly bin: string;
  /** POSIX sh in the place of a step; `frame NAME` prints a frame. */
  answer(step: string, script: string): void;
  /** What a script wrote into a file of the folder; undefined where there is none. */
  read(name: string): string | undefined;
  write(name: string, text: string): void;
  remove(): void;
}

export function fakeSteps(): FakeSteps {
  const directory = mkdtempSync(join(tmpdir(), "groundwork-steps-"));
  const bin = join(directory, "bin");
  mkdirSync(bin);
  const file = (name: string) => join(directory, name);
  // Called as `sh -c SCRIPT groundwork-<step>`; another sh is the machine's.
  writeFileSync(
    join(bin, "sh"),
    `#!/bin/sh
case \${3-} in groundwork-*) ;; *) exec /bin/sh "$@" ;; esac
step=\${3#groundwork-}
input=$(mktemp "$TEST_HOME/input.XXXXXX")
cat >"$input"
frame() {
  line=$(sed -n "s/^$1 //p" "$input")
  case $line in =*) printf %s "\${line#=}" ;; *) printf %s "$line" | base64 -d ;; esac
}
now() { date +%s%3N; }
trap 'rm -f "$input"' EXIT
printf '%s\\n' "$step" >>"$TEST_HOME/steps"
. "$TEST_HOME/$step.step"
`,
  );
  chmodSync(join(bin, "sh"), 0o755);
  const read = (name: string) => (existsSync(file(name)) ? readFileSync(file(name), "utf8") : undefined);
  const fake: FakeSteps = {
    directory,
    bin,
    read,
    answer: (step, script) => writeFileSync(file(`${step}.step`), script),
    write: (name, text) => writeFileSync(file(name), text),
    // A step whose connection was cut may still be writing; tries within one call do not look again for what has come.
    remove: () => {
      for (let tries = 100; ; tries -= 1) {
        try {
          return rmSync(directory, { recursive: true, force: true, maxRetries: 1, retryDelay: 100 });
        } catch (error) {
          if (tries === 0) throw error;
        }
      }
    },
  };
  fake.answer(
    "rollout-ledger",
    `frame ledger >"$TEST_HOME/ledger.json"; echo '{"step":"rollout-ledger","kept":true}'`,
  );
  fake.answer(
    "rollout-abort",
    `frame reason >"$TEST_HOME/abort.new"; mv "$TEST_HOME/abort.new" "$TEST_HOME/abort"; echo '{"step":"rollout-abort","aborting":true}'`,
  );
  fake.answer("releases", `cat "$TEST_HOME/releases.json"`);
  return fake;
}

/** A release that switches the file `active` after a while, as a worker apart from its connection, and ends as it is told. */
export function fakeRollout(
  options: {
    /** Seconds until the switch, and from there to the end. */
    readonly before?: number;
    readonly after?: number;
    /** Milliseconds that the host's clock is ahead. */
    readonly skewMs?: number;
  } = {},
): string {
  const { before = 1, after = 1.5, skewMs = 0 } = options;
  return `
run=$(frame run)
release=$(frame release)
dir=$TEST_HOME/run-$run
if mkdir "$dir" 2>/dev/null; then
  : >"$dir/events"
  cat >"$dir/worker" <<'END'
dir=$1 release=$2
event() { printf '{"event":"%s","at":%s,"release":"%s","colour":"green"}\\n' "$1" "$(($(date +%s%3N) + ${skewMs}))" "$release" >>"$dir/events"; }
end() { printf '%s' "$1" >"$dir/code.new"; mv "$dir/code.new" "$dir/code"; exit 0; }
event started
event starting
sleep ${before}
event healthy
printf '%s' "$release" >"$TEST_HOME/active"
event switched
left=${Math.round(after * 10)}
while [ "$left" -gt 0 ]; do
  if [ -f "$TEST_HOME/abort" ]; then
    printf old >"$TEST_HOME/active"
    event aborted
    printf 'rollout: release %s was aborted (%s); what served before has the traffic\\n' "$release" "$(cat "$TEST_HOME/abort")" >"$dir/errors"
    end 22
  fi
  sleep 0.1
  left=$((left - 1))
done
event stopped
event done
printf '{"step":"rollout","project":"sample","release":"%s","colour":"green","seconds":2.5,"changed":true}\\n' "$release" >"$dir/result"
end 0
END
  setsid /bin/sh "$dir/worker" "$dir" "$release" </dev/null >/dev/null 2>&1 &
fi
exec 5<"$dir/events"
while :; do
  ended=
  [ ! -f "$dir/code" ] || ended=1
  while IFS= read -r line <&5; do printf '%s\\n' "$line"; done
  [ -z "$ended" ] || break
  sleep 0.1
done
[ ! -f "$dir/errors" ] || cat "$dir/errors" >&2
[ ! -f "$dir/result" ] || cat "$dir/result"
exit "$(cat "$dir/code")"
`;
}
