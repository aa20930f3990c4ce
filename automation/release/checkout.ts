import { UserError } from "../../common/user-error";
import { git, runGit } from "../git";

/** A checkout from which a release can be made. */
export interface ReadyCheckout {
  readonly root: string;
  readonly remote: string;
  /** The commit that is released: where the branch is, here and at the remote. */
  readonly commit: string;
  /** Where the production branch is at the remote; undefined: it is not there yet. */
  readonly production: string | undefined;
}

/** Which branches a release is about. */
export interface ReleaseBranches {
  readonly branch: string;
  readonly productionBranch: string | undefined;
}

/**
 * Fetches, and makes sure that what is released is what everybody has: nothing is changed here that is not committed, and
 * the branch is where the remote has it.
 *
 * @throws UserError where that is not so, with what to do
 */
export async function assertReleasable(
  root: string,
  { branch, productionBranch }: ReleaseBranches,
): Promise<ReadyCheckout> {
  const { stdout: current } = await runGit(root, ["symbolic-ref", "--short", "-q", "HEAD"]);
  if (current.trim() !== branch) {
    throw new UserError({
      what: "another branch is checked out than the one that is released",
      value: current.trim() || "none: a commit is checked out",
      allowed: `${branch}, as groundwork:release.branch says`,
      next: `git switch ${branch}`,
    });
  }
  const changed = (await git(root, ["status", "--porcelain"])).split("\n").filter((line) => line !== "");
  if (changed.length > 0) {
    throw new UserError({
      what: "the checkout is dirty: what is released must be committed",
      value:
        changed
          .slice(0, 10)
          .map((line) => `\n  ${line}`)
          .join("") + (changed.length > 10 ? "\n  …" : ""),
      next: "git status, then commit or remove what it names",
    });
  }
  const remote = await remoteOf(root, branch);
  await git(root, ["fetch", "--quiet", "--no-tags", remote]);
  const commit = await git(root, ["rev-parse", "HEAD"]);
  const theirs = await remoteCommit(root, remote, branch);
  if (theirs === undefined) {
    throw new UserError({
      what: `${remote} has no branch ${branch}`,
      next: `git push --set-upstream ${remote} ${branch}`,
    });
  }
  if (theirs !== commit) throw await apart(root, remote, branch, theirs);
  const production =
    productionBranch === undefined ? undefined : await remoteCommit(root, remote, productionBranch);
  if (production !== undefined && !(await isAncestor(root, production, commit))) {
    throw new UserError({
      what: `${productionBranch ?? ""} has commits that ${branch} has not: it could only be moved by force`,
      value: await git(root, ["log", "--oneline", "-5", `${commit}..${production}`]),
      next: `git merge ${remote}/${productionBranch ?? ""} into ${branch} and push it, then run the same command again`,
    });
  }
  return { root, remote, commit, production };
}

async function remoteOf(root: string, branch: string): Promise<string> {
  const { stdout } = await runGit(root, ["config", "--get", `branch.${branch}.remote`]);
  const remote = stdout.trim() || "origin";
  const { code } = await runGit(root, ["remote", "get-url", remote]);
  if (code === 0) return remote;
  throw new UserError({
    what: "there is no remote that a release could be pushed to",
    value: remote,
    next: `git remote add ${remote} <address>`,
  });
}

/** Where a branch of the remote is, as it was fetched; undefined where the remote has none, or has none any more. */
async function remoteCommit(root: string, remote: string, branch: string): Promise<string | undefined> {
  // What was fetched once stays here although it is deleted there: pushing would bring it back.
  if ((await git(root, ["ls-remote", remote, `refs/heads/${branch}`])) === "") return undefined;
  const { code, stdout } = await runGit(root, [
    "rev-parse",
    "--verify",
    "--quiet",
    `refs/remotes/${remote}/${branch}^{commit}`,
  ]);
  return code === 0 ? stdout.trim() : undefined;
}

export async function isAncestor(root: string, older: string, newer: string): Promise<boolean> {
  const { code } = await runGit(root, ["merge-base", "--is-ancestor", older, newer]);
  return code === 0;
}

async function apart(root: string, remote: string, branch: string, theirs: string): Promise<UserError> {
  const behind = await isAncestor(root, "HEAD", theirs);
  const ahead = await isAncestor(root, theirs, "HEAD");
  return new UserError({
    what: behind
      ? `the checkout is behind: ${remote} has commits of ${branch} that are not here`
      : ahead
        ? `${branch} has commits that ${remote} has not: nobody has seen or tried them`
        : `${branch} and ${remote}/${branch} have gone apart`,
    next: behind
      ? "git pull --ff-only"
      : ahead
        ? `git push ${remote} ${branch}`
        : "git pull --rebase, then git push",
  });
}
