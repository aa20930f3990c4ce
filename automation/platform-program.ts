import type { PulumiFn } from "@pulumi/pulumi/automation/index.js";
import { loadSettings } from "../platform/settings";
import { stackSchema } from "../platform/settings/stack-schema";
import type { StackConfig } from "./stack-config";

/** Whose program it is, and where its settings stand. */
export interface ProgramPlace {
  readonly stack: string;
  /** Folder with Pulumi.yaml and the stack files. */
  readonly directory: string;
  /** A stack file that is used instead. */
  readonly configFile: string | undefined;
}

/** Loads what the program and the run beside it need, so that it is there once the engine asks for the program. */
export async function loadPlatform(verb: string): Promise<void> {
  stackSchema();
  await import("../platform/platform");
  if (verb !== "up") return;
  // For the check of the token, and the login to the hosts.
  void new Headers();
  await import("ssh2");
}

/**
 * The platform's program, as the Automation API runs it.
 *
 * @param onConfig told what the program reads, before it registers anything; to have it read by a command of its own would
 *   be one more start of the engine: half a second. @default nobody
 */
export function platformProgram(
  { stack, directory, configFile }: ProgramPlace,
  onConfig: (config: StackConfig) => void | Promise<void> = () => undefined,
): PulumiFn {
  return async () => {
    const loaded = loadSettings(directory, configFile);
    await onConfig({ stack, settings: loaded.settings, secrets: loaded.plainSecrets });
    const { deploySettings } = await import("../platform/platform");
    return deploySettings(loaded, directory);
  };
}
