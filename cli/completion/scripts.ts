/** Completion scripts. They hold all they need: a shell that asked the command at each Tab would wait for its start. */
import type { CommandDeclaration } from "../command";
import { type OptionWord, type Place, placesOf } from "./table";

export const shells = ["bash", "zsh", "fish"] as const;
export type Shell = (typeof shells)[number];

/** The script for a shell, to be read by it at its start. */
export function completionScript(shell: Shell, commands: readonly CommandDeclaration[]): string {
  return { bash, zsh, fish }[shell](placesOf(commands));
}

/** Names of the stack files in the folder at hand, or in that of `--directory`; `$folder` is set. */
const environments =
  'for file in "$folder"/Pulumi.*.yaml; do file=${file##*/Pulumi.}; [ "$file" = "*.yaml" ] || echo "${file%.yaml}"; done';

/** Words of options that take a value of a kind, for a `case` of a shell. */
function taking(places: readonly Place[], kinds: readonly OptionWord["value"][]): string {
  const words = places.flatMap(({ options }) =>
    options.filter(({ value }) => value !== undefined && kinds.includes(value)).map(({ word }) => word),
  );
  return [...new Set(words)].join("|");
}

const anyValue = ["environment", "file", "folder", "other"] as const;

/** Reads the words before the cursor (`$word`, one after the other): which command it is, in which folder. */
function reader(places: readonly Place[]): string {
  const known = places.flatMap(({ command }) => (command === "" ? [] : [`"${command}"`]));
  return `    case "$previous" in
      --directory) folder=$word; previous=""; continue ;;
      ${taking(places, anyValue)}) previous=""; continue ;;
    esac
    previous=$word
    case "$word" in -*) continue ;; esac
    case "\${command:+$command }$word" in
      ${known.join("|")}) command="\${command:+$command }$word" ;;
    esac`;
}

function bash(places: readonly Place[]): string {
  const cases = places.map(
    ({ command, commands, options }) =>
      `    "${command}") words="${[...commands, ...options].map(({ word }) => word).join(" ")}" ;;`,
  );
  return `# bash completion of groundwork: eval "$(npx groundwork completion bash)"
_groundwork() {
  local current=\${COMP_WORDS[COMP_CWORD]} previous="" command="" folder="." word words="" file first=1
  if [ "\${COMP_WORDS[0]##*/}" = npx ]; then
    [ "\${COMP_WORDS[1]}" = groundwork ] || return 0
    first=2
  fi
  for word in "\${COMP_WORDS[@]:first:COMP_CWORD-first}"; do
${reader(places)}
  done
  case "$previous" in
    ${taking(places, ["environment"])}) words=$(${environments}) ;;
    ${taking(places, ["file"])}) mapfile -t COMPREPLY < <(compgen -f -- "$current"); return 0 ;;
    ${taking(places, ["folder"])}) mapfile -t COMPREPLY < <(compgen -d -- "$current"); return 0 ;;
    ${taking(places, ["other"])}) return 0 ;;
    *) case "$command" in
${cases.join("\n")}
    esac ;;
  esac
  mapfile -t COMPREPLY < <(compgen -W "$words" -- "$current")
}
complete -F _groundwork groundwork
complete -p npx >/dev/null 2>&1 || complete -o default -F _groundwork npx
`;
}

function zsh(places: readonly Place[]): string {
  const entry = ({ word, description }: OptionWord): string =>
    quoted(`${word.replaceAll(":", "\\:")}:${description}`);
  const cases = places.map(
    ({ command, commands, options }) =>
      `    "${command}") entries=(${[...commands, ...options].map(entry).join(" ")}) ;;`,
  );
  return `#compdef groundwork
# zsh completion of groundwork: source <(npx groundwork completion zsh)
_groundwork() {
  local previous="" command="" folder="." word file
  local -a entries
  for word in "\${(@)words[2,CURRENT-1]}"; do
${reader(places)}
  done
  case "$previous" in
    ${taking(places, ["environment"])}) entries=(\${(f)"$(setopt local_options no_nomatch; ${environments})"}) ;;
    ${taking(places, ["file", "folder"])}) _files; return ;;
    ${taking(places, ["other"])}) return ;;
    *) case "$command" in
${cases.join("\n")}
    esac ;;
  esac
  _describe groundwork entries
}
(( $+functions[compdef] )) || { autoload -Uz compinit && compinit }
compdef _groundwork groundwork
`;
}

function fish(places: readonly Place[]): string {
  const known = places.flatMap(({ command }) => (command === "" ? [] : [quoted(command)]));
  const values = taking(places, anyValue).split("|");
  const lines = places.flatMap(({ command, commands, options }) => {
    const when = `-n '__groundwork_at ${command === "" ? '""' : `"${command}"`}'`;
    return [
      ...commands.map(
        ({ word, description }) => `complete -c groundwork -f ${when} -a ${word} -d ${quoted(description)}`,
      ),
      ...options.map(({ word, description, value }) => {
        const name = word.startsWith("--") ? `-l ${word.slice(2)}` : `-s ${word.slice(1)}`;
        const takes = {
          environment: " -x -a '(__groundwork_environments)'",
          file: " -r -F",
          folder: " -x -a '(__fish_complete_directories)'",
          other: " -x",
        };
        const answer = value === undefined ? "" : takes[value];
        return `complete -c groundwork ${when} ${name}${answer} -d ${quoted(description)}`;
      }),
    ];
  });
  return `# fish completion of groundwork: npx groundwork completion fish | source
function __groundwork_words
  set -l command ''
  set -l skip 0
  for word in (commandline -opc)[2..]
    if test $skip = 1
      set skip 0
      continue
    end
    if contains -- $word ${values.join(" ")}
      set skip 1
    else if not string match -q -- '-*' $word
      set -l longer (string trim -- "$command $word")
      contains -- $longer ${known.join(" ")}; and set command $longer
    end
  end
  echo $command
end
function __groundwork_at
  test (__groundwork_words) = "$argv[1]"
end
function __groundwork_environments
  set -l folder .
  set -l words (commandline -opc)
  if set -l at (contains -i -- --directory $words)
    set folder $words[(math $at + 1)]
  end
  for file in $folder/Pulumi.*.yaml
    string replace -r '.*/Pulumi\\.(.*)\\.yaml$' '$1' -- $file
  end
end
complete -c groundwork -f
${lines.join("\n")}
`;
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", "’")}'`;
}
