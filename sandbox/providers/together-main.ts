/**
 * dist/providers/together.js: all providers of one run in one process, which {@link startTogether} starts while the engine is
 * still starting. Each connection is that of one provider with its own settings, as a process of its own would be.
 */
import { Server, type Socket } from "node:net";
import { ServerCredentials } from "@grpc/grpc-js";
import { endLocalRunsWithProcess } from "./command/local-run";
import type { ProviderDefinition } from "./definition";
import type { ProviderName } from "./install";
import { grpcServer, isGone } from "./serve";
import { Session } from "./service";

const modules: Readonly<Record<ProviderName, () => Promise<{ readonly provider: unknown }>>> = {
  aws: () => import("./aws/provider"),
  cloudflare: () => import("./cloudflare/provider"),
  command: () => import("./command/provider"),
  docker: () => import("./docker/provider"),
  random: () => import("./random/provider"),
};

/** Of nearly every environment: loaded before the engine asks. */
const usual = ["random", "cloudflare", "command"] as const;

const engines = new Set<string>();
/** Sessions by provider whose connection has ended although the engine lives. */
const left = new Map<ProviderName, Session[]>();

async function serveConnection(name: ProviderName, socket: Socket): Promise<void> {
  const definition = (await modules[name]()).provider as ProviderDefinition<never>;
  let session: Session | undefined;
  const server = grpcServer({
    current: () => (session ??= resumed(name)),
    attach: (engine) => {
      engines.add(engine);
      session = new Session(definition, engine);
    },
  });
  socket.once("close", () => {
    if (session !== undefined) left.set(name, [...(left.get(name) ?? []), session]);
    void endWithEngines();
  });
  server.createConnectionInjector(ServerCredentials.createInsecure()).injectConnection(socket);
}

/**
 * The engine's gRPC lets go of a connection that was idle for half an hour, and makes it anew without telling again who it is.
 */
function resumed(name: ProviderName): Session {
  const [session, ...others] = left.get(name) ?? [];
  if (session === undefined || others.length > 0) {
    throw new Error(
      `the provider ${name} was idle for too long to know which of its settings are meant; run it again`,
    );
  }
  left.delete(name);
  return session;
}

/** What a killed engine has asked for is not gone on with. */
async function endWithEngines(): Promise<void> {
  const gone = await Promise.all([...engines].map(isGone));
  if (engines.size > 0 && gone.every(Boolean)) process.exit(1);
}

endLocalRunsWithProcess();

process.on("message", (name: ProviderName, handed: Server | Socket) => {
  if (!(handed instanceof Server)) void serveConnection(name, handed);
  else handed.on("connection", (socket) => void serveConnection(name, socket));
});

// Who has started this is gone: the engine, if there is one yet, ends as well, with what is under way.
process.once("disconnect", () => {
  if (engines.size === 0) process.exit(1);
  setInterval(() => void endWithEngines(), 500);
});

setImmediate(() => void Promise.all(usual.map((name) => modules[name]())));
