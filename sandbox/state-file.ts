import { existsSync } from "node:fs";
import { join } from "node:path";
import { openProject } from "../automation/project";
import type { StackState } from "../automation/state";
import type { SandboxFolder } from "./folder";
import { keptJson } from "./kept-files";

/** Where Pulumi's file backend keeps a stack of this project; the state before the last write is beside it. */
export function stateFile(folder: SandboxFolder, stack: string): string {
  return join(folder.state, ".pulumi", "stacks", openProject().name, `${stack}.json`);
}

/** True where a stack has been begun, whether or not its state can be read. */
export function hasState(folder: SandboxFolder, stack: string): boolean {
  return existsSync(stateFile(folder, stack)) || existsSync(`${stateFile(folder, stack)}.bak`);
}

/**
 * The state as the file backend keeps it; an empty one where there is none yet.
 *
 * @throws UserError where a write of it was cut short
 */
export async function readState(folder: SandboxFolder, stack: string): Promise<StackState> {
  const file = await keptJson<{ checkpoint?: { latest?: StackState } }>(stateFile(folder, stack), {});
  return file.checkpoint?.latest ?? {};
}
