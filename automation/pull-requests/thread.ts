import type { Log } from "../../common/log";
import type { Report } from "../../report";
import type { Patience } from "./github-client";

/** What came of publishing a report. */
export interface Published {
  readonly comment: "posted" | "edited" | "none";
  readonly commentUrl?: string;
  /** Earlier comments of the same environment that were folded away as outdated. */
  readonly minimised: number;
  readonly check: boolean;
  /** True where the job's summary has the report, because a comment could not be written. */
  readonly summary: boolean;
}

/** The part of it that is about comments. */
export type PublishedComment = Pick<Published, "comment" | "commentUrl" | "minimised">;

/** The stack file from the repository's root, and its text: where annotations stand. */
export interface StackFileText {
  readonly path: string;
  readonly text: string;
}

/** Where the report of a run that is still under way will stand. */
export interface Thread {
  /**
   * Puts the report there: one comment for each environment, edited by the next run. Never throws: what cannot be written
   * is said.
   */
  publish(report: Report, stackFile: StackFileText): Promise<Published>;
}

/** What a thread is opened for. */
export interface ThreadOptions<Place> {
  readonly place: Place;
  /** What the report will be about. */
  readonly about: Pick<Report, "project" | "stack">;
  /** Told what could not be done, and why. */
  readonly say: Log;
  readonly patience?: Patience;
}
