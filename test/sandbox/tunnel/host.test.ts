import { once } from "node:events";
import { standInImage } from "../../../sandbox/host/images/stand-in";
import { cloudflaredImage } from "../../../sandbox/tunnel/image";
import { canStartDaemon, startDaemon, type TestDaemon } from "../../support/docker-daemon";
import { describeWhere, TestHost } from "../host/support";
import { accountId, root, TunnelWorld, until } from "./world";

// The image that runs as cloudflare/cloudflared, beside a service that publishes no port: as the component adds it.

const api = `api.${root}`;
const composeFile = `
services:
  web:
    image: ghcr.io/example/unknown:1
    environment: { PORT: "3001" }
    healthcheck: { test: ["CMD", "true"], interval: 1s }
  cloudflared:
    image: cloudflare/cloudflared:2025.8.1
    command: ["tunnel", "--no-autoupdate", "--metrics", "127.0.0.1:20241", "run"]
    restart: unless-stopped
    environment: { TUNNEL_TOKEN: "\${TUNNEL_TOKEN}" }
    healthcheck:
      test: ["CMD", "cloudflared", "tunnel", "--metrics", "127.0.0.1:20241", "ready"]
      interval: 1s
      retries: 20
`;

describe.each([
  ["as plain processes", "process"],
  ["in Docker", "docker"],
] as const)("a connector on the host %s", (_how, mode) => {
  const available = mode === "process" || canStartDaemon;
  describeWhere(available, "this machine cannot start a Docker daemon")("", () => {
    let daemon: TestDaemon | undefined;
    let world: TunnelWorld;
    let machine: TestHost;
    const { DOCKER_HOST: before } = process.env;

    beforeAll(async () => {
      if (mode === "docker") {
        daemon = await startDaemon({ networks: true });
        process.env["DOCKER_HOST"] = daemon.host;
      }
      world = await TunnelWorld.start();
      const images = [cloudflaredImage(world.tunnels.socket), standInImage()];
      machine = await TestHost.start({ mode, images });
    }, 180_000);
    afterAll(async () => {
      await machine.remove();
      await world.close();
      if (before === undefined) delete process.env["DOCKER_HOST"];
      else process.env["DOCKER_HOST"] = before;
      await daemon?.close();
    }, 60_000);

    const compose = (words: string) => machine.ssh(`cd pika && docker compose ${words}`);

    test("is healthy once it is connected, carries requests and WebSockets, survives restarts, and goes", async () => {
      const { id, token } = await world.tunnel({ [api]: "http://web:3001" });
      const write = "mkdir -p pika && cd pika && umask 077 && cat > .env";
      await machine.ssh(write, { input: `TUNNEL_TOKEN=${token}\n` });
      await machine.ssh("cat > pika/compose.yaml", { input: composeFile });
      const up = await compose("up --detach --wait");
      expect({ code: up.code, stderr: up.code === 0 ? "" : up.stderr }).toEqual({ code: 0, stderr: "" });
      expect(up.stderr).toContain("a connector of the sandbox's own carries the tunnel's traffic");
      const { cloudflared } = world.client.zeroTrust.tunnels;
      const status = async () => (await cloudflared.get(id, { account_id: accountId })).status;
      expect(await status()).toBe("healthy");
      expect(JSON.parse((await world.get(api, "/a")).body)).toMatchObject({ service: "web", path: "/a" });
      const socket = world.socket(api, "/ws");
      const [first] = (await once(socket, "message")) as [Buffer];
      expect(JSON.parse(first.toString())).toMatchObject({ service: "web", path: "/ws" });
      socket.terminate();

      // The sandbox's own process goes and comes; the connector finds the new one by itself.
      await world.tunnels.close();
      world.tunnels = await world.listen();
      await until(async () => (await world.get(api)).status === 200);

      expect((await compose("stop cloudflared")).code).toBe(0);
      await until(async () => (await status()) === "down");
      expect((await world.get(api)).status).toBe(530);
      expect((await compose("logs cloudflared")).stdout).not.toContain(token);
      expect((await compose("down")).code).toBe(0);
    }, 180_000);
  });
});
