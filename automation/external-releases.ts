/** Releases at platforms: what the state knows of them, and the way back by the commands of the user's. */
import { UserError } from "../common/user-error";
import type { ExternalRelease, ExternalReleaseInput } from "../components/origin/external-input";
import { goBack, ReleaseFailure, releasesBefore } from "../components/origin/external-release";

/** The last release step of an external origin, as the state has it. */
export interface ExternalStep {
  /** Its standard input. Secret. */
  readonly stdin: string;
  readonly stdout: string;
}

/** What an external origin went back to. */
export interface ExternalRollback {
  readonly origin: string;
  readonly release: string;
  readonly image?: string | undefined;
}

/**
 * Goes back to an earlier release at a platform.
 *
 * @throws UserError where nothing was released from here, there is nothing to go back to, or a command fails
 */
export async function rollBackExternal(
  origin: string,
  step: ExternalStep | undefined,
  { to, downgrade, log = () => undefined }: ExternalRollbackOptions,
): Promise<ExternalRollback> {
  if (step === undefined) {
    throw new UserError({
      what: "that origin was not released from here yet",
      value: origin,
      next: "npx groundwork up makes the first release, where the origin has a releaseCommand",
    });
  }
  const input = JSON.parse(step.stdin) as ExternalReleaseInput;
  const all = releasesBefore(step.stdout);
  const target = to === undefined ? all[1] : all.find(({ release }) => release.startsWith(to));
  if (target === undefined) {
    throw new UserError({
      what: to === undefined ? "there is no release before the last one" : "no release of that id is known",
      value: to ?? origin,
      allowed: all.map(tell).join(", ") || "none",
      next: "npx groundwork releases",
    });
  }
  log(`${origin}: back to release ${tell(target)}`);
  try {
    await goBack(input, target, { downgrade: downgrade === true });
  } catch (cause) {
    if (!(cause instanceof ReleaseFailure)) throw cause;
    throw new UserError({
      what: cause.message,
      ...(cause.lines.length === 0
        ? {}
        : { value: `\n${cause.lines.map((line) => `  ${line}`).join("\n")}` }),
      next:
        cause.exitCode === 23
          ? "write that command into the origin, run npx groundwork up, and try again"
          : "look at the platform, mend what is said, and run the same command again",
      cause,
    });
  }
  const { release, image } = target;
  return { origin, release, ...(image === undefined ? {} : { image }) };
}

export interface ExternalRollbackOptions {
  /** Id of a release, or the beginning of one. @default the one before the last */
  readonly to?: string | undefined;
  /** Takes the last migration back first. @default false */
  readonly downgrade?: boolean | undefined;
  readonly log?: (line: string) => void;
}

function tell({ release, image, at }: ExternalRelease): string {
  return `${release} (${[image, at].filter((part) => part !== undefined && part !== "").join(", ")})`;
}
