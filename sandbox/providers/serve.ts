/**
 * A provider as a process of its own, as the engine wants it: a gRPC server of the ResourceProvider service whose
 * port is printed as the first line. Only the protocol's modules of `@pulumi/pulumi` are loaded: the whole SDK
 * would cost about a second at every preview.
 */
import { connect } from "node:net";
import { Server, ServerCredentials } from "@grpc/grpc-js";
import { ResourceProviderService } from "@pulumi/pulumi/proto/provider_grpc_pb";
import type { ProviderDefinition } from "./definition";
import { handlers, Session, type Sessions } from "./service";

/**
 * Serves a provider until the engine goes away.
 *
 * @param args - the process's arguments: the engine's address, and flags that are of no concern here
 * @example
 * serve({ name: "random", version: "4.21.2", resources }, process.argv.slice(2));
 */
export function serve<Config>(definition: ProviderDefinition<Config>, args: readonly string[]): void {
  const engine = engineAddress(args);
  const session = new Session(definition as unknown as ProviderDefinition<never>, engine);
  const server = grpcServer({ current: () => session, attach: (address) => session.log.attach(address) });
  server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, port) => {
    if (error !== null) {
      console.error(`the provider ${definition.name} could not listen: ${error.message}`);
      process.exit(1);
    }
    // As a text: a number is coloured where FORCE_COLOR is set, and the engine wants the port alone.
    console.log(String(port));
  });
  endWithParent(engine);
}

/** A server of the service, which does not listen yet. */
export function grpcServer(sessions: Sessions): Server {
  const server = new Server({ "grpc.max_receive_message_length": -1, "grpc.max_send_message_length": -1 });
  server.addService(ResourceProviderService, handlers(sessions));
  return server;
}

/**
 * A killed engine takes its providers along: orphans are given to another parent. One that was an orphan before it came here
 * sees that nobody listens at the engine's address.
 */
function endWithParent(engine: string | undefined): void {
  const parent = process.ppid;
  setInterval(() => {
    if (process.ppid !== parent) process.exit(1);
  }, 2_000).unref();
  if (engine !== undefined) void isGone(engine).then((gone) => gone && process.exit(1));
}

/** Whether nobody listens at an engine's address, `127.0.0.1:port`. */
export function isGone(engine: string): Promise<boolean> {
  const [, host, port] = /^(.*):(\d+)$/.exec(engine) ?? [];
  if (host === undefined) return Promise.resolve(false);
  return new Promise((resolve) => {
    const look = connect(Number(port), host, () => {
      look.destroy();
      resolve(false);
    });
    look.on("error", (error: NodeJS.ErrnoException) => resolve(error.code === "ECONNREFUSED"));
    look.unref();
  });
}

/** The engine puts flags of its own logging before its address. */
export function engineAddress(args: readonly string[]): string | undefined {
  const skipValueOf = new Set(["--tracing"]);
  for (let index = 0; index < args.length; index++) {
    const argument = args[index]!;
    if (skipValueOf.has(argument)) index++;
    else if (!argument.startsWith("-")) return argument;
  }
  return undefined;
}
