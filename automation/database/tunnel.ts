import { createServer, type AddressInfo, type Socket } from "node:net";
import { UserError } from "../../common/user-error";
import type { SshConnection } from "../../remote/ssh-client";

/** A port of this machine's loopback that leads to a place that a host reaches. */
export interface Tunnel {
  readonly port: number;
  close(): Promise<void>;
}

/**
 * Opens it. Whoever connects gets a connection of its own there.
 *
 * @param local the port on this machine; 0 takes any free one
 * @throws UserError where the port is taken, or the host does not reach the place
 */
export async function openTunnel(
  host: Pick<SshConnection, "forward">,
  to: { readonly address: string; readonly port: number },
  local = 0,
): Promise<Tunnel> {
  // Tried once before anybody waits: a host that forwards nothing says so here.
  try {
    (await host.forward(to.address, to.port)).destroy();
  } catch (error) {
    throw new UserError({
      what: "the host does not lead to its database",
      value: error instanceof Error ? error.message : String(error),
      next: "allow TCP forwarding in its sshd_config (AllowTcpForwarding yes, PermitOpen any) for this user",
      cause: error,
    });
  }
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
    socket.on("error", () => undefined);
    host.forward(to.address, to.port).then(
      (stream) => {
        stream.on("error", () => socket.destroy());
        stream.on("close", () => socket.destroy());
        socket.on("close", () => stream.destroy());
        socket.pipe(stream).pipe(socket);
      },
      () => socket.destroy(),
    );
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", (error: NodeJS.ErrnoException) =>
      reject(
        error.code === "EADDRINUSE" || error.code === "EACCES"
          ? new UserError({
              what: "the port of this machine is taken or closed",
              value: `127.0.0.1:${local}`,
              allowed: "a free port from 1024; without --port any free one is taken",
              next: "name another one: --port 15433",
              cause: error,
            })
          : error,
      ),
    );
    server.listen(local, "127.0.0.1", resolve);
  });
  return {
    port: (server.address() as AddressInfo).port,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const socket of sockets) socket.destroy();
      }),
  };
}
