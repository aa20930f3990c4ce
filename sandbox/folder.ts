import { createHash } from "node:crypto";
import { join, resolve } from "node:path";
import { openProject } from "../automation/project";
import { projectRoot } from "../common/project-root";

/** Where everything of one sandbox lies: one for each project and stack, below one folder of the checkout. */
export interface SandboxFolder {
  readonly root: string;
  /** What sandboxes of all stacks lie below, as an absolute path. */
  readonly home: string;
  /** Held by the command that changes the sandbox; beside the folder, as that may be removed under it. */
  readonly lockFile: string;
  /** Held by the daemon from its first moment to its last. */
  readonly daemonLockFile: string;
  /** Written by the daemon when everything answers; removed when it stops. */
  readonly recordFile: string;
  readonly optionsFile: string;
  readonly logFile: string;
  /** State of the Cloudflare double. */
  readonly cloudflare: string;
  readonly edge: string;
  /** Objects of R2's buckets. */
  readonly storage: string;
  /** Databases that somebody else runs, one folder each. */
  readonly databases: string;
  /** Programs that stand in for those of platforms: first on PATH. */
  readonly bin: string;
  /** What those programs keep. */
  readonly platforms: string;
  /** The machine that is deployed to. */
  readonly host: string;
  readonly pulumiHome: string;
  /** File backend of Pulumi. */
  readonly state: string;
  readonly passphraseFile: string;
  readonly apiTokenFile: string;
  /** Generated values for the secrets that a stack asks for, by name. */
  readonly secretsFile: string;
  /** Last published folder of each site. */
  readonly sites: string;
  /** The stack file as the sandbox hands it to Pulumi. */
  stackFile(stack: string): string;
}

/**
 * The folder of a stack's sandbox: below `GROUNDWORK_HOME`, by default `.groundwork` in the checkout; for another
 * project than this checkout's own, named by that project as well. Makes nothing.
 */
export function sandboxFolder(stack: string, environment: NodeJS.ProcessEnv = process.env): SandboxFolder {
  const home = resolve(environment.GROUNDWORK_HOME || join(projectRoot(), ".groundwork"));
  const { directory, name } = openProject();
  const place = createHash("sha256").update(directory).digest("hex").slice(0, 6);
  const root = join(home, "sandbox", directory === projectRoot() ? stack : `${name}-${place}.${stack}`);
  return {
    home,
    root,
    lockFile: `${root}.lock`,
    daemonLockFile: join(root, "locks", "daemon"),
    recordFile: join(root, "sandbox.json"),
    optionsFile: join(root, "options.json"),
    logFile: join(root, "daemon.log"),
    cloudflare: join(root, "cloudflare"),
    edge: join(root, "edge"),
    storage: join(root, "storage"),
    databases: join(root, "databases"),
    bin: join(root, "bin"),
    platforms: join(root, "platforms"),
    host: join(root, "host"),
    pulumiHome: join(root, "pulumi-home"),
    state: join(root, "state"),
    passphraseFile: join(root, "passphrase"),
    apiTokenFile: join(root, "api-token"),
    secretsFile: join(root, "secrets.json"),
    sites: join(root, "sites"),
    stackFile: (name) => join(root, `Pulumi.${name}.yaml`),
  };
}
