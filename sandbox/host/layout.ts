import { join } from "node:path";

/**
 * Where everything of one sandbox host lies, below one folder. `home` is the home of the user who logs in: the
 * "machine" as remote scripts see it. Everything beside it belongs to the sandbox itself.
 */
export interface HostLayout {
  readonly directory: string;
  /** HOME of every command run over SSH. */
  readonly home: string;
  /** First on PATH: the `docker` wrapper and the stand-ins. */
  readonly bin: string;
  /** Bundled programs that the wrappers run. */
  readonly tools: string;
  /** TMPDIR of every command. */
  readonly temporary: string;
  readonly keys: string;
  /** Read by the `docker` wrapper: mode, name prefix, images. */
  readonly configFile: string;
  /** Published host port -> loopback port. */
  readonly portsFile: string;
  /** `<project>/<service>` -> the image that a stand-in runs in place of. */
  readonly standInsFile: string;
  /** Process mode: one folder a compose project. */
  readonly projects: string;
  /** Process mode: named volumes, one folder each. */
  readonly volumes: string;
  /** Prepared contents of images. */
  readonly images: string;
  /** Docker mode: client configuration and compose override files. */
  readonly docker: string;
}

/** The layout below an absolute folder. Makes nothing. */
export function hostLayout(directory: string): HostLayout {
  return {
    directory,
    home: join(directory, "home"),
    bin: join(directory, "bin"),
    tools: join(directory, "tools"),
    temporary: join(directory, "tmp"),
    keys: join(directory, "keys"),
    configFile: join(directory, "host.json"),
    portsFile: join(directory, "ports.json"),
    standInsFile: join(directory, "stand-ins.json"),
    projects: join(directory, "projects"),
    volumes: join(directory, "volumes"),
    images: join(directory, "images"),
    docker: join(directory, "docker"),
  };
}
