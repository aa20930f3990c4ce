import { homedir } from "node:os";
import { join } from "node:path";
import { cacheDirectory } from "../../common/cache";
import { type Log, silent } from "../../common/log";
import { projectRoot } from "../../common/project-root";
import { findRealProgram } from "../host/postgres/real-program";
import { runProgram } from "../host/run-program";
import { buildGoTool, type GoTool, goToolFile } from "./go-build";

/** The restic that is built here. Changing it means `go get` in sandbox/engine/go/restic as well. */
export const resticVersion = "0.18.1";

export const resticTool: GoTool = {
  module: "restic",
  package: "github.com/restic/restic/cmd/restic",
  output: "restic",
  // As restic's own releases are: without it Google's storage brings gRPC and all that describes Envoy.
  tags: "disable_grpc_modules",
};

/** restic from its Go module, built once and kept in the cache. Debian's 0.14 has no exit codes for a locked repository. */
export function buildRestic(log: Log = silent): Promise<string> {
  return buildGoTool(resticTool, log);
}

/** The machine's own restic where it is new enough, else the one built from its Go module. */
export async function findRestic(log: Log = silent): Promise<string> {
  return (await ownRestic()) ?? buildRestic(log);
}

/** A restic that may still have to be built. */
export interface ResticToCome {
  /** Where it is, or will be. */
  readonly program: string;
  /** Which it is then. */
  readonly version: string;
  /** The command line that builds it where it is not there. */
  readonly make: readonly string[];
}

/** The restic that {@link findRestic} gives, without the minutes that building it may take. */
export async function resticToCome(): Promise<ResticToCome> {
  return {
    program: (await ownRestic()) ?? (await goToolFile(resticTool)),
    version: resticVersion,
    // The host has a home of its own; what is built is this user's.
    make: [
      "env",
      ...[`HOME=${homedir()}`, `GROUNDWORK_CACHE=${cacheDirectory()}`],
      ...[process.execPath, join(projectRoot(), "dist", "build-restic.js")],
    ],
  };
}

async function ownRestic(): Promise<string | undefined> {
  const own = findRealProgram("restic");
  if (own === undefined) return undefined;
  const { code, stdout } = await runProgram(own, ["version"], { timeout: 10_000 });
  return code === 0 && isNewEnoughRestic(stdout) ? own : undefined;
}

/** Whether `restic 0.18.1 compiled with …` is 0.17 or newer: from there on its exit codes tell what failed. */
export function isNewEnoughRestic(version: string): boolean {
  const match = /^restic v?(\d+)\.(\d+)/.exec(version.trim());
  const [major = 0, minor = 0] = (match?.slice(1) ?? []).map(Number);
  return major > 0 || minor >= 17;
}
