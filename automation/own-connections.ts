import * as runtime from "@pulumi/pulumi/runtime/index.js";

/**
 * Gives each client of an engine that the SDK makes connections of its own. gRPC otherwise keeps one for each address, for the
 * whole process: one that was asked after its engine had ended is broken for up to two minutes, and where a later engine got
 * the same port, its program's first question fails at once.
 */
export function keepConnectionsApart(): void {
  Object.assign(clientOptions(), { "grpc.use_local_subchannel_pool": 1 });
}

/** Internal to the SDK, without a type; a test asks by them. */
export function clientOptions(): Readonly<Record<string, unknown>> {
  return (runtime as unknown as { grpcClientOptions: Readonly<Record<string, unknown>> }).grpcClientOptions;
}
