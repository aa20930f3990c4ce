import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { commands } from "../../cli/commands";
import { completionScript, shells } from "../../cli/completion/scripts";

const directory = mkdtempSync(join(tmpdir(), "gw-completion-"));
afterAll(() => rmSync(directory, { recursive: true, force: true }));
beforeAll(() => {
  for (const name of ["dev", "staging"]) writeFileSync(join(directory, `Pulumi.${name}.yaml`), "");
  for (const shell of shells) writeFileSync(join(directory, shell), completionScript(shell, commands));
});

/** What each shell offers for a line, the last word being completed. */
const offers = {
  bash(words: readonly string[]): string {
    const quoted = words.map((word) => `'${word}'`).join(" ");
    return `source ./bash; COMP_WORDS=(${quoted}); COMP_CWORD=${words.length - 1}; _groundwork; printf '%s\\n' "\${COMPREPLY[@]}"`;
  },
  zsh(words: readonly string[]): string {
    const quoted = words.map((word) => `'${word}'`).join(" ");
    return `compdef() { : }; source ./zsh; _describe() { print -l -- $entries }; _files() { ls }; words=(${quoted}); CURRENT=${words.length}; _groundwork`;
  },
  fish(words: readonly string[]): string {
    return `source ./fish; complete -C '${words.join(" ")}'`;
  },
} as const;

describe.each(shells)("%s", (shell) => {
  const isThere = spawnSync(shell, ["-c", "exit 0"]).status === 0;
  if (!isThere && process.env["CI"] === "true") throw new Error(`${shell} is not there`);
  const here = isThere ? test : test.skip;
  if (!isThere) console.log(`skipped: completion in ${shell}, which is not here (apt-get install ${shell})`);

  function offered(...words: string[]): string[] {
    const flags = shell === "bash" ? ["--norc"] : shell === "zsh" ? ["-f"] : ["--no-config"];
    const { stdout, stderr, status } = spawnSync(shell, [...flags, "-c", offers[shell](words)], {
      cwd: directory,
      encoding: "utf8",
    });
    expect(stderr).toBe("");
    expect(status).toBe(0);
    // zsh is asked for all that it knows at the place, and tells descriptions after a colon, fish after a tab.
    return stdout
      .split("\n")
      .map((line) => line.split(/[:\t]/)[0]!)
      .filter((word) => word !== "" && word.startsWith(words.at(-1)!));
  }

  here("commands, and those below a command", () => {
    expect(offered("groundwork", "pre")).toEqual(["preview"]);
    expect(offered("groundwork", "db", "sl")).toEqual(["slots"]);
    expect(offered("groundwork", "db", "-s", "dev", "")).toContain("rotate");
    expect(offered("groundwork", "db", "-s", "dev", "")).not.toContain("preview");
  });

  here("the options of a command, and no other's", () => {
    expect(offered("groundwork", "up", "--lo")).toEqual(["--lock-wait"]);
    expect(offered("groundwork", "-s", "dev", "up", "--pl")).toEqual(["--plan"]);
    expect(offered("groundwork", "outputs", "--lo")).toEqual([]);
  });

  here("environments of the folder, or of the one that --directory names", () => {
    expect(offered("groundwork", "preview", "-s", "").sort()).toEqual(["dev", "staging"]);
    expect(offered("groundwork", "preview", "--directory", "/nowhere", "--stack", "")).toEqual([]);
    expect(offered("groundwork", "preview", "--directory", ".", "--stack", "st")).toEqual(["staging"]);
  });
});

test("bash completes after npx as well, as one types it in a checkout", () => {
  const script = offers.bash(["npx", "groundwork", "unlock", "--fo"]);
  const { stdout } = spawnSync("bash", ["--norc", "-c", script], { cwd: directory, encoding: "utf8" });
  expect(stdout.trim().split("\n")).toEqual(["--force", "--forget"]);
});
