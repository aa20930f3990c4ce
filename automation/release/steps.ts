/** The steps of a release. Each is done once, however often it is run: a release that was cut short goes on by all of them. */
import { rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { randomBytes } from "node:crypto";
import { UserError } from "../../common/user-error";
import { git, runGit, withoutLogin } from "../git";
import { isAncestor } from "./checkout";
import type { ReleaseJournal } from "./journal";

/**
 * Makes the commit with the changed stack file, beside the branch: neither the branch nor a file moves yet. The same
 * journal gives the same commit.
 *
 * @returns its id; the base's where nothing changes
 */
export async function makeCommit(root: string, journal: ReleaseJournal): Promise<string> {
  const { base, stackFile, message, at } = journal;
  if (stackFile === undefined) return base;
  const index = join(tmpdir(), `groundwork-index-${randomBytes(6).toString("hex")}`);
  const variables = { GIT_INDEX_FILE: index };
  try {
    const blob = await git(root, ["hash-object", "-w", "--stdin"], { input: stackFile.text });
    await git(root, ["read-tree", base], { variables });
    const [mode = "100644"] = (await git(root, ["ls-tree", base, "--", stackFile.path])).split(" ");
    await git(root, ["update-index", "--cacheinfo", `${mode},${blob},${stackFile.path}`], { variables });
    const tree = await git(root, ["write-tree"], { variables });
    const { stdout: signed } = await runGit(root, ["config", "--type=bool", "--get", "commit.gpgsign"]);
    return await git(
      root,
      ["commit-tree", tree, "-p", base, ...(signed.trim() === "true" ? ["-S"] : []), "-m", message],
      { variables: { GIT_AUTHOR_DATE: at, GIT_COMMITTER_DATE: at } },
    );
  } finally {
    rmSync(index, { force: true });
  }
}

/** Makes the tag here. @throws UserError where there is another one of that name */
export async function makeTag(
  root: string,
  { tag, message, at }: ReleaseJournal,
  commit: string,
): Promise<void> {
  const { code, stdout } = await runGit(root, [
    "rev-parse",
    "--verify",
    "--quiet",
    `refs/tags/${tag}^{commit}`,
  ]);
  if (code === 0 && stdout.trim() === commit) return;
  if (code === 0) {
    throw new UserError({
      what: "there is another tag of that name",
      value: tag,
      next: `git tag --delete ${tag} where nobody needs it, or wait a second and run the same command again`,
    });
  }
  await git(root, ["tag", "--annotate", "--message", message, tag, commit], {
    variables: { GIT_COMMITTER_DATE: at },
  });
}

/** Whether the remote has the tag that was made here. What has no commit yet has none. */
export async function isPushed(root: string, { commit, remote, tag }: ReleaseJournal): Promise<boolean> {
  if (commit === undefined) return false;
  const { stdout } = await runGit(root, ["rev-parse", "--verify", "--quiet", `refs/tags/${tag}`]);
  const ours = stdout.trim();
  const [there = ""] = (await git(root, ["ls-remote", remote, `refs/tags/${tag}`])).split("\t");
  return there !== "" && (ours === "" || there === ours);
}

/** How a push ended. */
export type Pushed = "pushed" | "was there already" | "moved on";

/**
 * Pushes the commit, the production branch and the tag at once: all of them or none, and nothing by force.
 *
 * @returns `moved on` where somebody has pushed to one of the branches meanwhile: then nothing was pushed
 * @throws UserError where the remote cannot be reached or refuses
 */
export async function pushAll(root: string, journal: ReleaseJournal, commit: string): Promise<Pushed> {
  const { remote, tag, branch, productionBranch } = journal;
  if (await isPushed(root, { ...journal, commit })) return "was there already";
  const { code, stderr } = await runGit(root, [
    "push",
    "--atomic",
    remote,
    `${commit}:refs/heads/${branch}`,
    ...(productionBranch === undefined ? [] : [`${commit}:refs/heads/${productionBranch}`]),
    `refs/tags/${tag}:refs/tags/${tag}`,
  ]);
  if (code === 0) return "pushed";
  if (/\((fetch first|non-fast-forward)\)|stale info/.test(stderr)) return "moved on";
  throw new UserError({
    what: `${remote} does not take the release; nothing was pushed`,
    value: `\n${withoutLogin(stderr.trim()).replace(/^/gm, "  ")}`,
    allowed: `a login that may push ${[branch, productionBranch, tag].filter((name) => name !== undefined).join(", ")}`,
    next: "mend what is said and run the same command again: it goes on from there; or give it up with --abandon",
  });
}

/** Brings the checkout to what was pushed, where nothing stands in the way. */
export async function follow(root: string, { branch }: ReleaseJournal, commit: string): Promise<boolean> {
  const { stdout: current } = await runGit(root, ["symbolic-ref", "--short", "-q", "HEAD"]);
  if (current.trim() !== branch) return false;
  if (await isAncestor(root, commit, "HEAD")) return true;
  const { code } = await runGit(root, ["merge", "--ff-only", "--quiet", commit]);
  return code === 0;
}

/** Takes the tag away that was made here and was never pushed. */
export async function dropTag(root: string, { tag }: ReleaseJournal): Promise<void> {
  await runGit(root, ["tag", "--delete", tag]);
}
