import { uuid } from "./ids";

/** One connection of a running cloudflared (or what stands for it) to the edge. */
export interface TunnelConnection {
  readonly id: string;
  readonly tunnelId: string;
  readonly connectorId: string;
  readonly originIp: string;
  readonly version: string;
  readonly openedAt: string;
}

/** Which connectors are attached to which tunnel at this moment. Nothing of it outlives the process. */
export class Connectors {
  readonly #connections = new Map<string, TunnelConnection>();
  readonly #hangUps = new Map<string, () => void>();
  readonly #dropped = new Set<(connection: TunnelConnection) => void>();

  /** @param attached told of each new connection's tunnel */
  constructor(private readonly attached: (tunnelId: string) => void = () => undefined) {}

  /**
   * @param hangUp called when {@link drop} ends this connection
   * @returns a function that detaches it.
   */
  attach(
    connection: Omit<TunnelConnection, "id" | "openedAt">,
    hangUp: () => void = () => undefined,
  ): () => void {
    const id = uuid();
    this.#connections.set(id, { ...connection, id, openedAt: new Date().toISOString() });
    this.#hangUps.set(id, hangUp);
    this.attached(connection.tunnelId);
    return () => this.#forget(id);
  }

  #forget(id: string): void {
    this.#connections.delete(id);
    this.#hangUps.delete(id);
  }

  of(tunnelId: string): TunnelConnection[] {
    return [...this.#connections.values()].filter((connection) => connection.tunnelId === tunnelId);
  }

  /** Ends the connections of a tunnel, or of one of its connectors. */
  drop(tunnelId: string, connectorId?: string): void {
    for (const connection of this.of(tunnelId)) {
      if (connectorId !== undefined && connection.connectorId !== connectorId) continue;
      const hangUp = this.#hangUps.get(connection.id);
      this.#forget(connection.id);
      hangUp?.();
      for (const listener of this.#dropped) listener(connection);
    }
  }

  /** Told of connections that {@link drop} ends. */
  onDrop(listener: (connection: TunnelConnection) => void): void {
    this.#dropped.add(listener);
  }
}
