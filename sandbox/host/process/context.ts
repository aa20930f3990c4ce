import { join } from "node:path";
import type { HostConfig } from "../config";
import { withFileLock } from "../files";
import type { HostLayout } from "../layout";
import type { ServiceStore } from "./store";

/** What every part of the runner works with. */
export interface RunContext {
  readonly layout: HostLayout;
  readonly config: HostConfig;
  readonly store: ServiceStore;
  /** Progress and notices, one line each. */
  readonly say: (line: string) => void;
}

/** Changes services of a project while no other command does. */
export function withProjectLock<T>(
  { layout }: RunContext,
  project: string,
  action: () => Promise<T>,
): Promise<T> {
  return withFileLock(join(layout.directory, "locks", project), action);
}
