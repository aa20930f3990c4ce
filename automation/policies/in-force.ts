import { join } from "node:path";
import { countRules } from "../../report";
import type { Engine } from "../../sandbox/engine/engine";
import type { MigrationSources } from "./migrations";
import { type ReadyPacks, readyPacks } from "./packs";
import { PolicyJudge, policiesOf } from "./policies";

/** The policies that a stack file asks for. */
export interface PoliciesInForce {
  /** Undefined where there is none. */
  readonly packs: ReadyPacks | undefined;
  /** Whether the file has rules of its own, which a preview is held against before anything is changed. */
  readonly hasRules: boolean;
  /** A judge for one preview. */
  readonly judge: () => PolicyJudge | undefined;
}

/**
 * Reads a stack file as it is now.
 *
 * @throws UserError as {@link policiesOf}
 */
export function policiesInForce(
  stackFile: string,
  {
    directory,
    engine,
    ...place
  }: { readonly directory: string; readonly engine: Engine; readonly project: string } & MigrationSources,
): PoliciesInForce {
  const settings = policiesOf(stackFile);
  if (settings === undefined) return { packs: undefined, hasRules: false, judge: () => undefined };
  const work = join(directory, ".groundwork", "policies");
  return {
    packs: settings.packs.length === 0 ? undefined : readyPacks(settings.packs, { engine, directory, work }),
    hasRules: countRules(settings) > 0,
    judge: () => new PolicyJudge(settings, place),
  };
}
