import { type ChildProcess, spawn } from "node:child_process";
import { createServer, type Server } from "node:net";
import { join } from "node:path";
import { projectRoot } from "../../common/project-root";
import { ownProviders, type ProviderName } from "./install";

/** Where an engine is to be started, for {@link startTogether}. */
export interface EnginePlace {
  /** The engine's whole environment: providers and what they run have it, too. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** The engine's working directory. */
  readonly directory: string;
  /** Told what the process prints where it breaks. @default nobody */
  readonly onError?: (text: string) => void;
}

/** Providers that are there before the engine asks for them. */
export interface ProvidersTogether {
  /** What leads the engine to them. */
  readonly variables: Readonly<Record<string, string>>;
  /** Ends them; once the engine has ended. */
  readonly end: () => void;
}

/** By which the engine is told of providers that are there already: `name:port,…`. */
const variable = "PULUMI_DEBUG_PROVIDERS";

/**
 * Starts the sandbox's own providers of a PULUMI_HOME in one process, at once with the engine. The engine itself starts them one
 * after the other, each when its first resource comes, and each has to load the protocol anew: a fifth of a second for each.
 * Their ports take connections before the process does, so nothing is waited for.
 *
 * @returns Undefined where that home has none of ours: real plugins are started by the engine.
 * @example
 * const providers = await startTogether({ environment, directory });
 * const engine = spawn("pulumi", ["preview"], { cwd: directory, env: { ...environment, ...providers?.variables } });
 * engine.once("close", () => providers?.end());
 */
export async function startTogether({
  environment,
  directory,
  onError,
}: EnginePlace): Promise<ProvidersTogether | undefined> {
  const { PULUMI_HOME: pulumiHome, PATH: path, [variable]: given } = environment;
  const names = pulumiHome === undefined ? [] : ownProviders(pulumiHome, path);
  if (names.length === 0) return undefined;
  const servers = await Promise.all(names.map(listen));
  const ports = names.map((name, index) => `${name}:${portOf(servers[index]!)}`);
  const child = spawn(
    process.execPath,
    [join(projectRoot(), "bin", "load-bundle.js"), "providers/together"],
    {
      cwd: directory,
      env: environment,
      // Ctrl-C in a terminal is the engine's to be told.
      detached: true,
      stdio: ["ignore", "ignore", "pipe", "ipc"],
    },
  );
  child.on("error", (error) => onError?.(`the providers could not be started: ${error.message}\n`));
  child.stderr?.setEncoding("utf8").on("data", (text: string) => onError?.(text));
  names.forEach((name, index) => hand(servers[index]!, name, child));
  child.unref();
  child.channel?.unref();
  return {
    // The first of a name counts: who names one for the engine by hand means it.
    variables: { [variable]: [...(given ? [given] : []), ...ports].join(",") },
    end: () => {
      child.kill();
      // Those that an engine which ended at once has left here.
      for (const server of servers) server.close();
    },
  };
}

function listen(): Promise<Server> {
  return new Promise((resolve, reject) => {
    const server = createServer({ pauseOnConnect: true });
    server.once("error", reject);
    server.listen(0, "127.0.0.1", () => resolve(server));
  });
}

function portOf(server: Server): number {
  const address = server.address();
  return typeof address === "object" && address !== null ? address.port : 0;
}

/** The port goes on to listen in the other process; who comes before that has taken it over is handed on as well. */
function hand(server: Server, name: ProviderName, child: ChildProcess): void {
  server.on("connection", (socket) => {
    if (child.connected) child.send(name, socket, () => undefined);
    else socket.destroy();
  });
  child.send(name, server, () => server.close());
}
