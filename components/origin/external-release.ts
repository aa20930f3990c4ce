import type { ExternalRelease, ExternalReleaseInput, ExternalReleaseOutput } from "./external-input";
import { waitForHealth } from "./external-health";
import type { Ledger } from "./ledger";
import { runCommand } from "./run-command";

/** What watches the public address while a release goes out. */
export interface ReleaseProbe {
  start(): void;
  /** Traffic has gone over to the new release. */
  switched(at: number): void;
  /** @returns the ledger */
  stop(release: string, aborted: boolean): Promise<Ledger>;
}

/** Why a release did not go out, or was taken back. */
export class ReleaseFailure extends Error {
  constructor(
    message: string,
    /** 1: the command failed; 21: not healthy; 22: it failed in public and was taken back. */
    readonly exitCode: number,
    readonly lines: readonly string[],
  ) {
    super(message);
  }
}

/** Good answers in a row that make a release healthy. */
const passes = 3;
/** How long the public address is watched after it. */
const watchMs = 3000;
const kept = 5;

/**
 * Releases at a platform: the user's command, health at the platform, the public address watched throughout. What fails
 * after the command has succeeded is taken back by the user's rollback command, where there is one and something to go
 * back to.
 *
 * @param before releases of earlier runs, the newest first
 * @param probeFor makes what watches; `onFailing` is called once when the new release fails in public
 * @throws ReleaseFailure
 */
export async function releaseExternal(
  input: ExternalReleaseInput,
  before: readonly ExternalRelease[],
  probeFor: (onFailing: () => void) => ReleaseProbe | undefined = () => undefined,
): Promise<ExternalReleaseOutput> {
  const { origin, release, image, healthPath, targetName } = input;
  const startedAt = Date.now();
  const others = before.filter((each) => each.release !== release);
  const previous = before[0]?.release === release ? others[0] : before[0];
  let failing: (() => void) | undefined;
  let failsInPublic = false;
  const probe = probeFor(() => {
    failsInPublic = true;
    failing?.();
  });
  probe?.start();
  const fail = async (message: string, code: number, lines: readonly string[]): Promise<never> => {
    const told = code === 1 ? [] : await takeBack(input, previous);
    await probe?.stop(release, code === 22);
    throw new ReleaseFailure(message, code, [...lines, ...told]);
  };

  const ran = await runReleaseCommand(input, input.command, { release, image }, previous);
  if (ran.problem !== undefined) {
    return fail(
      `${origin}: the release command failed: ${ran.problem}; what served before is left as it is`,
      1,
      ran.lastLines,
    );
  }
  probe?.switched(Date.now());
  if (healthPath !== undefined) {
    const problem = await waitForHealth(input.target, {
      hostname: targetName,
      path: healthPath,
      passes,
      timeoutMs: 1000 * input.healthTimeoutSeconds,
    });
    if (problem !== undefined) {
      const asked = `https://${targetName}${healthPath}`;
      return fail(`${origin}: the new release is not healthy: ${asked}: ${problem}`, 21, ran.lastLines);
    }
  }
  if (probe !== undefined && !failsInPublic) {
    await new Promise<void>((resolve) => {
      failing = resolve;
      setTimeout(resolve, watchMs);
    });
  }
  if (failsInPublic) {
    return fail(`${origin}: the new release fails at its public address`, 22, ran.lastLines);
  }
  const ledger = await probe?.stop(release, false);
  const done: ExternalRelease = {
    release,
    ...(image === undefined ? {} : { image }),
    at: new Date().toISOString(),
  };
  return {
    step: "external-release",
    origin,
    ...done,
    seconds: Math.round((Date.now() - startedAt) / 100) / 10,
    releases: [done, ...others].slice(0, kept),
    ...(ledger === undefined ? {} : { ledger }),
  };
}

/** Runs the rollback command for an earlier release. @returns what came of it, in lines for a message */
export async function takeBack(
  input: ExternalReleaseInput,
  to: ExternalRelease | undefined,
): Promise<readonly string[]> {
  if (input.rollback === undefined) return ["it was not taken back: there is no rollback command"];
  if (to === undefined) return ["it was not taken back: there is no release before it"];
  const back = await runReleaseCommand(input, input.rollback, to, undefined);
  if (back.problem === undefined) return [`release ${to.release} was brought back by the rollback command`];
  return [`the rollback command failed as well: ${back.problem}`, ...back.lastLines];
}

/**
 * Goes back to an earlier release by the user's commands: the schema first where that is asked, then the rollback command,
 * then the platform's health.
 *
 * @throws ReleaseFailure
 */
export async function goBack(
  input: ExternalReleaseInput,
  to: ExternalRelease,
  { downgrade = false }: { readonly downgrade?: boolean } = {},
): Promise<void> {
  const { origin, rollback, variables, targetName, healthPath } = input;
  if (rollback === undefined) throw new ReleaseFailure(`${origin} has no rollbackCommand`, 23, []);
  if (downgrade) {
    if (input.downgrade === undefined) throw new ReleaseFailure(`${origin} has no downgradeCommand`, 23, []);
    const { problem, lastLines } = await runReleaseCommand(
      { ...input, environment: { ...variables, ...input.environment } },
      input.downgrade,
      to,
      undefined,
    );
    if (problem !== undefined) {
      throw new ReleaseFailure(
        `${origin}: the downgrade failed, nothing else was done: ${problem}`,
        1,
        lastLines,
      );
    }
  }
  const { problem, lastLines } = await runReleaseCommand(input, rollback, to, undefined);
  if (problem !== undefined) {
    throw new ReleaseFailure(`${origin}: the rollback command failed: ${problem}`, 1, lastLines);
  }
  if (healthPath === undefined) return;
  const timeoutMs = 1000 * input.healthTimeoutSeconds;
  const ill = await waitForHealth(input.target, {
    hostname: targetName,
    path: healthPath,
    passes,
    timeoutMs,
  });
  if (ill !== undefined) {
    const asked = `https://${targetName}${healthPath}`;
    throw new ReleaseFailure(
      `${origin}: release ${to.release} is not healthy: ${asked}: ${ill}`,
      21,
      lastLines,
    );
  }
}

function runReleaseCommand(
  input: ExternalReleaseInput,
  command: readonly string[],
  { release, image }: Pick<ExternalRelease, "release" | "image">,
  previous: ExternalRelease | undefined,
): ReturnType<typeof runCommand> {
  return runCommand({
    command,
    environment: {
      ...input.environment,
      RELEASE_ID: release,
      ...(image === undefined ? {} : { IMAGE: image }),
      ...(previous === undefined ? {} : { PREVIOUS_RELEASE_ID: previous.release }),
      ...(previous?.image === undefined ? {} : { PREVIOUS_IMAGE: previous.image }),
    },
    timeoutMs: 1000 * input.timeoutSeconds,
    secrets: input.redact,
  });
}

/** The releases in the output of an earlier run; none where there was none. */
export function releasesBefore(stdout: string | undefined): readonly ExternalRelease[] {
  try {
    const last = (stdout ?? "").trim().split("\n").at(-1) ?? "";
    const { releases = [] } = JSON.parse(last) as Partial<ExternalReleaseOutput>;
    return releases.filter(({ release }) => typeof release === "string");
  } catch {
    return [];
  }
}
