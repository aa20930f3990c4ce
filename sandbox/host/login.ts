import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { shellQuote, shellWords } from "../../common/shell-words";
import type { PostgresClients } from "../engine/postgres-clients";
import type { ResticToCome } from "../engine/restic";
import { toolFile, type ToolName } from "./bundle-names";
import { writeCrontab } from "./crontab";
import { writeFileAtomically } from "./files";
import type { HostLayout } from "./layout";
import { findDatabaseClient } from "./postgres/real-program";

/** Makes the machine's folders. Private to the user, but for passing through: PostgreSQL's user has to. */
export function makeFolders(layout: HostLayout): void {
  mkdirSync(layout.directory, { recursive: true, mode: 0o711 });
  for (const folder of [layout.home, layout.keys, layout.projects, layout.docker, layout.temporary]) {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
  }
  for (const folder of [layout.bin, layout.tools, layout.images, join(layout.tools, "bin")]) {
    mkdirSync(folder, { recursive: true, mode: 0o755 });
  }
}

/** Puts the `docker` of the machine on its PATH, and `psql` and `pg_isready` on that of its services. */
export function writePrograms(layout: HostLayout, backups?: BackupPrograms): void {
  const standIn =
    process.env["GROUNDWORK_STAND_IN"] === "1" ? "GROUNDWORK_STAND_IN=1; export GROUNDWORK_STAND_IN\n" : "";
  const script = (folder: string, name: string, tool: ToolName, ...args: string[]): void => {
    const words = shellWords([process.execPath, toolFile(layout.tools, tool), ...args]);
    writeFileAtomically(join(folder, name), `#!/bin/sh\n${standIn}exec ${words} "$@"\n`, 0o755);
  };
  script(layout.bin, "docker", "docker", layout.directory);
  script(join(layout.tools, "bin"), "psql", "psql");
  script(join(layout.tools, "bin"), "pg_isready", "pg_isready");
  // Who listens on the sandbox's own machine is not asked: on a host, what publishes a port is a container.
  writeFileAtomically(join(layout.bin, "ss"), "#!/bin/sh\nexit 0\n", 0o755);
  // Scripts on the machine ask its own ports; curl is led to where those really are.
  script(layout.bin, "curl", "curl", layout.directory);
  writeCrontab(layout);
  if (backups === undefined) return;
  const real = (folder: string, name: string, program: string): void =>
    writeFileAtomically(join(folder, name), `#!/bin/sh\nexec ${shellQuote(program)} "$@"\n`, 0o755);
  writeFileAtomically(join(layout.bin, "restic"), resticScript(backups.restic), 0o755);
  const { postgres } = backups;
  if (postgres === undefined) return;
  for (const name of ["pg_dump", "pg_restore"] as const)
    real(join(layout.tools, "bin"), name, join(postgres.bin, name));
  // The stand-in reads all of its input before it begins, and a backup talks with it.
  if (findDatabaseClient("psql") === undefined)
    real(join(layout.tools, "bin"), "psql", join(postgres.bin, "psql"));
}

/** What a host makes backups with. */
export interface BackupPrograms {
  readonly restic: ResticToCome;
  /** Undefined where there are none: a backup fails then, and says so. */
  readonly postgres: PostgresClients | undefined;
}

/** restic, built when it is first needed. Who only asks for its version, as a schedule does, is told without waiting. */
function resticScript({ make, program, version }: ResticToCome): string {
  const file = shellQuote(program);
  return `#!/bin/sh
if [ ! -x ${file} ]; then
  if [ "\${1-}" = version ]; then
    echo 'restic ${version} (built at the first backup)'
    exit
  fi
  ${shellWords(make)} </dev/null >&2 || exit
fi
exec ${file} "$@"
`;
}

/** The environment of a login: what sshd would set, and nothing of the sandbox's own process. */
export function loginEnvironment(layout: HostLayout, user: string): NodeJS.ProcessEnv {
  return {
    HOME: layout.home,
    USER: user,
    LOGNAME: user,
    SHELL: "/bin/sh",
    PATH: [layout.bin, process.env["PATH"] ?? "/usr/local/bin:/usr/bin:/bin"].join(":"),
    TMPDIR: layout.temporary,
    DOCKER_CONFIG: layout.docker,
    ...(process.env["TZ"] !== undefined && { TZ: process.env["TZ"] }),
  };
}
