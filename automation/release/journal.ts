import { existsSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { UserError } from "../../common/user-error";
import { git } from "../git";

/** A release that was begun: everything that its steps need, so that they do the same whenever they are done. */
export interface ReleaseJournal {
  readonly version: 1;
  readonly stack: string;
  readonly tag: string;
  /** When it was begun, ISO 8601: the time of its commit and its tag. */
  readonly at: string;
  readonly remote: string;
  readonly branch: string;
  readonly productionBranch?: string;
  /** The commit that it was begun on. */
  readonly base: string;
  /** The stack file with the images that are released, below the repository's root; none where nothing of it changes. */
  readonly stackFile?: { readonly path: string; readonly text: string };
  readonly message: string;
  /** What is released: the base, or the commit with the changed stack file. Set by the step that makes it. */
  readonly commit?: string;
}

/** Keeps a release that was begun, in the repository's own folder of git: no commit and no clone ever has it. */
export class JournalFile {
  private constructor(readonly file: string) {}

  static async of(root: string, project: string): Promise<JournalFile> {
    const folder = await git(root, ["rev-parse", "--absolute-git-dir"]);
    return new JournalFile(join(folder, `groundwork-release-${project}.json`));
  }

  /** @throws UserError where somebody has written something else into it */
  read(): ReleaseJournal | undefined {
    if (!existsSync(this.file)) return undefined;
    try {
      const journal = JSON.parse(readFileSync(this.file, "utf8")) as ReleaseJournal;
      if (journal.version === 1 && typeof journal.tag === "string") return journal;
    } catch {
      // Told below.
    }
    throw new UserError({
      what: "what is kept of a release that was begun cannot be read",
      value: this.file,
      next: `look whether its tag was pushed (git ls-remote --tags), then rm ${this.file}`,
    });
  }

  write(journal: ReleaseJournal): void {
    writeFileSync(`${this.file}.partial`, `${JSON.stringify(journal, undefined, 1)}\n`, { flush: true });
    renameSync(`${this.file}.partial`, this.file);
  }

  remove(): void {
    rmSync(this.file, { force: true });
  }
}
