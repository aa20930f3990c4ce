/**
 * Which command has started an engine, told by the engine's own environment: that is there from its first moment on, where a
 * lease is written only after it.
 */
import { identify, type ProcessIdentity } from "../../common/processes";

const variable = "GROUNDWORK_STARTED_BY";

/** What an engine is started with, so that others can tell whether this process still lives. */
export function starterVariables(): Readonly<Record<string, string>> {
  const own = identify(process.pid);
  return own === undefined ? {} : { [variable]: `${own.pid} ${own.started}` };
}

/** @param variables an engine's environment */
export function starterOf(variables: Readonly<Record<string, string>>): ProcessIdentity | undefined {
  const [, pid, started] = /^(\d+) (\S+)$/.exec(variables[variable] ?? "") ?? [];
  return pid === undefined || started === undefined ? undefined : { pid: Number(pid), started };
}
