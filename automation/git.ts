import { spawn } from "node:child_process";
import { realpathSync } from "node:fs";
import { UserError } from "../common/user-error";

/** How a run of git ended. */
export interface GitResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/**
 * Runs git in a folder; it asks nobody for a password. No text of ours is read by a shell.
 *
 * @param input standard input. @default none
 * @param variables over those of this process. @default none
 * @throws UserError where there is no git
 */
export function runGit(
  directory: string,
  args: readonly string[],
  { input = "", variables = {} }: GitOptions = {},
): Promise<GitResult> {
  return new Promise((resolve, reject) => {
    const child = spawn("git", ["-C", directory, ...args], {
      env: { ...process.env, LC_ALL: "C", GIT_TERMINAL_PROMPT: "0", ...variables },
      stdio: ["pipe", "pipe", "pipe"],
    });
    let stdout = "";
    let stderr = "";
    child.stdout.setEncoding("utf8").on("data", (text: string) => (stdout += text));
    child.stderr.setEncoding("utf8").on("data", (text: string) => (stderr += text));
    child.once("error", (cause) =>
      reject(new UserError({ what: "git cannot be run", value: cause.message, next: "install git", cause })),
    );
    child.once("close", (code) => resolve({ code: code ?? 1, stdout, stderr }));
    child.stdin.on("error", () => undefined);
    child.stdin.end(input);
  });
}

export interface GitOptions {
  readonly input?: string;
  readonly variables?: Readonly<Record<string, string>>;
}

/** Standard output of a git that must end well, without the last line's end. @throws UserError with what git said */
export async function git(
  directory: string,
  args: readonly string[],
  options: GitOptions = {},
): Promise<string> {
  const { code, stdout, stderr } = await runGit(directory, args, options);
  if (code === 0) return stdout.replace(/\n$/, "");
  throw new UserError({
    what: `git ${args[0] ?? ""} failed`,
    value: withoutLogin(stderr.trim() || `exit code ${code}`),
    next: "mend what is said and run the same command again",
  });
}

/** Addresses without the user and password that may stand in them. */
export function withoutLogin(text: string): string {
  return text.replace(/([a-z][a-z0-9+.-]*:\/\/)[^/\s@]+@/gi, "$1");
}

/** The root of the repository that a folder is in. @throws UserError where it is in none */
export async function gitRoot(directory: string): Promise<string> {
  const { code, stdout } = await runGit(directory, ["rev-parse", "--show-toplevel"]);
  if (code === 0) return realpathSync(stdout.trim());
  throw new UserError({
    what: "the project is in no git repository",
    value: directory,
    next: `git init ${directory}`,
  });
}
