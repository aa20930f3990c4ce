import { credentials } from "@grpc/grpc-js";
import type { EngineClient } from "@pulumi/pulumi/proto/engine_grpc_pb";
import type { LogSeverity } from "./definition";

const severities = { debug: 0, info: 1, warning: 2, error: 3 } as const;

/** Messages for the user by way of the engine, in order. The connection is made at the first one. */
export class EngineLog {
  private address: string | undefined;
  private client: EngineClient | undefined;
  private last: Promise<void> = Promise.resolve();

  constructor(address: string | undefined) {
    this.address = address;
  }

  attach(address: string): void {
    this.address = address;
    this.client = undefined;
  }

  send(severity: LogSeverity, message: string, urn: string, ephemeral = false): void {
    // A message that cannot be delivered is no reason to fail what it is about.
    this.last = this.last.then(() => this.deliver(severity, message, urn, ephemeral)).catch(() => undefined);
  }

  private async deliver(
    severity: LogSeverity,
    message: string,
    urn: string,
    ephemeral: boolean,
  ): Promise<void> {
    if (this.address === undefined) return;
    // Loaded late: most runs of a provider say nothing.
    const [{ EngineClient }, { LogRequest }] = await Promise.all([
      import("@pulumi/pulumi/proto/engine_grpc_pb"),
      import("@pulumi/pulumi/proto/engine_pb"),
    ]);
    const client = (this.client ??= new EngineClient(this.address, credentials.createInsecure()));
    const request = new LogRequest()
      .setSeverity(severities[severity])
      .setMessage(message)
      .setUrn(urn)
      .setEphemeral(ephemeral);
    await new Promise<void>((resolve) => client.log(request, () => resolve()));
  }

  /** Resolves when everything sent so far has arrived. */
  async flushed(): Promise<void> {
    await this.last;
  }
}
